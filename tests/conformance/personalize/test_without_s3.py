"""A server that was not told where S3 is: it says so at the call, and looks for no account."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ROLE, World, interactions_csv, settled

SOURCE = {"dataLocation": "s3://bucket/a.csv"}
OUTPUT = {"s3DataDestination": {"path": "s3://bucket/out/"}}
METRICS = [{"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"}]
Call = Callable[[World, str, str, str], Any]

CALLS: dict[str, Call] = {
    "import": lambda world, _group, dataset, _version: world.control.create_dataset_import_job(
        jobName="j", datasetArn=dataset, dataSource=SOURCE, roleArn=ROLE
    ),
    "export": lambda world, _group, dataset, _version: world.control.create_dataset_export_job(
        jobName="j", datasetArn=dataset, roleArn=ROLE, jobOutput=OUTPUT
    ),
    "deletion": lambda world, group, _dataset, _version: world.control.create_data_deletion_job(
        jobName="j", datasetGroupArn=group, dataSource=SOURCE, roleArn=ROLE
    ),
    "batch": lambda world, _group, _dataset, version: world.control.create_batch_inference_job(
        jobName="j",
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": "s3://bucket/a.json"}},
        jobOutput=OUTPUT,
        roleArn=ROLE,
    ),
    "metric attribution": lambda world, group, _dataset, _version: world.control.create_metric_attribution(
        name="m", datasetGroupArn=group, metrics=METRICS, metricsOutputConfig={**OUTPUT, "roleArn": ROLE}
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server with buckets made, before it was started without."""
    made = tmp_path_factory.mktemp("without-s3")
    with LocalPersonalize(made) as server:
        world = World(server)
        group = world.group()
        world.load(world.dataset(group, "Interactions", INTERACTIONS), interactions_csv(), "first")
        world.train(world.solution(group, "aws-popularity-count"))
    return made


@pytest.fixture
def world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with LocalPersonalize(folder, buckets=False) as server:
        yield World(server)


@pytest.mark.parametrize("name", CALLS)
def test_a_job_that_needs_s3_is_refused(world: World, name: str) -> None:
    """With what to give; nothing is made that would only fail later."""
    group = world.arn("dataset-group/pets")
    version = world.control.list_solution_versions()["solutionVersions"][0]["solutionVersionArn"]
    with pytest.raises(world.control.exceptions.InvalidInputException, match="--s3-root FOLDER") as refused:
        CALLS[name](world, group, world.arn("dataset/pets/INTERACTIONS"), version)
    assert "AWS_ENDPOINT_URL_S3" in str(refused.value)
    with pytest.raises(world.control.exceptions.ResourceNotFoundException):
        world.control.describe_dataset_import_job(datasetImportJobArn=world.arn("dataset-import-job/j"))


def test_what_needs_no_s3_works(world: World) -> None:
    """Events, trainings and metric attributions without reports."""
    group = world.arn("dataset-group/pets")
    assert "ACTIVE" == world.train(world.solution(group, "aws-popularity-count", "again"))["status"]
    made = world.control.create_metric_attribution(
        name="m", datasetGroupArn=group, metrics=METRICS, metricsOutputConfig={"roleArn": ROLE}
    )["metricAttributionArn"]
    settled(lambda: world.control.describe_metric_attribution(metricAttributionArn=made)["metricAttribution"])
    with pytest.raises(world.control.exceptions.InvalidInputException, match="--s3-root FOLDER"):
        world.control.update_metric_attribution(
            metricAttributionArn=made, metricsOutputConfig={**OUTPUT, "roleArn": ROLE}
        )
