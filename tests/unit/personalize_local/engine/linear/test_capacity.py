"""What does not fit is refused before memory is taken."""

from pathlib import Path

import pytest

from personalize_local.engine.base.data import Catalogue
from personalize_local.engine.linear import capacity
from personalize_local.engine.linear.capacity import TooLargeError, available_bytes, check_fits, needed_bytes
from personalize_local.engine.recommenders.sequence import SequenceModel
from tests.refusal import refusal
from tests.unit.personalize_local.engine.worlds import lovers


def test_a_refusal_says_how_much_and_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both figures and the managed service, and it is a MemoryError."""
    monkeypatch.setattr(capacity, "available_bytes", lambda: 2 << 30)
    with pytest.raises(TooLargeError, match=r"takes about \d+\.\d GiB and 2\.0 GiB are available.*Amazon Personalize"):
        check_fits(100_000_000, 10_000_000, 100)
    assert issubclass(TooLargeError, MemoryError)


def test_training_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model refuses before it computes anything."""
    world = lovers()
    monkeypatch.setattr(capacity, "available_bytes", lambda: 1 << 20)
    with pytest.raises(TooLargeError, match="1,440 events of 22 items"):
        SequenceModel.fit(world.events, Catalogue(22))


def test_where_the_memory_is_unknown_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a figure for the memory there is nothing to refuse by."""
    monkeypatch.setattr(capacity, "available_bytes", lambda: None)
    assert "" == refusal(TooLargeError, check_fits, 100_000_000, 10_000_000, 100)


def test_the_need_grows_with_events_and_items() -> None:
    """More events or more items never need less."""
    sizes = [(10_000, 1000), (100_000, 1000), (100_000, 10_000), (1_000_000, 100_000), (10_000_000, 1_000_000)]
    needs = [needed_bytes(events, items, 100) for events, items in sizes]
    assert sorted(needs) == needs
    assert needs[-1] < 8 << 30


@pytest.mark.parametrize(
    ("n_events", "n_items", "mebibytes"),
    [
        (10_000, 1_000, 255),
        (100_000, 1_000, 279),
        (1_000_000, 1_000, 748),
        (97_401, 1_349, 647),
        (89_054, 3_650, 1_126),
        (100_000, 10_000, 593),
        (1_000_000, 10_000, 1_011),
        (1_000_000, 100_000, 849),
        (10_000_000, 100_000, 2_236),
        (100_000, 1_000_000, 1_066),
        (1_000_000, 1_000_000, 1_885),
        (10_000_000, 1_000_000, 5_902),
    ],
)
def test_no_measured_training_took_more_than_predicted(n_events: int, n_items: int, mebibytes: int) -> None:
    """The highest peaks in docs/models/benchmarks.md, films included: all that was needed, and at most four times as much."""
    predicted = needed_bytes(n_events, n_items, 100) / 2**20
    assert mebibytes <= predicted <= 4 * mebibytes


def test_available_memory_is_read_from_the_system(tmp_path: Path) -> None:
    """The kernel's figure is in kibibytes."""
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  9 kB\nMemAvailable:  7 kB\n", encoding="ascii")
    assert available_bytes(told) == 7 * 1024
