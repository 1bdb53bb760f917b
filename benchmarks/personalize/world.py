"""A world for the benchmark of the server: items of some kinds and prices, and 1000 users who like one kind each."""

import json
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize_local.testing import LocalPersonalize
from tools.deploy.base.personalize import create, created

USERS = 1_000
EVENTS_OF_USER = 15
KINDS = 20
_PATIENCE_SECONDS = 3600.0
"""For a training."""
_RECIPE = "arn:aws:personalize:::recipe/"
_ROLE = "arn:aws:iam::000000000000:role/personalize"
_FIELDS = {
    "Interactions": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
    ],
    "Items": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "KIND", "type": "string", "categorical": True},
        {"name": "PRICE", "type": "float"},
    ],
}


@dataclass(frozen=True, slots=True)
class World:
    """The size of a world."""

    items: int


@dataclass(frozen=True, slots=True)
class Made:
    """The resources that were created for it."""

    tracking_id: str
    campaign: str
    ranking: str
    filter: str


def make(world: World, folder: Path, *, rankings: bool = True) -> Made:
    """A data folder with campaigns for recommendations and rankings, a filter and an event tracker, trained."""
    folder.mkdir(parents=True)
    with LocalPersonalize(folder) as server:
        control = server.client("personalize")
        group = created(control, "dataset_group", name="world")
        for kind, text in (("Interactions", _interactions(world)), ("Items", _items(world))):
            record = {"type": "record", "name": kind, "fields": _FIELDS[kind], "version": "1.0"}
            schema = control.create_schema(name=kind, schema=json.dumps(record))["schemaArn"]
            dataset = created(control, "dataset", name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind)
            file = server.s3_root / "bucket" / f"{kind}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            location = {"dataLocation": f"s3://bucket/{kind}.csv"}
            created(control, "dataset_import_job", jobName=kind, datasetArn=dataset, dataSource=location, roleArn=_ROLE)
        tracker = create(control, "event_tracker", name="tracker", datasetGroupArn=group)
        expression = "INCLUDE ItemID WHERE Items.KIND IN ($KIND) AND Items.PRICE < 80"
        filter_arn = created(control, "filter", name="kind", datasetGroupArn=group, filterExpression=expression)
        recommendation = _campaign(control, group, "aws-user-personalization-v2")
        ranking = _campaign(control, group, "aws-personalized-ranking-v2") if rankings else ""
        return Made(tracker["trackingId"], recommendation, ranking, filter_arn)


def _campaign(control: Any, group: str, recipe: str) -> str:
    solution = created(
        control,
        "solution",
        name=recipe,
        datasetGroupArn=group,
        recipeArn=_RECIPE + recipe,
        performAutoTraining=False,
    )
    version = created(control, "solution_version", for_seconds=_PATIENCE_SECONDS, solutionArn=solution)
    return created(control, "campaign", name=recipe, solutionVersionArn=version)


def _interactions(world: World) -> str:
    chosen = random.Random(1)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"]
    for user in range(USERS):
        for event in range(EVENTS_OF_USER):
            item = chosen.randrange(world.items // KINDS) * KINDS + user % KINDS
            lines.append(f"u{user},i{item},{1_700_000_000 + 100 * event + user},click")
    return "\n".join(lines) + "\n"


def _items(world: World) -> str:
    rows = (f"i{number},k{number % KINDS},{number % 100}" for number in range(world.items))
    return "\n".join(["ITEM_ID,KIND,PRICE", *rows]) + "\n"


def fill_with_events(data: Path, number: int) -> None:
    """Store events of new users as PutEvents would, in the file of a server that is not running."""
    with sqlite3.connect(data / "resources.db") as resources:
        (dataset,) = resources.execute(
            "SELECT id FROM resource WHERE kind = 'dataset' AND arn LIKE '%/INTERACTIONS'"
        ).fetchone()
    resources.close()
    rows = (
        (dataset, f"v{place % 50_000}", f"s{place % 50_000}", f"i{place % 900}", "click", 1_750_000_000.0, f"f{place}")
        for place in range(number)
    )
    with sqlite3.connect(data / "events.db") as events:
        events.executemany(
            "INSERT INTO event (dataset, user, session, item, type, at, event_id) VALUES (?,?,?,?,?,?,?)", rows
        )
    events.close()
