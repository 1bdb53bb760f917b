"""Recommendations and rankings from the served snapshots and the events that came since.

Source: developer guide, "Recommendation scores", "Getting real-time recommendations", "How new data influences
recommendations". What a visitor has seen may be recommended again, as the service does; a filter excludes it.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from personalize_local.data.data_folder import DataFolder
from personalize_local.engine.base.data import Float32
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.model.entries import Entry, scored
from personalize_local.model.errors import WorkError, invalid_input, not_found
from personalize_local.model.identities import new_identity
from personalize_local.model.recipes import Recipe, recipe_of
from personalize_local.model.resources import ACTIVE, CREATING, DELETING, Resource
from personalize_local.model.validation import Json
from personalize_local.serving.context import Contexts
from personalize_local.serving.exploration import Explored, mixed, weight_and_cut_off
from personalize_local.serving.filtering import FilterRequest, ItemColumns, Row
from personalize_local.serving.filters import Filter, parse_filter
from personalize_local.serving.objective import Objective
from personalize_local.serving.ranked import Ranked, first_of, rounded
from personalize_local.serving.scoring import Scoring
from personalize_local.serving.served import Served
from personalize_local.serving.snapshots import EventRule, Snapshot
from personalize_local.serving.trends import Trends
from personalize_local.serving.visitors import Numbered, Visitors, metadata

DEFAULT_RESULTS = 25
MAXIMUM_RESULTS = 500
MAXIMUM_WITH_METADATA = 50
_SNAPSHOTS = 16

Mask = npt.NDArray[np.bool_]


class Serving:
    """Answers of the runtime API. Called in the event loop's thread; `load` from any."""

    def __init__(self, service: DataFolder) -> None:
        self._service = service
        self._visitors = Visitors(service)
        self._trends = Trends(service)
        self._served: OrderedDict[str, Served] = OrderedDict()
        self._lock = threading.Lock()
        self._filters: dict[str, Filter] = {}
        self._scoring = Scoring(service)
        self._chance = np.random.default_rng()

    def load(self, version_arn: str) -> Served:
        """The solution version in memory, read from disk if it is not there; WorkError when it cannot serve."""
        with self._lock:
            served = self._served.get(version_arn)
            if served is not None:
                self._served.move_to_end(version_arn)
                return served
        served = self._read(version_arn)
        with self._lock:
            self._served[version_arn] = served
            while len(self._served) > _SNAPSHOTS:
                self._served.popitem(last=False)
        return served

    def _read(self, version_arn: str) -> Served:
        version = self._service.store.get(version_arn, "solution-version")
        recipe = recipe_of(version.body["recipeArn"]) if version else None
        if version is None or recipe is None:
            raise WorkError(f"Solution version {version_arn} was deleted.")
        folder = self._service.model_folder(version)
        snapshot, objective = Snapshot.load(folder), Objective.load(folder)
        if objective is not None:
            snapshot = replace(snapshot, trained=objective.applied(snapshot.model))
        return Served(
            version_arn,
            version.body["datasetGroupArn"],
            recipe,
            EventRule.of_solution(version.body.get("solutionConfig", {}), version.body.get("eventType")),
            snapshot,
            Contexts.load(folder),
            Explored.load(folder),
        )

    def refresh(self, version_arn: str) -> None:
        """The version's files have changed: an automatic update brought items, or users were forgotten."""
        with self._lock:
            in_memory = version_arn in self._served
        if in_memory:
            served = self._read(version_arn)
            with self._lock:
                self._served[version_arn] = served

    def forget_filter(self, arn: str) -> None:
        """A filter was deleted: another may take its name."""
        self._filters.pop(arn, None)

    # --- GetRecommendations

    def recommend(self, request: Json) -> Json:
        """The answer to GetRecommendations."""
        if "campaignArn" not in request and "recommenderArn" in request:
            raise not_found("recommender", request["recommenderArn"], status=404)
        served, campaign = self._campaign(request.get("campaignArn"))
        return self.recommend_of(served, request, campaign)

    def recommend_of(self, served: Served, request: Json, campaign: Resource | None) -> Json:
        """What a solution version recommends; a batch job has no campaign."""
        served = self._trends.current(served)
        recipe = served.recipe
        if recipe.type not in ("USER_PERSONALIZATION", "POPULAR_ITEMS", "RELATED_ITEMS"):
            raise invalid_input(
                f"GetRecommendations is not for campaigns of {recipe.name}; use GetPersonalizedRanking."
            )
        visitor, item = request.get("userId") or None, request.get("itemId") or None
        if item is None and recipe.by_item:
            raise invalid_input("itemId is required for campaigns of RELATED_ITEMS recipes.")
        if visitor is None and recipe.type == "USER_PERSONALIZATION":
            raise invalid_input("userId is required for campaigns of USER_PERSONALIZATION recipes.")
        columns = self._metadata_columns(request, campaign, served)
        wanted = self._results(request, with_metadata=bool(columns))
        allowed = self._filter(
            request.get("filterArn"), request.get("filterValues", {}), served, visitor, request.get("itemId")
        )
        if recipe.by_item:
            allowed = served.snapshot.others(item, allowed)
        context = request.get("context", {})
        ranked = self._scoring.ranked(served, visitor, item, context)
        listed = _recommended(ranked, allowed, wanted, served)
        listed = self._explored(listed, served, request, campaign)
        if request.get("promotions"):
            raw = self._scoring.raw(served, visitor, item, context)
            listed = self._promoted(listed, raw, request["promotions"], wanted, served, visitor)
        self._add_metadata(listed, columns, served.group)
        return {"itemList": listed, "recommendationId": _recommendation_id()}

    def _explored(self, listed: list[Entry], served: Served, request: Json, campaign: Resource | None) -> list[Entry]:
        """The list with items among it that automatic updates brought."""
        explored = served.explored
        if explored is None or campaign is None:
            return listed
        weight, oldest = weight_and_cut_off(served.recipe, campaign)
        if not weight or not explored.items:
            return listed
        allowed = self._filter(
            request.get("filterArn"),
            request.get("filterValues", {}),
            served,
            request.get("userId") or None,
            request.get("itemId"),
            numbered=explored,
        )
        candidates = explored.candidates(self._service.clock.now() - oldest, allowed, self._chance)
        return mixed(listed, candidates, weight, served.recipe, len(served.snapshot.items), self._chance)

    def _promoted(
        self,
        listed: list[Entry],
        raw: Float32,
        promotions: Any,
        wanted: int,
        served: Served,
        visitor: str | None,
    ) -> list[Entry]:
        """The list with promoted items at random places: in their own order, in place of the last others."""
        for promotion in promotions:
            mask = self._filter(promotion.get("filterArn"), promotion.get("filterValues", {}), served, visitor)
            number = wanted * promotion.get("percentPromotedItems", 100) // 100
            chosen = ranking(raw, np.flatnonzero(mask) if mask is not None else None, number)
            names = [served.snapshot.items[place] for place in chosen]
            scores = {entry.item_id: entry.score for entry in listed}
            others = [entry for entry in listed if entry.item_id not in set(names)][: wanted - len(names)]
            places = set(np.sort(self._chance.permutation(len(others) + len(names))[: len(names)]).tolist())
            promoted = iter(names)
            rest = iter(others)
            listed = [
                _promotion(next(promoted), promotion.get("name"), scores, served.recipe)
                if place in places
                else next(rest)
                for place in range(len(others) + len(names))
            ]
        return listed

    def prepare(self, served: Served, visitors: Sequence[str]) -> None:
        """Score these visitors at once, because `recommend_of` or `rank_of` will ask for each of them."""
        self._scoring.prepare(served, visitors)

    # --- GetPersonalizedRanking

    def rank(self, request: Json) -> Json:
        """The answer to GetPersonalizedRanking: known items by score, then the others as given, with score 0.

        Source: developer guide, "How personalized ranking scoring works".
        """
        served, campaign = self._campaign(request["campaignArn"])
        return self.rank_of(served, request, campaign)

    def rank_of(self, served: Served, request: Json, campaign: Resource | None) -> Json:
        """How a solution version ranks; a batch job has no campaign."""
        if served.recipe.type != "PERSONALIZED_RANKING":
            raise invalid_input(f"GetPersonalizedRanking is not for campaigns of {served.recipe.name}.")
        names: list[str] = request["inputList"]
        columns = self._metadata_columns(request, campaign, served)
        most = MAXIMUM_WITH_METADATA if columns else MAXIMUM_RESULTS
        if not names or len(names) > most:
            raise invalid_input(f"inputList must hold 1 to {most} items, not {len(names)}.")
        visitor = request["userId"]
        if not visitor:
            raise invalid_input("userId must not be empty.")
        allowed = self._filter(request.get("filterArn"), request.get("filterValues", {}), served, visitor)
        of = served.snapshot.places
        found, unknown = list(map(of.get, names)), []
        if None in found:
            unknown = [name for name in names if name not in of]
            names = [name for name in names if name in of]
            found = [of[name] for name in names]
        places = np.array(found, np.intp)
        if allowed is not None:
            kept = np.flatnonzero(allowed[places])
            places, names = places[kept], [names[number] for number in kept.tolist()]
        shares = softmax(self._scoring.raw(served, visitor, None, request.get("context", {})), places)
        order = (-shares).argsort(kind="stable")
        listed = scored([names[number] for number in order.tolist()], rounded(shares[order]).tolist())
        listed.extend([Entry(name, 0.0) for name in unknown])
        self._add_metadata(listed, columns, served.group)
        return {"personalizedRanking": listed, "recommendationId": _recommendation_id()}

    # --- what both share

    def _campaign(self, arn: str | None) -> tuple[Served, Resource]:
        if arn is None:
            raise invalid_input("campaignArn is required; the local Personalize has no recommenders.")
        campaign = self._service.store.get(arn, "campaign")
        if campaign is None or campaign.status in DELETING:
            raise not_found("campaign", arn, status=404)
        if campaign.status in CREATING or "_serving" not in campaign.body:
            raise invalid_input(f"Campaign {arn} has status {campaign.status}; it must be ACTIVE.")
        try:
            return self.load(campaign.body["_serving"]), campaign
        except WorkError as error:
            raise invalid_input(f"Campaign {arn} cannot answer: {error}") from error

    def _results(self, request: Json, *, with_metadata: bool) -> int:
        wanted: int = request.get("numResults", DEFAULT_RESULTS)
        most = MAXIMUM_WITH_METADATA if with_metadata else MAXIMUM_RESULTS
        if wanted > most:
            raise invalid_input(f"numResults must be at most {most}, not {wanted}.")
        return wanted

    def _filter(
        self,
        arn: str | None,
        values: Mapping[str, str],
        served: Served,
        visitor: str | None,
        item: str | None = None,
        *,
        numbered: Numbered | None = None,
    ) -> Mask | None:
        """Which items of the snapshot (or of `numbered`) the filter allows; None without a filter."""
        if arn is None:
            if values:
                raise invalid_input("filterValues need a filterArn.")
            return None
        resource = self._service.store.get(arn, "filter")
        if resource is None:
            raise not_found("filter", arn, status=404)
        if resource.status != ACTIVE:
            raise invalid_input(f"Filter {arn} has status {resource.status}; it must be ACTIVE.")
        if resource.parent != served.group:
            raise invalid_input(f"Filter {arn} belongs to another dataset group than the campaign.")
        parsed = self._filters.get(arn)
        if parsed is None:
            schemas = self._service.dataset_schemas(served.group)
            parsed = self._filters[arn] = parse_filter(resource.body["filterExpression"], schemas)
        if parsed.entity != "ItemID":
            raise invalid_input(f"Filter {arn} chooses users; it is for batch segment jobs.")
        if parsed.reads_user and visitor is None:
            raise invalid_input(f"userId is required: the filter {arn} reads what the user did or is.")
        snapshot, group, visitors = served.snapshot, served.group, self._visitors

        def columns() -> ItemColumns:
            return visitors.columns(group, served.arn, snapshot)

        if numbered is None:
            filtered, filtered_columns = cast(Numbered, snapshot), columns
        else:
            filtered = numbered
            key = f"{served.arn} explored at {served.explored.at if served.explored else 0}"
            filtered_columns = partial(visitors.columns, group, key, filtered)

        def current_item() -> Row | None:
            place = snapshot.places.get(item or "")
            return None if item is None else {} if place is None else columns().of(place)

        return FilterRequest(
            parsed,
            values,
            columns=filtered_columns,
            interacted=lambda: visitors.interacted(group, visitor, filtered),
            user=lambda: visitors.user(group, visitor or ""),
            n_items=len(filtered.items),
            current_item=current_item,
        ).mask()

    def _metadata_columns(self, request: Json, campaign: Resource | None, served: Served) -> list[str]:
        asked: Mapping[str, list[str]] = request.get("metadataColumns", {})
        if not asked or campaign is None:
            return []
        enabled = campaign.body.get("campaignConfig", {}).get("enableMetadataWithRecommendations", False)
        if not (served.recipe.metadata or enabled):
            raise invalid_input("The campaign was not made with enableMetadataWithRecommendations.")
        if set(asked) != {"ITEMS"}:
            raise invalid_input("metadataColumns may have the key ITEMS only.")
        schema = self._service.dataset_schemas(served.group).get("ITEMS")
        columns = []
        for name in asked["ITEMS"]:
            field = schema.field(name) if schema else None
            if field is None:
                raise invalid_input(f"The Items dataset has no column {name}.")
            columns.append(field.name)
        return columns

    def _add_metadata(self, listed: list[Entry], columns: list[str], group: str) -> None:
        if columns:
            found = metadata(self._visitors.items(group), [entry.item_id for entry in listed], columns)
            for entry, shown in zip(listed, found, strict=True):
                entry.metadata = shown


def _recommended(ranked: Ranked, allowed: Mask | None, wanted: int, served: Served) -> list[Entry]:
    """The best items that are allowed, with their scores; places that stay free go to popular items (v2 recipes)."""
    recipe, snapshot = served.recipe, served.snapshot
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


def _recommendation_id() -> str:
    return f"RID-{new_identity()}"
