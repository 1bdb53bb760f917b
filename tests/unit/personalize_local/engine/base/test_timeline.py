"""Counts of events before any moment."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_local.engine.base.data import Events
from personalize_local.engine.base.timeline import Timeline

LOGS = st.lists(st.tuples(st.integers(0, 3), st.integers(1_000_000_000, 1_000_000_020)), min_size=1, max_size=30)


def _events(log: list[tuple[int, int]]) -> Events:
    item, time = np.array(log).T
    zeros = np.zeros(len(log), np.int32)
    return Events(zeros, item.astype(np.int32), time.astype(np.float64), np.ones(len(log), np.float32), 1, 4)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(log=LOGS, moment=st.integers(999_999_990, 1_000_000_030))
def test_what_came_before_is_counted(log: list[tuple[int, int]], moment: int) -> None:
    """Strictly before the moment, for each item and in all, moments outside the log included."""
    timeline = Timeline.of(_events(log))
    expected = [sum(1 for item, time in log if item == wanted and time < moment) for wanted in range(4)]
    assert expected == timeline.before(np.arange(4), float(moment)).astype(int).tolist()
    assert sum(expected) == timeline.total_before(float(moment))


def test_the_first_event_of_an_item_is_when_it_came() -> None:
    """Items without events come when the log has ended; counts are those of the whole log."""
    timeline = Timeline.of(_events([(2, 1_000_000_005), (0, 1_000_000_003), (2, 1_000_000_001)]))
    assert [1_000_000_003.0, 1_000_000_001.0] == timeline.first()[[0, 2]].tolist()
    assert timeline.first()[1] > 1_000_000_005
    assert [1, 0, 2, 0] == timeline.counts().astype(int).tolist()


def test_a_stored_timeline_counts_the_same() -> None:
    """The arrays hold everything."""
    timeline = Timeline.of(_events([(2, 1_000_000_005), (0, 1_000_000_003), (2, 1_000_000_001)]))
    loaded = Timeline.of_arrays(timeline.arrays())
    np.testing.assert_array_equal(
        timeline.before(np.arange(4), 1_000_000_004.0), loaded.before(np.arange(4), 1_000_000_004.0)
    )
