"""Exploration: how many places it takes, and what an explored item looks like."""

import numpy as np

from personalize_local.model.entries import Entry
from personalize_local.model.recipes import RECIPES
from personalize_local.serving.exploration import Explored, with_candidates

FIRST, SECOND = RECIPES["aws-user-personalization"], RECIPES["aws-user-personalization-v2"]
LISTED = [Entry(f"known{place}", 0.1) for place in range(20)]
NEW = [f"new{number}" for number in range(30)]


def _names(weight: float, candidates: list[str]) -> list[str]:
    listed = with_candidates(LISTED, candidates, weight, FIRST, 100, np.random.default_rng(1))
    return [entry.item_id for entry in listed]


def test_the_weight_is_the_share_of_places() -> None:
    """Zero leaves the list, one replaces it, between them the known items keep their order and lose the last ones."""
    assert [entry.item_id for entry in LISTED] == _names(0.0, NEW)
    assert set(_names(1.0, NEW)) < set(NEW)
    half = _names(0.5, NEW)
    known = [name for name in half if name.startswith("known")]
    assert (20, 20) == (len(half), len(set(half)))
    assert [f"known{place}" for place in range(len(known))] == known
    assert 4 < len(known) < 16


def test_candidates_are_used_once() -> None:
    """With fewer candidates than places for them the others stay."""
    names = _names(1.0, ["only"])
    assert 1 == names.count("only")
    assert 20 == len(set(names))
    assert [entry.item_id for entry in LISTED] == _names(1.0, [])


def test_each_version_marks_its_explored_items() -> None:
    """Version 1 gives them an average score, version 2 a reason and no score."""
    (first,) = with_candidates(LISTED[:1], ["new"], 1.0, FIRST, 100, np.random.default_rng(1))
    (second,) = with_candidates(LISTED[:1], ["new"], 1.0, SECOND, 100, np.random.default_rng(1))
    assert Entry("new", 0.01) == first
    assert Entry("new", reason=["Exploration"]) == second


def _explored(shown: list[int], taken: list[int], created: list[float]) -> Explored:
    items = tuple(f"new{number}" for number in range(len(shown)))
    places = {name: place for place, name in enumerate(items)}
    return Explored(0.0, items, tuple(created), tuple(shown), tuple(taken), places)


def test_candidates_are_young_and_allowed() -> None:
    """Each item at most once, none that came before the earliest time or that the filter forbids."""
    explored = _explored([0] * 4, [0] * 4, [10.0, 20.0, 30.0, 40.0])
    chance = np.random.default_rng(1)
    assert ["new1", "new2", "new3"] == sorted(explored.candidates(20.0, None, chance))
    assert ["new3"] == explored.candidates(20.0, np.array([True, False, False, True]), chance)
    assert [] == _explored([], [], []).candidates(0.0, None, chance)


def test_what_is_shown_and_not_taken_fades() -> None:
    """The one that was taken leads most draws, the one that was refused hardly any, the one not shown yet some."""
    explored = _explored(shown=[20, 20, 0], taken=[10, 0, 0], created=[0.0] * 3)
    chance = np.random.default_rng(1)
    first = [explored.candidates(0.0, None, chance)[0] for _ in range(300)]
    taken, refused, unseen = (first.count(f"new{number}") for number in range(3))
    assert refused < 10 < unseen
    assert refused < 10 < taken
