"""A world for the benchmark of the server: items of some kinds and prices, and 1000 users who like one kind each."""

import json
import random
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize_local.testing import LocalPersonalize

USERS = 1_000
EVENTS_OF_USER = 15
KINDS = 20
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
        group = control.create_dataset_group(name="world")["datasetGroupArn"]
        _settled(lambda: control.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
        for kind, text in (("Interactions", _interactions(world)), ("Items", _items(world))):
            record = {"type": "record", "name": kind, "fields": _FIELDS[kind], "version": "1.0"}
            schema = control.create_schema(name=kind, schema=json.dumps(record))["schemaArn"]
            dataset = control.create_dataset(name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind)[
                "datasetArn"
            ]
            _settled(lambda dataset=dataset: control.describe_dataset(datasetArn=dataset)["dataset"])
            file = server.s3_root / "bucket" / f"{kind}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            job = control.create_dataset_import_job(
                jobName=kind, datasetArn=dataset, dataSource={"dataLocation": f"s3://bucket/{kind}.csv"}, roleArn=_ROLE
            )["datasetImportJobArn"]
            _settled(lambda job=job: control.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])
        tracker = control.create_event_tracker(name="tracker", datasetGroupArn=group)
        expression = "INCLUDE ItemID WHERE Items.KIND IN ($KIND) AND Items.PRICE < 80"
        filter_arn = control.create_filter(name="kind", datasetGroupArn=group, filterExpression=expression)["filterArn"]
        recommendation = _campaign(control, group, "aws-user-personalization-v2")
        ranking = _campaign(control, group, "aws-personalized-ranking-v2") if rankings else ""
        _settled(lambda: control.describe_filter(filterArn=filter_arn)["filter"])
        return Made(tracker["trackingId"], recommendation, ranking, filter_arn)


def _campaign(control: Any, group: str, recipe: str) -> str:
    solution = control.create_solution(
        name=recipe, datasetGroupArn=group, recipeArn=_RECIPE + recipe, performAutoTraining=False
    )["solutionArn"]
    _settled(lambda: control.describe_solution(solutionArn=solution)["solution"])
    version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    _settled(lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    campaign: str = control.create_campaign(name=recipe, solutionVersionArn=version)["campaignArn"]
    _settled(lambda: control.describe_campaign(campaignArn=campaign)["campaign"])
    return campaign


def _settled(describe: Any) -> None:
    pause = threading.Event()
    while (shown := describe())["status"] != "ACTIVE":
        if "FAILED" in shown["status"]:
            raise RuntimeError(shown["failureReason"])
        pause.wait(0.05)


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
