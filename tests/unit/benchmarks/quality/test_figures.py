"""MRR, NDCG and Recall of known lists, and intervals that behave."""

import numpy as np
import pytest

from benchmarks.quality.figures import difference, figures, gains, over_seeds


def lists(*ranks: int | None) -> np.ndarray:
    """One list a visitor in which the wanted item 99 stands at this rank, from 1, or nowhere."""
    table = np.tile(np.arange(10, dtype=np.int32), (len(ranks), 1))
    for row, rank in zip(table, ranks, strict=True):
        if rank is not None:
            row[rank - 1] = 99
    return table


def targets(n: int) -> np.ndarray:
    return np.full(n, 99, np.int32)


def test_the_gains_of_known_ranks() -> None:
    """First, fifth, sixth and nowhere, counted by hand."""
    found = gains(lists(1, 5, 6, None), targets(4))
    assert [1, 1 / 5, 0, 0] == found["MRR@5"].tolist()
    assert [1, 1 / 5, 1 / 6, 0] == pytest.approx(found["MRR@10"].tolist())
    assert [1, 1 / np.log2(6), 0, 0] == pytest.approx(found["NDCG@5"].tolist())
    assert [1, 1 / np.log2(6), 1 / np.log2(7), 0] == pytest.approx(found["NDCG@10"].tolist())
    assert [1, 1, 0, 0] == found["Recall@5"].tolist()
    assert [1, 1, 1, 0] == found["Recall@10"].tolist()


def test_places_that_stayed_empty_win_nothing() -> None:
    """A list that ended early is filled with -1, which is no item."""
    assert [0.0] == gains(np.full((1, 10), -1, np.int32), targets(1))["Recall@10"].tolist()


def test_seeds_are_averaged_for_each_visitor() -> None:
    """A visitor whom one seed of two served counts half."""
    runs = [gains(lists(1, None), targets(2)), gains(lists(None, None), targets(2))]
    assert [0.5, 0.0] == over_seeds(runs)["NDCG@10"].tolist()


def test_the_interval_of_a_proportion_is_the_binomial_one() -> None:
    """Recall 0.3 of 1,000 visitors: the bootstrap agrees with 1.96 standard errors to a tenth of them."""
    found = figures(gains(lists(*[1] * 300, *[None] * 700), targets(1000)))["Recall@10"]
    error = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert 0.3 == pytest.approx(found.mean)
    assert (0.3 - error, 0.3 + error) == pytest.approx((found.low, found.high), abs=0.1 * error)


def test_pairs_see_a_difference_that_separate_intervals_hide() -> None:
    """Ours is better by a little for everybody: the difference is certain although both vary widely."""
    theirs = np.linspace(0, 0.9, 50)
    found = difference(theirs + 0.01, theirs)
    assert (0.01, 0.01, 0.01) == pytest.approx((found.mean, found.low, found.high))


def test_equal_contestants_do_not_differ() -> None:
    """Noise of mean zero gives an interval around zero."""
    noise = np.random.default_rng(0).normal(size=400)
    found = difference(noise - noise.mean(), np.zeros(400))
    assert found.low < 0 < found.high


def test_the_same_seed_resamples_the_same_visitors() -> None:
    """Figures can be made again."""
    values = gains(lists(1, 2, 3, None, None), targets(5))
    assert figures(values) == figures(values)
