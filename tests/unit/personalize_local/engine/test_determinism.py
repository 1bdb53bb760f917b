"""The same events in any order of the rows, equal times included, give the same model; ties go by item order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.engine.recommenders.registry import MODELS

N_USERS, N_ITEMS = 12, 7


def _events(rng: np.random.Generator, n: int) -> Events:
    """Events with few different times, weights and contexts, so that many are alike in all but one thing."""
    return Events(
        rng.integers(0, N_USERS, n).astype(np.int32),
        rng.integers(0, N_ITEMS, n).astype(np.int32),
        rng.integers(0, 5, n).astype(np.float64),
        rng.choice([0.0, 0.2, 0.6, 1.0], n).astype(np.float32),
        N_USERS,
        N_ITEMS,
        rng.integers(-1, 2, (n, 1)).astype(np.int32),
    )


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize(("seed", "n"), [(1, 90), (2, 40)])
def test_the_order_of_the_rows_changes_no_bit(name: str, seed: int, n: int) -> None:
    """Trained on the rows in another order, a model gives the very same scores."""
    rng = np.random.default_rng(seed)
    events = _events(rng, n)
    shuffled = events.of(rng.permutation(n))
    first, second = (MODELS[name].fit(one, Catalogue(N_ITEMS), seed=3) for one in (events, shuffled))
    history = History(np.array([1, 3], np.int32), np.arange(2.0), np.ones(2, np.float32))
    for context in (None, np.array([1], np.int32)):
        np.testing.assert_array_equal(
            first.score(history, context=context), second.score(history, context=context), strict=True
        )


@settings(deadline=None)
@given(
    raw=st.lists(st.sampled_from([-80.0, -1.0, 0.0, 0.5, 3.0, 90.0]), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
    limit=st.integers(0, 70),
)
def test_scores_sum_to_one_and_ties_go_by_item_order(raw: list[float], seed: int, limit: int) -> None:
    """Over the catalogue and over any list; equal scores stand in the order of the catalogue, or of the list."""
    scores = np.array(raw, np.float32)
    items = np.random.default_rng(seed).permutation(len(raw))[: max(1, len(raw) // 2)]
    assert 1 == pytest.approx(softmax(scores).sum(), abs=1e-9)
    assert 1 == pytest.approx(softmax(scores, items).sum(), abs=1e-9)
    assert sorted(range(len(raw)), key=lambda item: (-raw[item], item))[:limit] == ranking(scores, limit=limit).tolist()
    by_list = sorted(range(len(items)), key=lambda place: (-raw[items[place]], place))
    assert [int(items[place]) for place in by_list] == ranking(scores, items).tolist()
