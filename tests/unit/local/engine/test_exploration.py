"""New items get their share of the places, go to those who want them, and take turns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from local.engine.data import Float32
from local.engine.exploration import with_newcomers

N_ITEMS = 60
NEW = np.arange(40, N_ITEMS)


def _scores(seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(size=N_ITEMS).astype(np.float32)


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.3, 0.8, 1.0])
def test_new_items_get_the_share_that_the_weight_says(weight: float) -> None:
    """Over 300 lists of 10 their places lie within the 99 % binomial interval of the weight."""
    chance = np.random.default_rng(7)
    places = sum(
        int(with_newcomers(_scores(), NEW, weight=weight, limit=10, chance=chance).exploring.sum()) for _ in range(300)
    )
    low, high = stats.binom.interval(0.99, 3000, weight) if 0 < weight < 1 else (3000 * weight, 3000 * weight)
    assert low <= places <= high


def test_a_session_is_not_shown_the_same_new_item_again() -> None:
    """Until every new item had its turn nothing repeats; after that the one shown longest ago comes first."""
    chance = np.random.default_rng(1)
    shown: list[int] = []
    while len(shown) < len(NEW):
        found = with_newcomers(_scores(), NEW, weight=0.3, limit=10, chance=chance, shown=shown)
        shown += found.items[found.exploring].tolist()
    assert sorted(shown[: len(NEW)]) == NEW.tolist()
    again = with_newcomers(_scores(), NEW, weight=1.0, limit=3, chance=chance, shown=shown[: len(NEW)])
    assert shown[:3] == again.items.tolist()


def test_new_items_go_to_those_who_want_their_kind() -> None:
    """Of two kinds of new items, one e^3 times as likely to the visitor's taste, that one gets 20 of 21 first places."""
    scores = np.zeros(N_ITEMS, np.float32)
    wanted = NEW[::2]
    scores[wanted] = 3.0
    chance = np.random.default_rng(3)
    first = [int(with_newcomers(scores, NEW, weight=1.0, limit=1, chance=chance).items[0]) for _ in range(2000)]
    low, high = stats.binom.interval(0.999, 2000, np.exp(3) / (1 + np.exp(3)))
    assert low <= np.isin(first, wanted).sum() <= high


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_that_is_no_share_is_refused(weight: float) -> None:
    """The weight is a chance."""
    with pytest.raises(ValueError, match=f"weight must be from 0 to 1, not {weight}"):
        with_newcomers(_scores(), NEW, weight=weight, limit=5, chance=np.random.default_rng(0))


@settings(deadline=None, max_examples=60)
@given(
    n_items=st.integers(0, 12),
    n_new=st.integers(0, 12),
    limit=st.integers(0, 15),
    weight=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_lists_are_full_and_without_repetition(n_items: int, n_new: int, limit: int, weight: float, seed: int) -> None:
    """As long as there are items the list is full; none stands twice; the others stand by falling score."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=n_items).astype(np.float32)
    new = chance.permutation(n_items)[:n_new]
    found = with_newcomers(scores, new, weight=weight, limit=limit, chance=chance, shown=new[:3].tolist())
    assert min(limit, n_items) == len(found.items) == len(set(found.items.tolist()))
    assert found.exploring.tolist() == np.isin(found.items, new).tolist()
    others = scores[found.items[~found.exploring]]
    assert others.tolist() == sorted(others.tolist(), reverse=True)
