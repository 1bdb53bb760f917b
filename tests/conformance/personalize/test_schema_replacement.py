"""UpdateDataset: which schemas may follow which, and what the new columns are good for."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.model.clock import ManualClock
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ITEMS, START, World, items_csv, until

PACE = 60.0
MORE = {"name": "COLOUR", "type": ["null", "string"], "categorical": True}


def _schema(world: World, name: str, text: str) -> str:
    return str(world.control.create_schema(name=name, schema=text)["schemaArn"])


def _with(*fields: dict[str, Any], without: str = "", changed: dict[str, Any] | None = None) -> str:
    avro = json.loads(ITEMS)
    kept = [changed if changed and field["name"] == changed["name"] else field for field in avro["fields"]]
    return json.dumps({**avro, "fields": [*(field for field in kept if field["name"] != without), *fields]})


def _updated(world: World, dataset: str) -> Any:
    return until(
        lambda: world.control.describe_dataset(datasetArn=dataset)["dataset"],
        lambda shown: shown["latestDatasetUpdate"]["status"] == "ACTIVE",
    )


def test_a_schema_can_grow(world: World) -> None:
    """The dataset shows the new schema, keeps its rows, and takes, filters and exports the new column."""
    group = world.seeded()
    dataset = world.arn("dataset/pets/ITEMS")
    before = world.control.describe_dataset(datasetArn=dataset)["dataset"]
    assert "latestDatasetUpdate" not in before
    campaign = world.campaign(world.train(world.solution(group, "aws-popularity-count"))["solutionVersionArn"])
    wider = _schema(world, "wider", _with(MORE))
    assert {"datasetArn": dataset} == {
        key: value
        for key, value in world.control.update_dataset(datasetArn=dataset, schemaArn=wider).items()
        if key != "ResponseMetadata"
    }
    shown = _updated(world, dataset)
    assert (wider, wider) == (shown["schemaArn"], shown["latestDatasetUpdate"]["schemaArn"])
    assert "ACTIVE" == shown["status"]
    world.control.delete_schema(schemaArn=before["schemaArn"])
    with pytest.raises(world.control.exceptions.ResourceInUseException):
        world.control.delete_schema(schemaArn=wider)

    lines = items_csv().splitlines()
    coloured = [
        f"{lines[0]},COLOUR",
        *(f"{line},{'red' if place == 3 else ''}" for place, line in enumerate(lines[1:])),
    ]
    assert "ACTIVE" == world.load(dataset, "\n".join(coloured), "coloured")["status"]
    red = world.filter(group, "red", 'INCLUDE ItemID WHERE Items.COLOUR IN ("red")')
    assert ["cat3"] == world.recommended(campaign, "u1", filterArn=red)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (_with(without="ITEM_VALUE"), "ITEM_VALUE must stay"),
        (_with(changed={"name": "ITEM_VALUE", "type": ["null", "string"]}), "ITEM_VALUE must stay"),
        (_with(changed={"name": "ANIMAL_TYPE", "type": "string"}), "ANIMAL_TYPE must stay"),
        (_with({"name": "COLOUR", "type": "string"}), "COLOUR is new"),
        (INTERACTIONS, "The name of the schema must be Items, not Interactions"),
    ],
)
def test_a_schema_cannot_shrink_or_change(world: World, text: str, complaint: str) -> None:
    """Old fields stay with their types and attributes, new ones allow null."""
    dataset = world.dataset(world.group(), "Items", ITEMS)
    other = _schema(world, "other", text)
    with pytest.raises(world.control.exceptions.InvalidInputException, match=complaint):
        world.control.update_dataset(datasetArn=dataset, schemaArn=other)


def _statuses(shown: Any) -> tuple[str, str]:
    return shown["status"], shown["latestDatasetUpdate"]["status"]


@pytest.mark.parametrize("reason", [None, "No luck."])
def test_a_replacement_shows_in_the_datasets_status(tmp_path: Path, reason: str | None) -> None:
    """UPDATE PENDING, UPDATE IN_PROGRESS, ACTIVE: also in latestDatasetUpdate, which alone shows a failure and its reason.

    Meanwhile items can be put, and nothing else is made from the dataset.
    """
    clock = ManualClock(START + 10_000.0)
    with LocalPersonalize(tmp_path, clock=clock) as server:
        World(server).dataset(World(server).group(), "Items", ITEMS)
    with LocalPersonalize(tmp_path, clock=clock, pace=PACE) as server:
        world = World(server)
        control, dataset = world.control, world.arn("dataset/pets/ITEMS")
        in_use = control.exceptions.ResourceInUseException
        before = control.describe_dataset(datasetArn=dataset)["dataset"]["schemaArn"]
        if reason is not None:
            outcome = {"status": "CREATE FAILED", "failureReason": reason}
            fault = {"operation": "UpdateDataset", "outcome": outcome}
            httpx.post(f"{server.endpoint}/_local/faults", json=fault, headers=LOCAL_REQUEST).raise_for_status()
        wider = _schema(world, "wider", _with(MORE))
        control.update_dataset(datasetArn=dataset, schemaArn=wider)

        def describe() -> Any:
            return control.describe_dataset(datasetArn=dataset)["dataset"]

        assert ("UPDATE PENDING", "UPDATE PENDING") == _statuses(describe())
        assert "UPDATE PENDING" == control.list_datasets()["datasets"][0]["status"]
        item = {"itemId": "i", "properties": '{"animalType": "1", "creationTimestamp": 1}'}
        world.events.put_items(datasetArn=dataset, items=[item])
        for refused in (
            lambda: control.create_dataset_import_job(
                jobName="j", datasetArn=dataset, dataSource={"dataLocation": "s3://b/i.csv"}
            ),
            lambda: control.update_dataset(datasetArn=dataset, schemaArn=wider),
            lambda: control.delete_dataset(datasetArn=dataset),
            lambda: control.delete_schema(schemaArn=wider),
            lambda: control.delete_schema(schemaArn=before),
        ):
            with pytest.raises(in_use):
                refused()
        clock.advance(PACE)
        shown = until(describe, lambda shown: shown["status"] != "UPDATE PENDING")
        assert ("UPDATE IN_PROGRESS", "UPDATE IN_PROGRESS") == _statuses(shown)
        clock.advance(PACE)
        shown = until(describe, lambda shown: shown["status"] != "UPDATE IN_PROGRESS")
        assert ("ACTIVE", "CREATE FAILED" if reason else "ACTIVE") == _statuses(shown)
        assert reason == shown["latestDatasetUpdate"].get("failureReason")
        assert "failureReason" not in shown
        assert (before if reason else wider) == shown["schemaArn"]
        control.delete_schema(schemaArn=wider if reason else before)


def test_interactions_keep_their_schema(world: World) -> None:
    """Only the schemas of Items and Users can be replaced; a schema and a dataset must exist."""
    dataset = world.dataset(world.group(), "Interactions", INTERACTIONS)
    other = _schema(world, "other", INTERACTIONS)
    with pytest.raises(world.control.exceptions.InvalidInputException, match="INTERACTIONS"):
        world.control.update_dataset(datasetArn=dataset, schemaArn=other)
    for request in (
        {"datasetArn": dataset, "schemaArn": world.arn("schema/none")},
        {"datasetArn": world.arn("dataset/none/ITEMS"), "schemaArn": other},
    ):
        with pytest.raises(world.control.exceptions.ResourceNotFoundException):
            world.control.update_dataset(**request)
