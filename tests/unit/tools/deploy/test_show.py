"""What a deploy shows."""

import io
import time

import pytest
from rich.console import Console

from tools.deploy import show
from tools.deploy.costs import Cost
from tools.deploy.show import Display


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def display(screen: io.StringIO) -> Display:
    return Display(Console(file=screen, width=100))


def test_a_stage_ends_with_its_time_and_result(display: Display, screen: io.StringIO) -> None:
    """One line a stage, however long its result is."""
    with display.stage("Uploading the seed data") as result:
        result.text = "two files of [interactions] and items " + "x" * 200
    (line,) = screen.getvalue().splitlines()
    assert line.startswith("✓     0.0 s  Uploading the seed data  two files of [interactions] and items xxx")


def test_a_stage_that_fails_is_marked(display: Display, screen: io.StringIO) -> None:
    """An interrupt is marked too: one sees where it was."""
    with pytest.raises(KeyboardInterrupt), display.stage("Deploying data"):
        raise KeyboardInterrupt
    assert screen.getvalue().startswith("✗     0.0 s  Deploying data")


def test_without_a_terminal_progress_is_told_now_and_then(
    display: Display, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of a pipeline is not flooded: the first line after some seconds, then one every half minute."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with display.stage("Training, judging, promoting"):
        for second in range(0, 70, 2):
            now[0] = 100.0 + second
            display.progress(f"at {second} s")
    told = [line.strip() for line in screen.getvalue().splitlines()[:-1]]
    assert ["at 6 s", "at 36 s", "at 66 s"] == told


def test_the_bill_puts_campaigns_first_and_names_what_is_not_in_the_sum(display: Display, screen: io.StringIO) -> None:
    """The sum is of what is known, and says what is left out."""
    costs = [Cost("2 idle campaigns", 292.0, "1 TPS"), Cost("Training", None, "unknown price"), Cost("Key", 1.0, "")]
    display.costs("dev", costs, 500, simulated=False)
    shown = screen.getvalue()
    assert shown.index("2 idle campaigns") < shown.index("Training") < shown.index("Key")
    assert "What dev costs, without a visitor" in shown
    assert "unknown" in shown
    together = next(line for line in shown.splitlines() if line.startswith("Together"))
    assert together.split()[1] == "293.00"
    assert "without training" in together
    assert "Here it costs nothing" not in shown


def test_a_bill_above_the_budget_is_red_and_says_so_in_words() -> None:
    """Whoever has no colours reads the same; who has them sees red."""
    for terminal, red in ((True, True), (False, False)):
        screen = io.StringIO()
        shown = Display(Console(file=screen, force_terminal=terminal, color_system="standard" if terminal else None))
        shown.costs("dev", [Cost("Key", 9.0, "")], 5, simulated=False, over="ABOVE THE BUDGET: 4.00 more")
        assert "ABOVE THE BUDGET: 4.00 more" in screen.getvalue()
        assert red == ("\x1b[1;31m" in screen.getvalue())


def test_what_costs_nothing_at_rest_is_one_line_of_the_bill(display: Display, screen: io.StringIO) -> None:
    """With the command that says what it costs with visitors."""
    costs = [Cost("2 idle campaigns", 788.4, ""), Cost("Firehose", 0.0, "a"), Cost("Archive", 0.0, "b")]
    display.costs("dev", costs, 900, simulated=False)
    line = next(line for line in screen.getvalue().splitlines() if line.startswith("Firehose; Archive"))
    assert line.split()[2] == "0.00"
    assert "--cost --events N" in screen.getvalue()


def test_the_local_cloud_costs_nothing(display: Display, screen: io.StringIO) -> None:
    """The bill is what the same would cost on AWS."""
    display.costs("local", [Cost("Key", 1.0, "")], 500, simulated=True)
    assert "What local would cost on AWS" in screen.getvalue()
    assert "Here it costs nothing." in screen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (99.94, "99.9 s"), (100, "1 min 40 s"), (7_199, "119 min 59 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    """Seconds while they are few, minutes after."""
    assert shown == show._duration(seconds)
