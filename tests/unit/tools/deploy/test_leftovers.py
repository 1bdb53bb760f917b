"""What is left of an environment in Personalize, and its removal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from personalize_local.testing import LocalPersonalize
from tests.unit.tools.deploy.personalize_environment import connect, make_generation
from tools.deploy.leftovers import CAMPAIGN, KINDS, delete_resources, personalize_resources, stop_trainings
from tools.environment.connection import Connection


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with LocalPersonalize(tmp_path) as server:
        yield connect(server, tmp_path)


def test_nothing_is_left_of_nothing(connection: Connection) -> None:
    """An environment that never stood has no resources, and no training to stop."""
    assert [] == personalize_resources(connection)
    stop_trainings(connection, lambda _: None)


def test_everything_of_every_generation_is_found_in_deletion_order(connection: Connection) -> None:
    """Each kind that the API knows, the ones that block others first."""
    make_generation(connection, 1)
    make_generation(connection, 2)
    found = personalize_resources(connection)
    counts = {kind.name: sum(kind is other for other, _ in found) for kind in KINDS if kind is not CAMPAIGN}
    expected = {"solution": 4, "event tracker": 2, "filter": 2, "dataset": 4, "schema": 4, "dataset group": 2}
    assert expected == counts
    order = [KINDS.index(kind) for kind, _ in found]
    assert sorted(order) == order


def test_deleted_all_is_gone(connection: Connection) -> None:
    """Each resource is deleted once what blocks it is gone; the API itself refuses any other order."""
    make_generation(connection, 1)
    said: list[str] = []
    delete_resources(connection, personalize_resources(connection), said.append)
    assert [] == personalize_resources(connection)
    assert "deleting dataset group local-recommender-datasetgroup-pdg" in said


def test_what_belongs_to_others_is_neither_found_nor_deleted(connection: Connection) -> None:
    """Other environments and other projects share the account."""
    personalize = connection.client("personalize")
    make_generation(connection, 1)
    for name in ("dev-recommender-datasetgroup-pdg", "local-recommender-datasetgroup-pdg-mine"):
        personalize.create_dataset_group(name=name)
    delete_resources(connection, personalize_resources(connection), lambda _: None)
    left = {group["name"] for group in personalize.list_dataset_groups()["datasetGroups"]}
    assert {"dev-recommender-datasetgroup-pdg", "local-recommender-datasetgroup-pdg-mine"} == left
