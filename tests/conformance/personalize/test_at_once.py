"""Calls that recordings of the service show in one second: the child is taken while its parent is being made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.model.clock import ManualClock
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import (
    INTERACTIONS,
    RECIPE,
    START,
    World,
    interactions_csv,
    settled,
    until,
)

PACE = 60.0
POPULAR = RECIPE + "aws-popularity-count"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 10_000.0)


@pytest.fixture
def seeded(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """A server whose statuses last a minute, over a group with interactions."""
    with LocalPersonalize(tmp_path / "p", clock=clock) as server:
        world = World(server)
        world.load(world.dataset(world.group(), "Interactions", INTERACTIONS), interactions_csv(), "i")
    with LocalPersonalize(tmp_path / "p", pace=PACE, clock=clock) as server:
        yield World(server)


def _order(world: World, operation: str, reason: str) -> None:
    outcome = {"status": "CREATE FAILED", "failureReason": reason}
    fault = {"operation": operation, "outcome": outcome}
    assert 200 == httpx.post(f"{world.server.endpoint}/_local/faults", json=fault, headers=LOCAL_REQUEST).status_code


def _solution(world: World) -> str:
    return str(
        world.control.create_solution(
            name="s", datasetGroupArn=world.arn("dataset-group/pets"), recipeArn=POPULAR, performAutoTraining=False
        )["solutionArn"]
    )


def _end(clock: ManualClock, describe: Any) -> Any:
    """How a resource ends, while minutes pass."""

    def later() -> Any:
        clock.advance(PACE)
        return describe()

    return until(later, lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED", "CREATE STOPPED"))


def test_a_version_is_made_in_the_second_of_its_solution(seeded: World, clock: ManualClock) -> None:
    """CreateSolutionVersion right after CreateSolution is taken; it is pending until the solution is active."""
    control, solution = seeded.control, _solution(seeded)
    version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]

    def describe() -> Any:
        return control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]

    def parent() -> Any:
        return control.describe_solution(solutionArn=solution)["solution"]

    clock.advance(PACE)
    until(parent, lambda shown: shown["status"] == "CREATE IN_PROGRESS")
    assert "CREATE PENDING" == describe()["status"]
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.delete_solution(solutionArn=solution)
    assert "ACTIVE" == _end(clock, describe)["status"]
    assert "ACTIVE" == parent()["status"]
    assert version == parent()["latestSolutionVersion"]["solutionVersionArn"]


def test_a_version_fails_with_its_solution(seeded: World, clock: ManualClock) -> None:
    """The reason names the solution and says why that failed; nothing was trained."""
    _order(seeded, "CreateSolution", "No luck.")
    control, solution = seeded.control, _solution(seeded)
    version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    shown = _end(clock, lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    assert ("CREATE FAILED", f"{solution} has status CREATE FAILED: No luck.") == (
        shown["status"],
        shown["failureReason"],
    )
    with pytest.raises(control.exceptions.InvalidInputException, match="CREATE FAILED"):
        control.create_solution_version(solutionArn=solution)


def test_a_version_that_waits_can_be_stopped(seeded: World, clock: ManualClock) -> None:
    """StopSolutionVersionCreation ends it although its solution is not active yet."""
    control = seeded.control
    version = control.create_solution_version(solutionArn=_solution(seeded))["solutionVersionArn"]
    control.stop_solution_version_creation(solutionVersionArn=version)
    shown = _end(clock, lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    assert "CREATE STOPPED" == shown["status"]


def test_a_version_that_waits_survives_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """Solution and version are stored in their first status: the next server makes both."""
    with LocalPersonalize(tmp_path / "p", clock=clock) as server:
        world = World(server)
        world.load(world.dataset(world.group(), "Interactions", INTERACTIONS), interactions_csv(), "i")
    with LocalPersonalize(tmp_path / "p", pace=PACE, clock=clock) as server:
        world = World(server)
        version = world.control.create_solution_version(solutionArn=_solution(world))["solutionVersionArn"]
    with LocalPersonalize(tmp_path / "p", pace=PACE, clock=clock) as server:
        control = World(server).control
        shown = _end(clock, lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
        assert "ACTIVE" == shown["status"]


def test_data_follows_its_dataset_at_once(world: World) -> None:
    """Import job, event tracker and the first events right after CreateDataset: all of it arrives."""
    control, group = world.control, world.group()
    schema = control.create_schema(name="i", schema=INTERACTIONS)["schemaArn"]
    location = world.put("seed/i.csv", interactions_csv())
    dataset = control.create_dataset(name="i", schemaArn=schema, datasetGroupArn=group, datasetType="INTERACTIONS")[
        "datasetArn"
    ]
    job = control.create_dataset_import_job(jobName="i", datasetArn=dataset, dataSource={"dataLocation": location})
    made = control.create_event_tracker(name="t", datasetGroupArn=group)
    world.tracking_id = made["trackingId"]
    world.send("u1", "cat1")
    arn = job["datasetImportJobArn"]
    shown = settled(lambda: control.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"])
    assert "ACTIVE" == shown["status"]
    tracker = settled(lambda: control.describe_event_tracker(eventTrackerArn=made["eventTrackerArn"])["eventTracker"])
    assert "ACTIVE" == tracker["status"]
    assert "ACTIVE" == world.train(world.solution(group, "aws-popularity-count"))["status"]


def test_data_waits_for_its_dataset(tmp_path: Path, clock: ManualClock) -> None:
    """Import job and tracker stay pending until the dataset is active, and fail with it."""
    with LocalPersonalize(tmp_path / "p", clock=clock) as server:
        world = World(server)
        group = world.group()
        schema = world.control.create_schema(name="i", schema=INTERACTIONS)["schemaArn"]
    with LocalPersonalize(tmp_path / "p", pace=PACE, clock=clock) as server:
        world = World(server)
        control = world.control
        _order(world, "CreateDataset", "No luck.")
        dataset = control.create_dataset(name="i", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")[
            "datasetArn"
        ]
        location = world.put("seed/i.csv", interactions_csv())
        job = control.create_dataset_import_job(jobName="i", datasetArn=dataset, dataSource={"dataLocation": location})[
            "datasetImportJobArn"
        ]
        tracker = control.create_event_tracker(name="t", datasetGroupArn=group)["eventTrackerArn"]
        for shown in (
            _end(clock, lambda: control.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]),
            _end(clock, lambda: control.describe_event_tracker(eventTrackerArn=tracker)["eventTracker"]),
        ):
            assert "CREATE FAILED" == shown["status"]
        described = control.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
        assert f"{dataset} has status CREATE FAILED: No luck." == described["failureReason"]
