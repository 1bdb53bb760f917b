"""Statuses on a clock that the test moves: sixty seconds in each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.model.clock import ManualClock
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ROLE, World, gone, interactions_csv, until

PACE = 60.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def paced(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    with LocalPersonalize(tmp_path, pace=PACE, clock=clock) as server:
        yield World(server)


def _passes(clock: ManualClock, describe: Any) -> list[str]:
    """The statuses that a minute each brings, until the resource stays or is gone."""
    seen = [describe()["status"]]
    while seen[-1] not in ("ACTIVE", "CREATE FAILED", "CREATE STOPPED"):
        clock.advance(PACE)
        seen.append(until(describe, lambda shown: shown["status"] != seen[-1])["status"])
    return seen


CREATION = ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]


def test_every_kind_passes_through_its_statuses(paced: World, clock: ManualClock) -> None:
    """Creation is pending, then in progress, then active; a parent that is not active refuses children."""
    control = paced.control
    group = control.create_dataset_group(name="pets")["datasetGroupArn"]
    schema = control.create_schema(name="interactions", schema=INTERACTIONS)["schemaArn"]
    dataset_of = {"name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"}
    with pytest.raises(control.exceptions.ResourceInUseException, match="CREATE PENDING"):
        control.create_dataset(**dataset_of)
    assert _passes(clock, lambda: control.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]) == CREATION

    dataset = control.create_dataset(**dataset_of)["datasetArn"]
    with pytest.raises(control.exceptions.ResourceInUseException, match="CREATE PENDING"):
        control.delete_dataset(datasetArn=dataset)
    assert _passes(clock, lambda: control.describe_dataset(datasetArn=dataset)["dataset"]) == CREATION

    job = control.create_dataset_import_job(
        jobName="j", datasetArn=dataset, dataSource={"dataLocation": paced.put("seed/i.csv", interactions_csv())}
    )["datasetImportJobArn"]
    solution = control.create_solution(
        name="s", datasetGroupArn=group, recipeArn="arn:aws:personalize:::recipe/aws-popularity-count"
    )["solutionArn"]
    with pytest.raises(control.exceptions.ResourceInUseException, match="CREATE PENDING"):
        control.create_solution_version(solutionArn=solution)
    assert _passes(clock, lambda: control.describe_solution(solutionArn=solution)["solution"]) == CREATION
    until(
        lambda: control.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"],
        lambda shown: shown["status"] == "ACTIVE",
    )

    version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.get_solution_metrics(solutionVersionArn=version)
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.create_campaign(name="c", solutionVersionArn=version)
    shown = lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]  # noqa: E731
    assert _passes(clock, shown) == CREATION

    campaign = control.create_campaign(name="c", solutionVersionArn=version)["campaignArn"]
    with pytest.raises(paced.runtime.exceptions.InvalidInputException, match="CREATE PENDING"):
        paced.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    assert _passes(clock, lambda: control.describe_campaign(campaignArn=campaign)["campaign"]) == CREATION

    control.update_campaign(campaignArn=campaign, minProvisionedTPS=2)
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.update_campaign(campaignArn=campaign, minProvisionedTPS=3)
    update = lambda: control.describe_campaign(campaignArn=campaign)["campaign"]["latestCampaignUpdate"]  # noqa: E731
    assert paced.recommended(campaign, "u1")
    assert control.describe_campaign(campaignArn=campaign)["campaign"]["minProvisionedTPS"] == 1
    assert _passes(clock, update) == CREATION
    assert control.describe_campaign(campaignArn=campaign)["campaign"]["minProvisionedTPS"] == 2

    control.delete_campaign(campaignArn=campaign)
    describe = lambda: control.describe_campaign(campaignArn=campaign)["campaign"]  # noqa: E731
    assert describe()["status"] == "DELETE PENDING"
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.delete_campaign(campaignArn=campaign)
    with pytest.raises(paced.runtime.exceptions.ResourceNotFoundException):
        paced.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    clock.advance(PACE)
    until(describe, lambda campaign: campaign["status"] == "DELETE IN_PROGRESS")
    clock.advance(PACE)
    gone(describe, control.exceptions.ResourceNotFoundException)


@pytest.mark.parametrize(("recipe", "kind"), [("aws-sims", "inference"), ("aws-item-affinity", "segment")])
def test_batch_jobs_pass_through_the_statuses_of_other_jobs(
    clock: ManualClock, tmp_path: Path, recipe: str, kind: str
) -> None:
    """CREATE PENDING, CREATE IN_PROGRESS, ACTIVE, as recorded of the service, and in lists too."""
    with LocalPersonalize(tmp_path / "paced", clock=clock) as server:
        world = World(server)
        version = world.train(world.solution(world.seeded(), recipe))["solutionVersionArn"]
        source = world.put("in/asked.json", '{"itemId": "cat1"}\n')
    with LocalPersonalize(tmp_path / "paced", pace=PACE, clock=clock) as server:
        control = World(server).control
        arn = getattr(control, f"create_batch_{kind}_job")(
            jobName="j",
            solutionVersionArn=version,
            roleArn=ROLE,
            jobInput={"s3DataSource": {"path": source}},
            jobOutput={"s3DataDestination": {"path": "s3://out/"}},
        )[f"batch{kind.capitalize()}JobArn"]
        (listed,) = getattr(control, f"list_batch_{kind}_jobs")()[f"batch{kind.capitalize()}Jobs"]
        assert "CREATE PENDING" == listed["status"]

        def describe() -> Any:
            answer = getattr(control, f"describe_batch_{kind}_job")(**{f"batch{kind.capitalize()}JobArn": arn})
            return answer[f"batch{kind.capitalize()}Job"]

        assert CREATION == _passes(clock, describe)


def test_stopped_training_ends_as_stopped(clock: ManualClock, tmp_path: Path) -> None:
    """StopSolutionVersionCreation leads over CREATE STOPPING to CREATE STOPPED; a stopped version is of no use."""
    with LocalPersonalize(tmp_path / "paced", clock=clock) as server:
        paced = World(server)
        solution = paced.solution(paced.seeded(), "aws-popularity-count")
    with LocalPersonalize(tmp_path / "paced", pace=PACE, clock=clock) as server:
        paced = World(server)
        control = paced.control
        version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        control.stop_solution_version_creation(solutionVersionArn=version)
        describe = lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]  # noqa: E731
        assert describe()["status"] == "CREATE STOPPING"

        def later() -> Any:
            clock.advance(PACE)
            return describe()

        assert until(later, lambda shown: shown["status"] != "CREATE STOPPING")["status"] == "CREATE STOPPED"
        with pytest.raises(control.exceptions.ResourceInUseException, match="CREATE STOPPED"):
            control.stop_solution_version_creation(solutionVersionArn=version)
        with pytest.raises(control.exceptions.InvalidInputException, match="CREATE STOPPED"):
            control.create_campaign(name="c", solutionVersionArn=version)
        with pytest.raises(control.exceptions.InvalidInputException, match="no metrics"):
            control.get_solution_metrics(solutionVersionArn=version)
