"""New items in the answers of a trained version: automatic updates, and how campaigns explore.

Source: developer guide, "Automatic updates" and "Exploration". The model learns nothing here: items that came after its
training are put among the recommendations. A campaign of version 1 of the recipe says how often (`explorationWeight`)
and how old they may be (`explorationItemAgeCutOff`); version 2 does so with a small fixed share.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from local.personalize.contents import Contents
from local.personalize.events import EventReader
from local.personalize.imports import tables
from local.personalize.recipes import Recipe
from local.personalize.records import merged
from local.personalize.resources import Resource
from local.personalize.snapshots import Snapshot
from local.personalize.validation import Json

_FILE = "explored.json"
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
    places: Mapping[str, int]

    @classmethod
    def load(cls, folder: Path) -> "Explored | None":
        """What the last automatic update of the version in `folder` left; None before the first one."""
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        items = tuple(facts["items"])
        return cls(facts["at"], items, tuple(facts["created"]), {name: place for place, name in enumerate(items)})


def update(contents: Contents, version: Resource, now: float) -> None:
    """Write down the items of the dataset group that the version has not been trained on."""
    folder = contents.model_folder(version)
    datasets = contents.datasets(version.body["datasetGroupArn"])
    snapshot = Snapshot.load(folder)
    known = snapshot.places
    created: dict[str, float] = {}
    reader = EventReader(contents.events_path)
    try:
        interactions, items = datasets.get("INTERACTIONS"), datasets.get("ITEMS")
        if interactions is not None:
            created |= {
                item: at for item, at in reader.items(interactions.id, after=snapshot.last_event) if item not in known
            }
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
    facts = {"at": now, "items": list(created), "created": list(created.values())}
    partial = folder / f"{_FILE}.partial"
    partial.write_text(json.dumps(facts), encoding="utf-8")
    partial.rename(folder / _FILE)


def weight_and_cut_off(recipe: Recipe, campaign: Resource) -> tuple[float, float]:
    """The share of the answer that explores, and the greatest age of an explored item in seconds."""
    share = _SHARES.get(recipe.name)
    config = campaign.body.get("campaignConfig", {}).get("itemExplorationConfig", {})
    weight = float(config.get("explorationWeight", DEFAULT_WEIGHT)) if share is None else share
    return weight, float(config.get("explorationItemAgeCutOff", DEFAULT_CUT_OFF_DAYS)) * _DAY


def mixed(
    listed: list[Json], candidates: list[str], weight: float, recipe: Recipe, n_items: int, chance: np.random.Generator
) -> list[Json]:
    """The list with each of its places given to a candidate with the chance `weight`; the last others make room.

    An explored item has the score of an average item where the recipe scores everything (version 1), and the reason
    `Exploration` where it gives reasons (version 2).
    """
    slots = np.flatnonzero(chance.random(len(listed)) < weight)[: len(candidates)]
    if not len(slots):
        return listed
    chosen = iter(chance.permutation(len(candidates))[: len(slots)].tolist())
    rest = iter(listed)
    explored = set(slots.tolist())
    return [
        _explored(candidates[next(chosen)], recipe, n_items) if place in explored else next(rest)
        for place in range(len(listed))
    ]


def _explored(name: str, recipe: Recipe, n_items: int) -> Json:
    if recipe.reasons:
        return {"itemId": name, "reason": ["Exploration"]}
    return {"itemId": name, "score": round(1 / max(n_items, 1), 7)}


def share(recipe: str) -> float:
    """The fixed share of exploration of a recipe; the default weight where the campaign says."""
    fixed = _SHARES[recipe]
    return DEFAULT_WEIGHT if fixed is None else fixed
