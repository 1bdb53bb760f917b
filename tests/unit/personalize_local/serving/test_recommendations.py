"""What a list is made of: scored items, popular ones in the places that stay free, no score where the recipe has none."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from personalize_local.engine.recommenders.popularity import PopularityModel
from personalize_local.model.entries import Entry
from personalize_local.model.recipes import RECIPES, Recipe
from personalize_local.serving.item_scores import RankedItems
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.recommendations import best_items
from personalize_local.serving.snapshots import EventRule, Snapshot

ITEMS = ("a", "b", "c", "d", "e", "f")
RAW = np.array([0.0, 5.0, 1.0, 4.0, 2.0, 3.0], np.float32)  # b d f e c a
POPULARITY = np.array([9, 1, 8, 2, 7, 3], np.int64)  # a c e f d b


def _version(recipe: Recipe) -> LoadedVersion:
    snapshot = Snapshot.of(
        PopularityModel(RAW),
        items=ITEMS,
        users=[],
        offsets=np.zeros(1, np.int64),
        item=np.empty(0, np.int32),
        time=np.empty(0, np.float64),
        weight=np.empty(0, np.float32),
        popularity=POPULARITY,
        last_event=0,
    )
    return LoadedVersion("arn", "group", recipe, EventRule(None, None, None), snapshot)


V2 = replace(RECIPES["aws-user-personalization-v2"], scored_items=3)


def _listed(allowed: npt.NDArray[np.bool_] | None, wanted: int, recipe: Recipe) -> list[Entry]:
    return best_items(RankedItems.of(RAW, recipe.scored_items), allowed, wanted, _version(recipe))


def test_free_places_go_to_popular_items() -> None:
    """A v2 recipe scores its best three; the rest of the list is popular, without a score and with the reason."""
    listed = _listed(None, 5, V2)
    assert ["b", "d", "f", "a", "c"] == [entry.item_id for entry in listed]
    assert 1.0 == pytest.approx(sum(entry.score or 0.0 for entry in listed[:3]), abs=1e-6)
    assert [Entry("a", reason=["Popular item"]), Entry("c", reason=["Popular item"])] == listed[3:]


def test_popular_items_pass_the_filter_too() -> None:
    """What the filter does not allow fills no place."""
    allowed = np.isin(np.array(ITEMS), ["d", "e", "c"])
    listed = _listed(allowed, 5, V2)
    assert ["d", "c", "e"] == [entry.item_id for entry in listed]
    assert [entry.score is not None for entry in listed] == [True, False, False]


def test_v1_scores_everything() -> None:
    """A v1 recipe has a score for each item and no reason."""
    listed = _listed(None, 6, RECIPES["aws-user-personalization"])
    assert ["b", "d", "f", "e", "c", "a"] == [entry.item_id for entry in listed]
    assert [(True, None)] * 6 == [(entry.score is not None, entry.reason) for entry in listed]


def test_recipes_without_scores_show_none() -> None:
    """The popularity recipe lists names."""
    assert [Entry("b"), Entry("d")] == _listed(None, 2, RECIPES["aws-popularity-count"])


def test_no_place_no_item() -> None:
    """A list of no places is empty."""
    assert [] == _listed(None, 0, V2)
