"""How resources look in Describe and List answers: one table, and the code that reads it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from personalize_local.model.errors import bad_token
from personalize_local.model.resources import Kind, Resource
from personalize_local.model.validation import Json

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The members of one kind of resource."""

    wrapper: str
    """Member of the Describe answer; the ARN's member is `wrapper` + `Arn`."""
    plural: str
    """Member of the List answer."""
    members: tuple[str, ...] = ()
    """Members of the body that Describe shows."""
    summary: tuple[str, ...] = ()
    """Members of the body that List shows."""
    name: str | None = "name"
    status: bool = True
    parent: str = ""
    """The request's member that narrows a List, and the answer's that names the parent."""

    @property
    def arn(self) -> str:
        return f"{self.wrapper}Arn"


_BATCH = ("filterArn", "failureReason", "solutionVersionArn", "numResults", "jobInput", "jobOutput", "roleArn")

VIEWS: dict[Kind, View] = {
    "schema": View(wrapper="schema", plural="schemas", members=("schema", "domain"), summary=("domain",), status=False),
    "dataset-group": View(
        wrapper="datasetGroup",
        plural="datasetGroups",
        members=("roleArn", "kmsKeyArn", "failureReason", "domain"),
        summary=("failureReason", "domain"),
    ),
    "dataset": View(
        wrapper="dataset",
        plural="datasets",
        members=("datasetGroupArn", "datasetType", "schemaArn", "latestDatasetUpdate"),
        summary=("datasetType",),
        parent="datasetGroupArn",
    ),
    "dataset-import-job": View(
        wrapper="datasetImportJob",
        plural="datasetImportJobs",
        name="jobName",
        members=("datasetArn", "dataSource", "roleArn", "failureReason", "importMode", "publishAttributionMetricsToS3"),
        summary=("failureReason", "importMode"),
        parent="datasetArn",
    ),
    "dataset-export-job": View(
        wrapper="datasetExportJob",
        plural="datasetExportJobs",
        name="jobName",
        members=("datasetArn", "ingestionMode", "roleArn", "jobOutput", "failureReason"),
        summary=("failureReason",),
        parent="datasetArn",
    ),
    "data-deletion-job": View(
        wrapper="dataDeletionJob",
        plural="dataDeletionJobs",
        name="jobName",
        members=("datasetGroupArn", "dataSource", "roleArn", "numDeleted", "failureReason"),
        summary=("datasetGroupArn", "failureReason"),
        parent="datasetGroupArn",
    ),
    "batch-inference-job": View(
        wrapper="batchInferenceJob",
        plural="batchInferenceJobs",
        name="jobName",
        members=(
            *_BATCH,
            "batchInferenceJobConfig",
            "batchInferenceJobMode",
        ),
        summary=("solutionVersionArn", "batchInferenceJobMode", "failureReason"),
        parent="solutionVersionArn",
    ),
    "batch-segment-job": View(
        wrapper="batchSegmentJob",
        plural="batchSegmentJobs",
        name="jobName",
        members=_BATCH,
        summary=("solutionVersionArn", "failureReason"),
        parent="solutionVersionArn",
    ),
    "metric-attribution": View(
        wrapper="metricAttribution",
        plural="metricAttributions",
        members=("datasetGroupArn", "metricsOutputConfig", "failureReason"),
        summary=("failureReason",),
        parent="datasetGroupArn",
    ),
    "event-tracker": View(
        wrapper="eventTracker",
        plural="eventTrackers",
        members=("accountId", "trackingId", "datasetGroupArn"),
        parent="datasetGroupArn",
    ),
    "filter": View(
        wrapper="filter",
        plural="Filters",
        members=("datasetGroupArn", "failureReason", "filterExpression"),
        summary=("datasetGroupArn", "failureReason"),
        parent="datasetGroupArn",
    ),
    "solution": View(
        wrapper="solution",
        plural="solutions",
        members=(
            "performHPO",
            "performAutoML",
            "performAutoTraining",
            "performIncrementalUpdate",
            "recipeArn",
            "datasetGroupArn",
            "eventType",
            "solutionConfig",
            "latestSolutionUpdate",
            "autoMLResult",
        ),
        summary=("recipeArn",),
        parent="datasetGroupArn",
    ),
    "solution-version": View(
        wrapper="solutionVersion",
        plural="solutionVersions",
        members=(
            "name",
            "solutionArn",
            "performHPO",
            "performAutoML",
            "performIncrementalUpdate",
            "recipeArn",
            "eventType",
            "datasetGroupArn",
            "solutionConfig",
            "trainingHours",
            "trainingMode",
            "trainingType",
            "failureReason",
        ),
        summary=("trainingMode", "trainingType", "failureReason"),
        name=None,
        parent="solutionArn",
    ),
    "campaign": View(
        wrapper="campaign",
        plural="campaigns",
        members=(
            "solutionVersionArn",
            "minProvisionedTPS",
            "campaignConfig",
            "failureReason",
            "latestCampaignUpdate",
        ),
        summary=("failureReason",),
        parent="solutionArn",
    ),
}


def described(resource: Resource) -> Json:
    """The resource as Describe shows it (without the wrapper)."""
    shown = _shown(resource, VIEWS[resource.kind].members)
    if resource.kind == "solution-version":
        # Recorded of the service: a version that was made without a name is called SOLUTION/ID.
        shown.setdefault("name", resource.arn.partition(":solution/")[2])
    return shown


def summarized(resource: Resource) -> Json:
    """The resource as List shows it."""
    return _shown(resource, VIEWS[resource.kind].summary)


def _shown(resource: Resource, members: Sequence[str]) -> Json:
    view = VIEWS[resource.kind]
    shown: Json = {view.arn: resource.arn, **resource.times, **resource.members(*members)}
    if view.name is not None:
        shown[view.name] = resource.name
    if view.status:
        shown["status"] = resource.status
    return shown


def page(plural: str, shown: Sequence[tuple[int, Json]], request: Json, *, size: int = _PAGE) -> Json:
    """One page of a list of (rising number, entry), with the token of the next one.

    `size` is that of a page whose request does not say.
    """
    after = _position(plural, request["nextToken"]) if "nextToken" in request else 0
    size = request.get("maxResults", size)
    rest = [entry for entry in shown if entry[0] > after]
    answer: Json = {plural: [entry for _, entry in rest[:size]]}
    if len(rest) > size:
        answer["nextToken"] = base64.urlsafe_b64encode(json.dumps([plural, rest[size - 1][0]]).encode()).decode()
    return answer


def _position(plural: str, token: str) -> int:
    try:
        kind, position = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error):
        raise bad_token() from None
    if kind != plural or type(position) is not int:
        raise bad_token()
    return position
