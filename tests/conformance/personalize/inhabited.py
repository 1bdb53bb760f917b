"""A data folder with one resource of every kind, by known names: what requests of every operation can be about."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from personalize_local.api.protocol import Answer, Protocol
from personalize_local.api.service import Personalize
from personalize_local.api.services import routes
from personalize_local.jobs.running import InProcess
from personalize_local.settings.options import Options
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, ITEMS, ROLE, USERS, World, until

ARN = "arn:aws:personalize:us-east-1:000000000000:"
RECIPE = "arn:aws:personalize:::recipe/"
JOB_INPUT = {"s3DataSource": {"path": "s3://in/"}}
OUTPUT = {"s3DataDestination": {"path": "s3://out/"}}
REPORTS = {**OUTPUT, "roleArn": ROLE}
METRIC = {"eventType": "DetailView", "metricName": "views", "expression": "SAMPLECOUNT()"}

_SENT = 1_700_000_000
JOB = {"jobInput": JOB_INPUT, "jobOutput": OUTPUT, "roleArn": ROLE}
SOURCE = {"dataLocation": "s3://none/users.csv"}

REQUESTS: dict[str, dict[str, Any]] = {
    "CreateBatchInferenceJob": {"jobName": "new", "solutionVersionArn": "@popular", **JOB},
    "CreateBatchSegmentJob": {"jobName": "new", "solutionVersionArn": "@segments", **JOB},
    "CreateCampaign": {"name": "new", "solutionVersionArn": "@popular"},
    "CreateDataDeletionJob": {
        "jobName": "new",
        "datasetGroupArn": ARN + "dataset-group/pets",
        "dataSource": SOURCE,
        "roleArn": ROLE,
    },
    "CreateDataset": {
        "name": "new",
        "datasetGroupArn": ARN + "dataset-group/empty",
        "schemaArn": ARN + "schema/lonely",
        "datasetType": "Items",
    },
    "CreateDatasetExportJob": {
        "jobName": "new",
        "datasetArn": ARN + "dataset/pets/USERS",
        "roleArn": ROLE,
        "jobOutput": OUTPUT,
    },
    "CreateDatasetGroup": {"name": "new"},
    "CreateDatasetImportJob": {
        "jobName": "new",
        "datasetArn": ARN + "dataset/pets/USERS",
        "dataSource": SOURCE,
        "roleArn": ROLE,
    },
    "CreateEventTracker": {"name": "new", "datasetGroupArn": ARN + "dataset-group/second"},
    "CreateFilter": {
        "name": "new",
        "datasetGroupArn": ARN + "dataset-group/pets",
        "filterExpression": 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")',
    },
    "CreateMetricAttribution": {
        "name": "new",
        "datasetGroupArn": ARN + "dataset-group/pets",
        "metrics": [METRIC],
        "metricsOutputConfig": REPORTS,
    },
    "CreateSchema": {"name": "new", "schema": ITEMS},
    "CreateSolution": {
        "name": "new",
        "datasetGroupArn": ARN + "dataset-group/pets",
        "recipeArn": RECIPE + "aws-sims",
    },
    "CreateSolutionVersion": {"solutionArn": ARN + "solution/popular", "name": "new"},
    "DeleteCampaign": {"campaignArn": ARN + "campaign/popular"},
    "DeleteDataset": {"datasetArn": ARN + "dataset/pets/USERS"},
    "DeleteDatasetGroup": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "DeleteEventTracker": {"eventTrackerArn": "@tracker"},
    "DeleteFilter": {"filterArn": ARN + "filter/cats"},
    "DeleteMetricAttribution": {"metricAttributionArn": ARN + "metric-attribution/impact"},
    "DeleteSchema": {"schemaArn": ARN + "schema/pets-Items"},
    "DeleteSolution": {"solutionArn": ARN + "solution/popular"},
    "DescribeAlgorithm": {"algorithmArn": "arn:aws:personalize:::algorithm/aws-sims"},
    "DescribeBatchInferenceJob": {"batchInferenceJobArn": ARN + "batch-inference-job/job"},
    "DescribeBatchSegmentJob": {"batchSegmentJobArn": ARN + "batch-segment-job/job"},
    "DescribeCampaign": {"campaignArn": ARN + "campaign/popular"},
    "DescribeDataDeletionJob": {"dataDeletionJobArn": ARN + "data-deletion-job/job"},
    "DescribeDataset": {"datasetArn": ARN + "dataset/pets/USERS"},
    "DescribeDatasetExportJob": {"datasetExportJobArn": ARN + "dataset-export-job/job"},
    "DescribeDatasetGroup": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "DescribeDatasetImportJob": {"datasetImportJobArn": ARN + "dataset-import-job/pets-items"},
    "DescribeEventTracker": {"eventTrackerArn": "@tracker"},
    "DescribeFeatureTransformation": {
        "featureTransformationArn": "arn:aws:personalize:::feature-transformation/JSON-percentile-filtering"
    },
    "DescribeFilter": {"filterArn": ARN + "filter/cats"},
    "DescribeMetricAttribution": {"metricAttributionArn": ARN + "metric-attribution/impact"},
    "DescribeRecipe": {"recipeArn": RECIPE + "aws-sims"},
    "DescribeSchema": {"schemaArn": ARN + "schema/lonely"},
    "DescribeSolution": {"solutionArn": ARN + "solution/popular"},
    "DescribeSolutionVersion": {"solutionVersionArn": "@popular"},
    "GetPersonalizedRanking": {"campaignArn": ARN + "campaign/ranking", "userId": "u1", "inputList": ["cat1"]},
    "GetRecommendations": {"campaignArn": ARN + "campaign/popular"},
    "GetSolutionMetrics": {"solutionVersionArn": "@popular"},
    "ListBatchInferenceJobs": {"solutionVersionArn": "@popular"},
    "ListBatchSegmentJobs": {"solutionVersionArn": "@segments"},
    "ListCampaigns": {"solutionArn": ARN + "solution/popular"},
    "ListDataDeletionJobs": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListDatasetExportJobs": {"datasetArn": ARN + "dataset/pets/USERS"},
    "ListDatasetGroups": {},
    "ListDatasetImportJobs": {"datasetArn": ARN + "dataset/pets/ITEMS"},
    "ListDatasets": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListEventTrackers": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListFilters": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListMetricAttributionMetrics": {"metricAttributionArn": ARN + "metric-attribution/impact"},
    "ListMetricAttributions": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListRecipes": {},
    "ListRecommenders": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListSchemas": {},
    "ListSolutionVersions": {"solutionArn": ARN + "solution/popular"},
    "ListSolutions": {"datasetGroupArn": ARN + "dataset-group/pets"},
    "ListTagsForResource": {"resourceArn": ARN + "filter/cats"},
    "PutEvents": {
        "trackingId": "@id",
        "sessionId": "s",
        "eventList": [{"eventType": "DetailView", "itemId": "cat1", "sentAt": _SENT}],
    },
    "PutItems": {
        "datasetArn": ARN + "dataset/pets/ITEMS",
        "items": [{"itemId": "i", "properties": '{"animalType": "1", "creationTimestamp": 1}'}],
    },
    "PutUsers": {"datasetArn": ARN + "dataset/pets/USERS", "users": [{"userId": "u"}]},
    "StopSolutionVersionCreation": {"solutionVersionArn": "@popular"},
    "TagResource": {"resourceArn": ARN + "filter/cats", "tags": [{"tagKey": "k", "tagValue": "v"}]},
    "UntagResource": {"resourceArn": ARN + "filter/cats", "tagKeys": ["k"]},
    "UpdateCampaign": {"campaignArn": ARN + "campaign/popular", "minProvisionedTPS": 2},
    "UpdateDataset": {"datasetArn": ARN + "dataset/pets/ITEMS", "schemaArn": ARN + "schema/pets-Items"},
    "UpdateMetricAttribution": {
        "metricAttributionArn": ARN + "metric-attribution/impact",
        "addMetrics": [{**METRIC, "metricName": "more"}],
    },
    "UpdateSolution": {"solutionArn": ARN + "solution/popular", "performAutoTraining": False},
}
"""A request of each operation that succeeds; `@NAME` is what the server has chosen for NAME."""


def filled(request: dict[str, Any], chosen: dict[str, str]) -> dict[str, Any]:
    """The request with what the server has chosen in place of `@NAME`; a text that only looks like one stays."""
    places = {f"@{name}": value for name, value in chosen.items()}
    return {member: places.get(value, value) if isinstance(value, str) else value for member, value in request.items()}


def inhabit(folder: Path) -> dict[str, str]:
    """Fill the folder; the names that the server chose: `popular` and `segments` (solution versions), `tracker`, `id`.

    Groups: pets (everything), second (empty Interactions and Users datasets), empty (nothing). Schemas: pets-Interactions and so
    on, and lonely, which no dataset uses.
    """
    with LocalPersonalize(folder) as server:
        world = World(server)
        control = world.control
        group = world.seeded()
        world.dataset(group, "Users", USERS)
        chosen = {"id": world.tracking_id}
        chosen["tracker"] = control.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"]
        second = world.group("second")
        world.dataset(second, "Interactions", INTERACTIONS)
        world.dataset(second, "Users", USERS)
        world.group("empty")
        control.create_schema(name="lonely", schema=ITEMS)
        for name, recipe in (("popular", "aws-popularity-count"), ("segments", "aws-item-affinity")):
            chosen[name] = world.train(world.solution(group, recipe, name), name=name)["solutionVersionArn"]
        ranking = world.train(world.solution(group, "aws-personalized-ranking-v2", "ranking"))["solutionVersionArn"]
        world.campaign(chosen["popular"], "popular")
        world.campaign(ranking, "ranking")
        world.filter(group, "cats", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")')
        control.create_metric_attribution(
            name="impact", datasetGroupArn=group, metrics=[METRIC], metricsOutputConfig=REPORTS
        )
        jobs = {"jobInput": JOB_INPUT, "jobOutput": OUTPUT, "roleArn": ROLE}
        control.create_batch_inference_job(jobName="job", solutionVersionArn=chosen["popular"], **jobs)
        control.create_batch_segment_job(jobName="job", solutionVersionArn=chosen["segments"], **jobs)
        control.create_dataset_export_job(
            jobName="job", datasetArn=f"{ARN}dataset/pets/USERS", roleArn=ROLE, jobOutput=OUTPUT
        )
        source = {"dataLocation": "s3://none/users.csv"}
        control.create_data_deletion_job(jobName="job", datasetGroupArn=group, dataSource=source, roleArn=ROLE)
        _ended(world)
    return chosen


def _ended(world: World) -> None:
    """Returns once nothing is under way."""
    control = world.control
    lists = (
        lambda: control.list_metric_attributions()["metricAttributions"],
        lambda: control.list_batch_inference_jobs()["batchInferenceJobs"],
        lambda: control.list_batch_segment_jobs()["batchSegmentJobs"],
        lambda: control.list_dataset_export_jobs()["datasetExportJobs"],
        lambda: control.list_data_deletion_jobs()["dataDeletionJobs"],
    )
    for listed in lists:
        until(listed, lambda shown: all(one["status"] in _ENDS for one in shown))


_ENDS = ("ACTIVE", "CREATE FAILED", "COMPLETED", "FAILED")


class Server:
    """A service over a copy of an inhabited folder, asked without HTTP."""

    def __init__(self, folder: Path, copy: Path, **options: Any) -> None:
        shutil.copytree(folder, copy)
        more = {"pace": 0.0, **options}
        self.service = Personalize(
            Options(folder=copy / "data", s3_root=copy / "s3", worker=InProcess(), **more),
        )
        self.service.start()
        self._protocol = Protocol(self.service)

    def sent(self, name: str, request: Any) -> Answer:
        """The answer to an operation; `request` is an object, or the bytes of a body."""
        operation = routes().operations[name]
        headers: dict[bytes, bytes] = {}
        method, path = "POST", "/"
        if operation.api == "personalize":
            headers[b"x-amz-target"] = f"AmazonPersonalize.{name}".encode()
        else:
            method, path = next(route for route, one in routes().paths.items() if one.name == name)
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.raw(method, path, headers, body)

    def raw(self, method: str, path: str, headers: dict[bytes, bytes], body: bytes) -> Answer:
        """The answer to a request as HTTP has it."""
        return asyncio.run(self._protocol.answer(method, path, headers, body))

    def close(self) -> None:
        self.service.close()


def code(answer: Answer) -> str | None:
    """The error code of an answer; None for a success."""
    return None if answer.status == 200 else str(json.loads(answer.body)["__type"])
