"""UpdateDataset: which schemas may follow which, and what the new columns are good for."""

import json
from typing import Any

import pytest

from tests.conformance.personalize.world import INTERACTIONS, ITEMS, World, items_csv, until

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
