"""A small world with known answers: 200 visitors, half of them cat people and half dog people, 30 animals of each kind."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize_local.testing import LocalPersonalize
from tests.deadline import eventually
from tools.deploy.base.personalize import create, created

ROLE = "arn:aws:iam::000000000000:role/personalize"
RECIPE = "arn:aws:personalize:::recipe/"
START = 1_700_000_000
VISITORS = 200
DEADLINE = 240.0
"""Seconds until a test gives up waiting; a training on a busy computer takes its time."""
ANIMALS = 30


def schema(name: str, *fields: dict[str, Any]) -> str:
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": list(fields),
            "version": "1.0",
        }
    )


INTERACTIONS = schema(
    "Interactions",
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
)
ITEMS = schema(
    "Items",
    {"name": "ITEM_ID", "type": "string"},
    {"name": "ANIMAL_TYPE", "type": "string", "categorical": True},
    {"name": "ITEM_VALUE", "type": ["null", "float"]},
    {"name": "CREATION_TIMESTAMP", "type": "long"},
)
USERS = schema(
    "Users",
    {"name": "USER_ID", "type": "string"},
    {"name": "AGE", "type": ["int", "null"]},
    {"name": "CITY", "type": ["string", "null"], "categorical": True},
)


def interactions_csv(visitors: int = VISITORS) -> str:
    """15 views and a favourite of each visitor; even numbers look at dogs, odd ones at cats."""
    chosen = random.Random(1)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"]
    for number in range(visitors):
        kind = "cat" if number % 2 else "dog"
        for event in range(15):
            lines.append(f"u{number},{kind}{chosen.randrange(ANIMALS)},{START + event * 100 + number},DetailView")
        lines.append(f"u{number},{kind}{number % ANIMALS},{START + 2000 + number},Favorite")
    return "\n".join(lines) + "\n"


def items_csv() -> str:
    lines = ["ITEM_ID,ANIMAL_TYPE,ITEM_VALUE,CREATION_TIMESTAMP"]
    for animal_type, kind in ((1, "cat"), (2, "dog")):
        lines.extend(f"{kind}{number},{animal_type},{number / 10},{START - 1000}" for number in range(ANIMALS))
    return "\n".join(lines) + "\n"


def until(describe: Callable[[], Any], fulfilled: Callable[[Any], bool], seconds: float = DEADLINE) -> Any:
    """What `describe` returns once it fulfils the condition."""
    return eventually(describe, fulfilled, seconds)


def settled(describe: Callable[[], Any]) -> Any:
    """What `describe` returns once its status says that nothing is under way."""
    return until(describe, lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED", "CREATE STOPPED"))


def gone(describe: Callable[[], Any], error: type[Exception], seconds: float = DEADLINE) -> None:
    """Returns once `describe` raises `error`."""

    def shown() -> Any:
        try:
            return describe()
        except error:
            return None

    eventually(shown, lambda found: found is None, seconds)


@dataclass
class World:
    """Clients of a server, and what was made on it so far, by short names."""

    server: LocalPersonalize

    def __post_init__(self) -> None:
        self.control = self.server.client("personalize")
        self.events = self.server.client("personalize-events")
        self.runtime = self.server.client("personalize-runtime")
        self.tracking_id = ""

    def arn(self, resource: str) -> str:
        return self.server.account.arn(resource)

    def put(self, location: str, content: str) -> str:
        """Store an object and return its address."""
        path: Path = self.server.s3_root / location
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return f"s3://{location}"

    def create(self, kind: str, **request: Any) -> Any:
        """What is created, as it ended."""
        return create(self.control, kind, for_seconds=DEADLINE, **request)

    def group(self, name: str = "pets") -> str:
        return created(self.control, "dataset_group", name=name)

    def dataset(self, group: str, kind: str, text: str) -> str:
        name = f"{group.rpartition('/')[2]}-{kind}"
        schema_arn = self.control.create_schema(name=name, schema=text)["schemaArn"]
        return created(
            self.control, "dataset", name=name, schemaArn=schema_arn, datasetGroupArn=group, datasetType=kind
        )

    def load(self, dataset: str, content: str, job: str, **more: Any) -> Any:
        """Import a CSV and return the job as it ended."""
        location = self.put(f"seed/{job}.csv", content)
        return self.create(
            "dataset_import_job",
            jobName=job,
            datasetArn=dataset,
            dataSource={"dataLocation": location},
            roleArn=ROLE,
            **more,
        )

    def tracker(self, group: str, name: str = "tracker") -> str:
        made = self.create("event_tracker", name=name, datasetGroupArn=group)
        self.tracking_id = made["trackingId"]
        return str(made["eventTrackerArn"])

    def solution(self, group: str, recipe: str, name: str = "solution", **more: Any) -> str:
        made = self.create(
            "solution",
            name=name,
            datasetGroupArn=group,
            recipeArn=RECIPE + recipe,
            performAutoTraining=False,
            **more,
        )
        return str(made["solutionArn"])

    def train(self, solution: str, **more: Any) -> Any:
        """Make a solution version and return it as it ended."""
        return self.create("solution_version", solutionArn=solution, **more)

    def campaign(self, version: str, name: str = "campaign", **more: Any) -> str:
        return created(self.control, "campaign", name=name, solutionVersionArn=version, **more)

    def filter(self, group: str, name: str, expression: str) -> str:
        made = self.create("filter", name=name, datasetGroupArn=group, filterExpression=expression)
        return str(made["filterArn"])

    def seeded(self, name: str = "pets") -> str:
        """A dataset group with both datasets imported and an event tracker."""
        group = self.group(name)
        interactions = self.dataset(group, "Interactions", INTERACTIONS)
        items = self.dataset(group, "Items", ITEMS)
        assert self.load(interactions, interactions_csv(), f"{name}-interactions")["status"] == "ACTIVE"
        assert self.load(items, items_csv(), f"{name}-items")["status"] == "ACTIVE"
        self.tracker(group, f"{name}-tracker")
        return group

    def send(self, visitor: str | None, *items: str, session: str = "session", event_type: str = "DetailView") -> None:
        """Put one event an item, a second apart, the last one now."""
        now = time.time()
        listed = [
            {"eventType": event_type, "itemId": item, "sentAt": now - len(items) + place}
            for place, item in enumerate(items, 1)
        ]
        who = {"userId": visitor} if visitor else {}
        self.events.put_events(trackingId=self.tracking_id, sessionId=session, eventList=listed, **who)

    def recommended(self, campaign: str, visitor: str, number: int = 10, **more: Any) -> list[str]:
        answer = self.runtime.get_recommendations(campaignArn=campaign, userId=visitor, numResults=number, **more)
        return [entry["itemId"] for entry in answer["itemList"]]


def share_of(kind: str, items: list[str]) -> float:
    return sum(item.startswith(kind) for item in items) / len(items)
