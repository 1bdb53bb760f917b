"""The peers that need no library of their own: what they learn, and how a history is read."""

import numpy as np
import pytest

from benchmarks.peers.histories import history_row, interaction_matrix
from benchmarks.peers.linear import ease, popularity
from personalize_local.engine.base.data import Events, History

NOBODY = np.zeros(0, np.int32)


def history(*items: int) -> History:
    return History(np.array(items, np.int32), np.arange(len(items), dtype=np.float64), np.ones(len(items), np.float32))


def events(*visitors: tuple[int, ...], n_items: int) -> Events:
    user = np.concatenate([[number] * len(items) for number, items in enumerate(visitors)]).astype(np.int32)
    item = np.concatenate(visitors).astype(np.int32)
    time = np.arange(len(user), dtype=np.float64)
    return Events(user, item, time, np.ones(len(user), np.float32), len(visitors), n_items)


def test_a_history_fades_with_age() -> None:
    """The newest event counts 1, each older one exp(-1 / memory) of the one after it; of several the newest counts."""
    assert [1, 0, 1] == history_row(history(0, 2, 0), 3, None).tolist()
    assert [1, 0, np.exp(-0.5)] == pytest.approx(history_row(history(0, 2, 0), 3, 2.0).tolist())


def test_a_visit_counts_once() -> None:
    """Repeated events are one in the matrix."""
    assert [[1, 1], [0, 1]] == interaction_matrix(events((0, 0, 1), (1,), n_items=2)).toarray().tolist()


def test_popularity_counts_events() -> None:
    """Everybody gets the same scores: the counts."""
    trained = popularity(events((0, 1, 1), (1,), n_items=3), NOBODY, NOBODY, seed=0)
    assert [1, 3, 0] == trained.score(0, history(2)).tolist() == trained.score(1, history()).tolist()


def test_ease_solves_its_ridge() -> None:
    """Each item's weights are those of the ridge regression of its column on all others (the paper's equation 4)."""
    training = events((0, 1, 2), (0, 1), (2, 3), (0, 3), (1, 2), n_items=4)
    trained = ease(training, NOBODY, NOBODY, seed=0, penalty=0.7)
    taken = interaction_matrix(training).toarray()
    for target in range(4):
        others = [item for item in range(4) if item != target]
        rest = taken[:, others]
        weights = np.linalg.solve(rest.T @ rest + 0.7 * np.eye(3), rest.T @ taken[:, target])
        found = [trained.score(0, history(item))[target] for item in others]
        assert weights.tolist() == pytest.approx(found, abs=1e-5)
        assert 0 == trained.score(0, history(target))[target]
