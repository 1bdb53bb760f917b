"""Stickiness: what adjacent events have in common beyond a user's taste is not taken for taste."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Int32
from personalize_local.engine.choice import tastes
from personalize_local.engine.choice.stickiness import preference_probability
from personalize_local.engine.choice.tastes import Tastes
from tests.unit.personalize_local.engine.worlds import events_of, one_hot

N_ITEMS, N_KINDS, N_SHELVES = 48, 4, 12
KIND = np.arange(N_ITEMS) % N_KINDS
SHELF = np.arange(N_ITEMS) // (N_ITEMS // N_SHELVES)
FIELDS = np.repeat([0, 1], [N_KINDS, N_SHELVES]).astype(np.int32)
N_USERS, LENGTH = 300, 24


@dataclass(frozen=True)
class Walks:
    """Users who prefer one of four kinds and stay at a shelf with a known probability."""

    events: Events
    stayed: npt.NDArray[np.bool_]
    """Shape [n]: whether an event only stayed at the shelf of the one before."""
    same_shelf: npt.NDArray[np.bool_]
    """Shape [n]: whether it is on another item of that shelf, for whatever reason."""


def _attributes() -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.hstack([one_hot(KIND.tolist()), one_hot(SHELF.tolist())]))


def _walks(stays: float) -> Walks:
    rng = np.random.default_rng(5)
    items = np.zeros((N_USERS, LENGTH), np.int64)
    stayed = np.zeros((N_USERS, LENGTH), bool)
    for user in range(N_USERS):
        probabilities = np.exp(rng.normal(0.0, 1.5, N_KINDS))[KIND]
        probabilities /= probabilities.sum()
        for place in range(LENGTH):
            stayed[user, place] = place > 0 and rng.random() < stays
            near = np.flatnonzero(SHELF == SHELF[items[user, place - 1]])
            items[user, place] = rng.choice(near) if stayed[user, place] else rng.choice(N_ITEMS, p=probabilities)
    same = np.zeros_like(stayed)
    same[:, 1:] = (SHELF[items[:, 1:]] == SHELF[items[:, :-1]]) & (items[:, 1:] != items[:, :-1])
    events = events_of(np.repeat(np.arange(N_USERS), LENGTH), items.ravel(), n_users=N_USERS, n_items=N_ITEMS)
    return Walks(events.in_order(), stayed.ravel(), same.ravel())


@pytest.fixture(scope="module")
def walks() -> Walks:
    return _walks(0.4)


def test_the_probability_is_the_share_of_choices_by_taste(walks: Walks) -> None:
    """Of events at the shelf of the one before as many count as were chosen by taste; of the others nearly all."""
    probability = preference_probability(walks.events, _attributes(), FIELDS)
    chose = ~walks.stayed
    assert probability[walks.same_shelf].mean() == pytest.approx(chose[walks.same_shelf].mean(), abs=0.08)
    assert probability[~walks.same_shelf].mean() > 0.93


def test_where_nobody_stays_nearly_all_counts() -> None:
    """Chance meetings at a shelf are not taken for staying."""
    walks = _walks(0.0)
    assert preference_probability(walks.events, _attributes(), FIELDS).mean() > 0.95


def test_without_attributes_or_long_histories_all_counts(walks: Walks) -> None:
    """Where nothing can be compared every event counts whole."""
    nothing = sparse.csr_matrix((N_ITEMS, 0), dtype=np.float32)
    first = walks.events.of(np.arange(len(walks.events)) % LENGTH < 5)
    assert (preference_probability(walks.events, nothing, np.empty(0, np.int32)) == 1).all()
    assert (preference_probability(first, _attributes(), FIELDS) == 1).all()
    assert 0 == len(preference_probability(walks.events.of(np.empty(0, np.intp)), _attributes(), FIELDS))


def test_stickiness_is_not_learned_as_taste(walks: Walks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants a shelf: less is taken for such a taste than by a fit that counts every event whole."""

    def of_shelves() -> float:
        share = np.full(N_ITEMS, 1 / N_ITEMS)
        fitted = Tastes.fit(walks.events, _attributes(), share, np.ones(N_ITEMS), fields=FIELDS)
        return float(np.linalg.norm(fitted.attribute_loadings[FIELDS == 1]))

    def whole(events: Events, attributes: sparse.csr_matrix, fields: Int32) -> Float32:
        return np.ones(len(events), np.float32)

    mine = of_shelves()
    monkeypatch.setattr(tastes, "preference_probability", whole)
    assert mine < 0.8 * of_shelves()
