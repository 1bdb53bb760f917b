"""EASE is the regression of each item on all others."""

import numpy as np

from personalize_local.engine.base.data import Events
from personalize_local.engine.linear.ease import fit_ease
from tests.unit.personalize_local.engine.worlds import events_of


def _events(seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    return events_of(rng.integers(0, 40, 300), rng.integers(0, 8, 300), n_users=40, n_items=8)


def test_each_column_solves_its_own_ridge() -> None:
    """Column j is the ridge regression of item j on the others, visitors binary: what the closed form is short for."""
    events = _events()
    visited = np.zeros((40, 8))
    visited[events.user, events.item] = 1
    weights = fit_ease(events, np.arange(8), ridge=3.0)
    for item in range(8):
        others = [other for other in range(8) if other != item]
        inner = visited[:, others].T @ visited[:, others] + 3.0 * np.eye(7)
        expected = np.linalg.solve(inner, visited[:, others].T @ visited[:, item])
        np.testing.assert_allclose(weights[others, item], expected, rtol=1e-3, atol=1e-4)


def test_no_item_is_an_input_of_itself() -> None:
    """The diagonal is zero, and coming back to an item changes nothing."""
    events = _events()
    weights = fit_ease(events, np.arange(8), ridge=3.0)
    assert not np.diag(weights).any()
    twice = events.of(np.tile(np.arange(len(events)), 2))
    np.testing.assert_array_equal(weights, fit_ease(twice, np.arange(8), ridge=3.0))


def test_without_items_there_are_no_weights() -> None:
    """An empty head gives an empty matrix."""
    assert (0, 0) == fit_ease(_events(), np.arange(0), ridge=1.0).shape
