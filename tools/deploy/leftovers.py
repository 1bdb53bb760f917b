"""The Personalize resources of an environment: to see that a removal left none, and to remove what it did leave.

Deletion order and what blocks it: https://docs.aws.amazon.com/personalize/latest/dg/gs-cleanup.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.naming import DATASETS
from tools.deploy.base.waiting import poll
from tools.environment.connection import Connection

_PATIENCE_SECONDS = 3600
_MOST_GENERATIONS = 999
_BUSY = frozenset({"CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING"})


@dataclass(frozen=True, slots=True)
class Kind:
    """How Personalize calls one kind of resource. The order of `KINDS` is that of deletion."""

    name: str
    operation: str
    parameter: str


CAMPAIGN = Kind("campaign", "campaign", "campaignArn")
SOLUTION = Kind("solution", "solution", "solutionArn")
TRACKER = Kind("event tracker", "event_tracker", "eventTrackerArn")
FILTER = Kind("filter", "filter", "filterArn")
DATASET = Kind("dataset", "dataset", "datasetArn")
SCHEMA = Kind("schema", "schema", "schemaArn")
GROUP = Kind("dataset group", "dataset_group", "datasetGroupArn")
KINDS = (CAMPAIGN, SOLUTION, TRACKER, FILTER, DATASET, SCHEMA, GROUP)


def personalize_resources(connection: Connection) -> list[tuple[Kind, str]]:
    """Every Personalize resource of the environment, with its ARN, in the order in which they can be deleted.

    Found through the environment's dataset groups, whatever their generation and whoever made the rest; schemas, which
    belong to no group, by their names.
    """
    personalize, names = connection.client("personalize"), connection.settings.names
    generations = range(1, _MOST_GENERATIONS + 1)
    group_names = {names.dataset_group(generation) for generation in generations}
    schema_names = {names.schema(kind, generation) for generation in generations for kind in DATASETS}
    groups = [g["datasetGroupArn"] for g in _listed(personalize, GROUP) if g["name"] in group_names]
    found: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
    found[GROUP] = groups
    found[SCHEMA] = [s["schemaArn"] for s in _listed(personalize, SCHEMA) if s["name"] in schema_names]
    for group in groups:
        for kind in (SOLUTION, TRACKER, FILTER, DATASET):
            found[kind] += [r[kind.parameter] for r in _listed(personalize, kind, datasetGroupArn=group)]
    for solution in found[SOLUTION]:
        found[CAMPAIGN] += [c["campaignArn"] for c in _listed(personalize, CAMPAIGN, solutionArn=solution)]
    return [(kind, arn) for kind in KINDS for arn in found[kind]]


def stop_trainings(connection: Connection, progress: Callable[[str], None]) -> None:
    """Stops the solution versions of the environment that are being made: nothing they use can be deleted before."""
    personalize = connection.client("personalize")
    solutions = [arn for kind, arn in personalize_resources(connection) if kind is SOLUTION]

    def busy() -> list[str]:
        return [
            version["solutionVersionArn"]
            for solution in solutions
            for version in _pages(personalize, "list_solution_versions", "solutionVersions", solutionArn=solution)
            if version["status"] in _BUSY
        ]

    for version in busy():
        progress(f"stopping {version}")
        try:
            personalize.stop_solution_version_creation(solutionVersionArn=version)
        except ClientError as error:
            # It ended in between, or is stopping already.
            if error.response["Error"]["Code"] not in ("ResourceInUseException", "InvalidInputException"):
                raise
    poll(
        lambda: not busy(),
        every_seconds=_pause(connection),
        for_seconds=_PATIENCE_SECONDS,
        otherwise="a solution version that was told to stop still trains after an hour",
    )


def delete_resources(
    connection: Connection, resources: list[tuple[Kind, str]], progress: Callable[[str], None]
) -> None:
    """Deletes the resources one after the other, each once what blocks it is gone. Takes `personalize_resources`."""
    personalize = connection.client("personalize")
    for kind, arn in resources:
        progress(f"deleting {kind.name} {arn.rpartition('/')[2]}")
        delete = getattr(personalize, f"delete_{kind.operation}")
        poll(
            partial(_is_gone, personalize, partial(delete, **{kind.parameter: arn})),
            every_seconds=_pause(connection),
            for_seconds=_PATIENCE_SECONDS,
            otherwise=f"{arn} could not be deleted within an hour",
        )


def _is_gone(personalize: Any, delete: Callable[[], Any]) -> bool:
    """Asks for the deletion again and again: what blocked it may be gone, and what is gone is not found."""
    try:
        delete()
    except personalize.exceptions.ResourceNotFoundException:
        return True
    except personalize.exceptions.ResourceInUseException:
        return False
    return False


def _listed(personalize: Any, kind: Kind, **parent: str) -> Iterator[dict[str, Any]]:
    words = kind.operation.split("_")
    # ListFilters alone answers with a capital: https://docs.aws.amazon.com/personalize/latest/dg/API_ListFilters.html
    member = "Filters" if kind is FILTER else words[0] + "".join(word.title() for word in words[1:]) + "s"
    yield from _pages(personalize, f"list_{kind.operation}s", member, **parent)


def _pages(personalize: Any, operation: str, member: str, **parameters: str) -> Iterator[dict[str, Any]]:
    for page in personalize.get_paginator(operation).paginate(**parameters):
        yield from page[member]


def _pause(connection: Connection) -> float:
    return 0.2 if connection.is_local else 10
