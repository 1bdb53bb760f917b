"""Scores that sum to one, and rankings with a fixed order of ties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.engine.base.scores import ranking, softmax

RAW = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40).map(lambda raw: np.array(raw, dtype=np.float32))


@given(RAW)
def test_scores_sum_to_one_over_the_catalogue(raw: np.ndarray) -> None:
    """Whatever the raw scores, the chances sum to one and none is negative."""
    shares = softmax(raw)
    assert abs(shares.sum() - 1) < 1e-9
    assert (shares >= 0).all()


def test_scores_sum_to_one_over_the_list_that_is_ranked() -> None:
    """For a list the sum goes over the list, in its order, with the same ratios."""
    raw = np.array([0.0, 1.0, 2.0, 3.0], dtype=np.float32)
    shares = softmax(raw, np.array([3, 0]))
    np.testing.assert_allclose(shares, [1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))])


def test_large_scores_do_not_overflow() -> None:
    """The softmax is computed from the largest score down."""
    assert [1.0, 0.0] == softmax(np.array([3e38, -3e38], dtype=np.float32)).tolist()


def test_the_softmax_of_nothing_is_nothing() -> None:
    """An empty list to rank gives an empty list of scores."""
    assert [] == softmax(np.ones(3, np.float32), np.empty(0, np.intp)).tolist()


@given(RAW, st.integers(0, 45))
def test_the_ranking_is_a_stable_sort(raw: np.ndarray, limit: int) -> None:
    """Falling scores, ties by item, cut at the limit: the same as sorting it all."""
    expected = sorted(range(len(raw)), key=lambda item: (-raw[item], item))[:limit]
    assert expected == ranking(raw, limit=limit).tolist()


def test_ties_keep_the_order_of_the_list() -> None:
    """Items of a list that score the same stay as they were given."""
    raw = np.array([1.0, 1.0, 5.0, 1.0], dtype=np.float32)
    assert [2, 3, 0, 1] == ranking(raw, np.array([3, 0, 2, 1])).tolist()
