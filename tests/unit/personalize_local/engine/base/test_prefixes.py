"""Histories as rows: before each event, and of one visitor."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.engine.base.prefixes import history_row, positions, prefix_rows
from tests.unit.personalize_local.engine.worlds import events_of, history_of

N_ITEMS = 6


def test_positions_count_within_the_user() -> None:
    """0, 1, 2, ... for each user anew."""
    events = events_of([0, 0, 0, 2, 2], [0] * 5, n_users=3, n_items=1)
    assert [0, 1, 2, 0, 1] == positions(events).tolist()


def test_a_row_holds_what_came_before_and_not_the_event_itself() -> None:
    """The last event counts fully, the one before it exp(-1 / tau), the event that is to be predicted not at all."""
    events = events_of([0, 0, 0], [4, 5, 3], n_users=1, n_items=N_ITEMS)
    rows = prefix_rows(events, tau=2.0, reach=10).toarray()
    np.testing.assert_allclose(rows[2], [0, 0, 0, 0, np.exp(-0.5), 1.0], rtol=1e-6)
    assert not rows[0].any()


def test_nothing_leaks_from_one_user_to_the_next() -> None:
    """A user's first event has an empty history."""
    events = events_of([0, 0, 1, 1], [1, 2, 3, 4], n_users=2, n_items=N_ITEMS)
    rows = prefix_rows(events, tau=5.0, reach=10).toarray()
    assert [[], [1], [], [3]] == [np.flatnonzero(row).tolist() for row in rows]


@given(
    st.lists(st.tuples(st.integers(0, N_ITEMS - 1), st.sampled_from([0.2, 1.0, 3.0])), min_size=1, max_size=30),
    st.integers(1, 12),
)
def test_a_history_is_read_as_in_training(steps: list[tuple[int, float]], reach: int) -> None:
    """The row of a history equals the training row of the event that follows it."""
    items, weights = [item for item, _ in steps], [weight for _, weight in steps]
    events = events_of([0] * (len(items) + 1), [*items, 0], n_users=1, n_items=N_ITEMS, weights=[*weights, 1.0])
    trained = prefix_rows(events, tau=3.0, reach=reach).toarray()[-1]
    history = history_of(*items)
    history.weight[:] = weights
    served = np.zeros(N_ITEMS, np.float32)
    found, values = history_row(history, tau=3.0, reach=reach)
    served[found] = values
    np.testing.assert_allclose(trained, served, rtol=1e-5)
