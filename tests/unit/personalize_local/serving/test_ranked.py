"""Scores in order, and how long they are kept."""

import numpy as np
import pytest

from personalize_local.serving.ranked import Ranked, RecentScores, first_of

RAW = np.array([0.5, 3.0, -1.0, 3.0, 1.0], np.float32)


def test_listed_in_order() -> None:
    """The best come first, equal ones in the order of the items; a filter takes out, and changes no score."""
    ranked = Ranked.of(RAW, None)
    shares = np.exp(RAW.astype(float)) / np.exp(RAW.astype(float)).sum()
    places, scores = ranked.listed(None, 3)
    assert [1, 3, 4] == places
    assert pytest.approx(shares[[1, 3, 4]]) == scores
    places, scores = ranked.listed(np.array([True, False, True, True, False]), 2)
    assert [3, 0] == places
    assert pytest.approx(shares[[3, 0]]) == scores


def test_a_recipe_may_score_a_part() -> None:
    """Of the best two the scores sum to one, and no other item is listed."""
    places, scores = Ranked.of(RAW, 2).listed(None, 5)
    assert [1, 3] == places
    assert [0.5, 0.5] == scores


def test_scores_are_kept_for_the_latest() -> None:
    """The same key is computed once, until newer ones have taken its room."""
    made: list[str] = []

    def scores(name: str) -> Ranked:
        made.append(name)
        return Ranked.of(RAW, None)

    recent = RecentScores(most_bytes=2 * Ranked.of(RAW, None).nbytes)
    for name in ("a", "b", "a", "c", "a", "b"):
        recent.get(name, lambda name=name: scores(name))  # type: ignore[misc]
    assert ["a", "b", "c", "b"] == made


def test_the_first_that_are_allowed() -> None:
    """Found in order however far back they are, and no more than there are."""
    order = np.random.default_rng(0).permutation(3_000)
    for share in (0.0, 0.001, 0.5, 1.0):
        allowed = np.random.default_rng(1).random(3_000) < share
        for wanted in (0, 1, 25, 3_000):
            assert order[allowed[order]][:wanted].tolist() == first_of(order, allowed, wanted).tolist()
