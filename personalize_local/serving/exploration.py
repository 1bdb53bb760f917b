"""New items in the answers of a trained version: automatic updates, and how campaigns explore.

Source: developer guide, "Automatic updates" and "Exploration". The model learns nothing here: items that came after its
training are put among the recommendations. A campaign of version 1 of the recipe says how often (`explorationWeight`)
and how old they may be (`explorationItemAgeCutOff`); version 2 does so with a small fixed share.

Impressions guide version 1 (developer guide, "Recording item interaction events with impressions data"): they say how
often a new item was shown, and how often it was taken then. The guide does not say how. Here each answer draws a rate
for each new item from what is known of it, Beta(1 + taken, 1 + shown and not taken), and shows those with the highest:
an item that nobody takes fades, one that nobody has seen keeps its chance (Thompson sampling; Chapelle and Li, 2011).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import EventRow
from personalize_local.data.imports import tables
from personalize_local.data.records import merged
from personalize_local.model.entries import Entry
from personalize_local.model.recipes import Recipe, recipe_of
from personalize_local.model.resources import Resource
from personalize_local.serving.snapshots import Snapshot

_FILE = "explored.json"
IMPLICIT = "shown"
"""The member of a stored event that holds the answer which its `recommendationId` names."""
_DAY = 86_400.0
_SHARES = {"aws-user-personalization": None, "aws-user-personalization-v2": 0.001}
"""The recipes with automatic updates, and their fixed share of exploration; None: the campaign says."""
DEFAULT_WEIGHT = 0.3
DEFAULT_CUT_OFF_DAYS = 30.0


def explores(recipe: Recipe) -> bool:
    """Whether the recipe has automatic updates."""
    return recipe.name in _SHARES


@dataclass(frozen=True, slots=True)
class Explored:
    """The items that automatic updates brought into a version, numbered by their place in `items`."""

    at: float
    """When the update was made."""
    items: tuple[str, ...]
    created: tuple[float, ...]
    """When each item came, in seconds since the epoch."""
    shown: tuple[int, ...]
    """How often each item was among the impressions of an event."""
    taken: tuple[int, ...]
    """How often that event was about the item."""
    places: Mapping[str, int]

    @classmethod
    def load(cls, folder: Path) -> "Explored | None":
        """What the last automatic update of the version in `folder` left; None before the first one."""
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        items = tuple(facts["items"])
        return cls(
            facts["at"],
            items,
            tuple(facts["created"]),
            tuple(facts["shown"]),
            tuple(facts["taken"]),
            {name: place for place, name in enumerate(items)},
        )

    def candidates(self, earliest: float, allowed: npt.NDArray[np.bool_] | None, rng: np.random.Generator) -> list[str]:
        """The items that came at `earliest` or later and are allowed (None: all), the most promising draw first."""
        taken, shown = np.array(self.taken), np.array(self.shown)
        draws = rng.beta(1 + taken, 1 + np.maximum(shown - taken, 0))
        fit = np.array(self.created) >= earliest
        if allowed is not None:
            fit &= allowed
        return [self.items[place] for place in np.argsort(-draws, kind="stable").tolist() if fit[place]]


def update(contents: DataFolder, version: Resource, now: float) -> None:
    """Write down the items of the dataset group that the version has not been trained on."""
    folder = contents.model_folder(version)
    datasets = contents.datasets(version.body["datasetGroupArn"])
    recipe = recipe_of(version.body["recipeArn"])
    snapshot = Snapshot.load(folder)
    known = snapshot.places
    created: dict[str, float] = {}
    shown: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    reader = contents.events.reader()
    try:
        interactions, items = datasets.get("INTERACTIONS"), datasets.get("ITEMS")
        if interactions is not None:
            created |= {
                item: at for item, at in reader.items(interactions.id, after=snapshot.last_event) if item not in known
            }
            if recipe is not None and recipe.explores:
                _count(reader.events(interactions.id, after=snapshot.last_event), shown, taken)
        if items is not None:
            schema = contents.schema(items.body["schemaArn"])
            table = merged(schema, "ITEM_ID", tables(contents.bulk(items)), reader.records(items.id))
            names = table.text("ITEM_ID").cells()
            given = table.numbers("CREATION_TIMESTAMP") if "CREATION_TIMESTAMP" in table.columns else None
            for row, name in enumerate(names):
                if name not in known:
                    stamp = math.nan if given is None else float(given[row])
                    created[name] = created.get(name, now) if math.isnan(stamp) else stamp
    finally:
        reader.close()
    facts = {
        "at": now,
        "items": list(created),
        "created": list(created.values()),
        "shown": [shown[item] for item in created],
        "taken": [taken[item] for item in created],
    }
    partial = folder / f"{_FILE}.partial"
    partial.write_text(json.dumps(facts), encoding="utf-8")
    partial.rename(folder / _FILE)


def _count(events: Iterable[EventRow], shown: Counter[str], taken: Counter[str]) -> None:
    """Count the impressions of events: explicit ones, else those that the server remembered (`IMPLICIT`)."""
    for event in events:
        if event.extra is None or ('"impression"' not in event.extra and f'"{IMPLICIT}"' not in event.extra):
            continue
        extra = json.loads(event.extra)
        impressions = set(extra.get("impression") or extra.get(IMPLICIT) or ())
        shown.update(impressions)
        if event.item is not None and event.item in impressions:
            taken[event.item] += 1


def weight_and_cut_off(recipe: Recipe, campaign: Resource) -> tuple[float, float]:
    """The share of the answer that explores, and the greatest age of an explored item in seconds."""
    share = _SHARES.get(recipe.name)
    config = campaign.body.get("campaignConfig", {}).get("itemExplorationConfig", {})
    weight = float(config.get("explorationWeight", DEFAULT_WEIGHT)) if share is None else share
    return weight, float(config.get("explorationItemAgeCutOff", DEFAULT_CUT_OFF_DAYS)) * _DAY


def with_candidates(
    listed: list[Entry], candidates: list[str], weight: float, recipe: Recipe, n_items: int, rng: np.random.Generator
) -> list[Entry]:
    """The list with each of its places given to the next candidate with the chance `weight`; the last others make room.

    An explored item has the score of an average item where the recipe scores everything (version 1), and the reason
    `Exploration` where it gives reasons (version 2).
    """
    slots = np.flatnonzero(rng.random(len(listed)) < weight)[: len(candidates)]
    if not len(slots):
        return listed
    chosen = iter(candidates)
    rest = iter(listed)
    explored = set(slots.tolist())
    return [
        _explored(next(chosen), recipe, n_items) if place in explored else next(rest) for place in range(len(listed))
    ]


def _explored(name: str, recipe: Recipe, n_items: int) -> Entry:
    if recipe.reasons:
        return Entry(name, reason=["Exploration"])
    return Entry(name, round(1 / max(n_items, 1), 7))


def share(recipe: str) -> float:
    """The fixed share of exploration of a recipe; the default weight where the campaign says."""
    fixed = _SHARES[recipe]
    return DEFAULT_WEIGHT if fixed is None else fixed
