"""GetRecommendations: the best items for a user, or those that go with an item.

Source: developer guide, "Recommendation scores", "Getting real-time recommendations", "How new data influences
recommendations", "Promoting items in recommendations". What a user has seen may be recommended again, as the service
does; a filter excludes it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from personalize_local.data.data_folder import DataFolder
from personalize_local.engine.base.data import Float32
from personalize_local.engine.base.scores import ranking
from personalize_local.model.entries import Entry, scored
from personalize_local.model.errors import invalid_input
from personalize_local.model.identities import new_recommendation_id
from personalize_local.model.recipes import Recipe
from personalize_local.model.resources import Resource
from personalize_local.model.validation import Json
from personalize_local.serving.allowed_items import AllowedItems
from personalize_local.serving.exploration import weight_and_cut_off, with_candidates
from personalize_local.serving.filter_masks import Mask
from personalize_local.serving.item_metadata import ItemMetadata, most_items
from personalize_local.serving.item_scores import ItemScores, RankedItems, first_of
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.trends import Trends

DEFAULT_RESULTS = 25


class Recommendations:
    """Recommends for a campaign or, in a batch job, for a version alone."""

    def __init__(
        self,
        contents: DataFolder,
        allowed_items: AllowedItems,
        scores: ItemScores,
        metadata: ItemMetadata,
        rng: np.random.Generator,
    ) -> None:
        self._contents, self._allowed_items, self._scores, self._metadata = contents, allowed_items, scores, metadata
        self._trends = Trends(contents)
        self._rng = rng

    def answer(self, version: LoadedVersion, request: Json, campaign: Resource | None) -> Json:
        """What the version recommends; a batch job has no campaign."""
        version = self._trends.current(version)
        recipe = version.recipe
        if recipe.type not in ("USER_PERSONALIZATION", "POPULAR_ITEMS", "RELATED_ITEMS"):
            raise invalid_input(
                f"GetRecommendations is not for campaigns of {recipe.name}; use GetPersonalizedRanking."
            )
        user, item = request.get("userId") or None, request.get("itemId") or None
        if item is None and recipe.by_item:
            raise invalid_input("itemId is required for campaigns of RELATED_ITEMS recipes.")
        if user is None and recipe.type == "USER_PERSONALIZATION":
            raise invalid_input("userId is required for campaigns of USER_PERSONALIZATION recipes.")
        columns = self._metadata.columns(request, campaign, version)
        wanted = _results(request, most_items(columns))
        allowed = self._allowed_items.mask(
            request.get("filterArn"), request.get("filterValues", {}), version, user, request.get("itemId")
        )
        if recipe.by_item:
            allowed = version.snapshot.without_item(item, allowed)
        context = request.get("context", {})
        ranked = self._scores.ranked(version, user, item, context)
        listed = best_items(ranked, allowed, wanted, version)
        listed = self._with_explored(listed, version, request, campaign)
        if request.get("promotions"):
            raw = self._scores.raw(version, user, item, context)
            listed = self._with_promoted(listed, raw, request["promotions"], wanted, version, user)
        self._metadata.add(listed, columns, version.group)
        return {"itemList": listed, "recommendationId": new_recommendation_id()}

    def _with_explored(
        self, listed: list[Entry], version: LoadedVersion, request: Json, campaign: Resource | None
    ) -> list[Entry]:
        """The list with items among it that automatic updates brought."""
        explored = version.explored
        if explored is None or campaign is None:
            return listed
        weight, oldest = weight_and_cut_off(version.recipe, campaign)
        if not weight or not explored.items:
            return listed
        allowed = self._allowed_items.mask(
            request.get("filterArn"),
            request.get("filterValues", {}),
            version,
            request.get("userId") or None,
            request.get("itemId"),
            explored=explored,
        )
        candidates = explored.candidates(self._contents.clock.now() - oldest, allowed, self._rng)
        return with_candidates(listed, candidates, weight, version.recipe, len(version.snapshot.items), self._rng)

    def _with_promoted(
        self,
        listed: list[Entry],
        raw: Float32,
        promotions: Any,
        wanted: int,
        version: LoadedVersion,
        user: str | None,
    ) -> list[Entry]:
        """The list with promoted items at random places: in their own order, in place of the last others."""
        for promotion in promotions:
            mask = self._allowed_items.mask(
                promotion.get("filterArn"), promotion.get("filterValues", {}), version, user
            )
            number = wanted * promotion.get("percentPromotedItems", 100) // 100
            chosen = ranking(raw, np.flatnonzero(mask) if mask is not None else None, number)
            names = [version.snapshot.items[place] for place in chosen]
            scores = {entry.item_id: entry.score for entry in listed}
            others = [entry for entry in listed if entry.item_id not in set(names)][: wanted - len(names)]
            places = set(np.sort(self._rng.permutation(len(others) + len(names))[: len(names)]).tolist())
            promoted = iter(names)
            rest = iter(others)
            listed = [
                _promotion(next(promoted), promotion.get("name"), scores, version.recipe)
                if place in places
                else next(rest)
                for place in range(len(others) + len(names))
            ]
        return listed


def _results(request: Json, most: int) -> int:
    wanted: int = request.get("numResults", DEFAULT_RESULTS)
    if wanted > most:
        raise invalid_input(f"numResults must be at most {most}, not {wanted}.")
    return wanted


def best_items(ranked: RankedItems, allowed: Mask | None, wanted: int, version: LoadedVersion) -> list[Entry]:
    """The best items that are allowed, with their scores; places that stay free go to popular items (v2 recipes)."""
    recipe, snapshot = version.recipe, version.snapshot
    places, shares = ranked.listed(allowed, wanted)
    names = [snapshot.items[place] for place in places]
    listed = scored(names, shares) if recipe.scores else [Entry(name) for name in names]
    if recipe.reasons and len(listed) < wanted and len(ranked.order) < ranked.n_items:
        free = np.ones(ranked.n_items, bool) if allowed is None else allowed.copy()
        free[ranked.order] = False
        popular = first_of(snapshot.popular, free, wanted - len(listed))
        listed.extend(Entry(snapshot.items[place], reason=["Popular item"]) for place in popular)
    return listed


def _promotion(name: str, promotion: str | None, scores: Mapping[str, float | None], recipe: Recipe) -> Entry:
    reason = ["Promoted item"] if recipe.reasons else None
    return Entry(name, scores.get(name), reason, promotion)
