"""The Personalize resources of one generation, made through the API in a local Personalize."""

import json
from pathlib import Path
from typing import Any

from infra.naming import Role
from infra.settings import load_settings
from personalize_local.testing import LocalPersonalize
from tests.deadline import eventually
from tools.environment.connection import Connection

_SCHEMAS = {
    "interactions": [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"), ("EVENT_TYPE", "string")],
    "items": [("ITEM_ID", "string"), ("CREATION_TIMESTAMP", "long")],
}


def connect(server: LocalPersonalize, state: Path) -> Connection:
    """The environment `local`, of which only Personalize answers."""
    connection = Connection(settings=load_settings("local"), state=state)
    connection._clients["personalize"] = server.client("personalize")
    return connection


def make_generation(connection: Connection, generation: int) -> None:
    """Group, schemas, datasets, tracker, a filter and both solutions; returns once all are ACTIVE."""
    personalize, names = connection.client("personalize"), connection.settings.names
    group = personalize.create_dataset_group(name=names.dataset_group(generation))["datasetGroupArn"]
    _active(lambda: personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    for kind in ("interactions", "items"):
        fields = [{"name": name, "type": type_} for name, type_ in _SCHEMAS[kind]]
        avro = json.dumps({"type": "record", "name": kind.title(), "fields": fields, "version": "1.0"})
        schema = personalize.create_schema(name=names.schema(kind, generation), schema=avro)["schemaArn"]
        dataset = personalize.create_dataset(
            name=names.dataset(kind, generation), schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        _active(lambda dataset=dataset: personalize.describe_dataset(datasetArn=dataset)["dataset"])
    tracker = personalize.create_event_tracker(name=names.event_tracker(generation), datasetGroupArn=group)
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("AIF")'
    filter_ = personalize.create_filter(
        name=names.filter("none", "12345678", generation), datasetGroupArn=group, filterExpression=expression
    )
    _active(lambda: personalize.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])["eventTracker"])
    _active(lambda: personalize.describe_filter(filterArn=filter_["filterArn"])["filter"])
    recipes = connection.settings.recipes
    of_role: dict[Role, str] = {"recommendation": recipes.recommendation, "reranking": recipes.reranking}
    for role, recipe in of_role.items():
        solution = personalize.create_solution(
            name=names.solution(role, generation), datasetGroupArn=group, recipeArn=names.recipe_arn(recipe)
        )["solutionArn"]
        _active(lambda solution=solution: personalize.describe_solution(solutionArn=solution)["solution"])


def _active(describe: Any) -> None:
    eventually(describe, lambda shown: shown["status"] == "ACTIVE")
