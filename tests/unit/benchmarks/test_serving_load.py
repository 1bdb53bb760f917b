"""The benchmark of serving under load: its figures, and a short run of it."""

from benchmarks.serving_load import Answers, measure, percentile, shown


def test_percentiles_are_nearest_rank() -> None:
    """Of a hundred values the p99 is the ninety-ninth; of one it is that one."""
    values = [float(number) for number in range(1, 101)]
    assert (50.0, 99.0) == (percentile(values, 50), percentile(values, 99))
    assert 7.0 == percentile([7.0], 99)


def test_answers_are_summed_up() -> None:
    """Counts as they are, times in order."""
    assert Answers(3, 1, 2, p50=2.0, p99=9.0, slowest=9.0) == Answers.of([9.0, 1.0, 2.0], 1, 2)


def test_visitors_are_answered_under_load_and_while_personalize_stalls() -> None:
    """A short run: never an error; the popular list while Personalize stalls; its own answers again after it."""
    figures = measure(2, 1.0, 1000, items=200)
    phases = figures["phases"]
    assert 0 == figures["error_rate"]
    assert phases["while Personalize stalls"]["requests"] == phases["while Personalize stalls"]["fallbacks"]
    assert phases["after it"]["fallbacks"] < phases["after it"]["requests"]
    assert "error rate 0\n" in shown(figures)
