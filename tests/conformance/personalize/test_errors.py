"""For every operation each error that its model lists: reached, or known to be out of reach, with the reason."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.api.fidelity import UNREACHED
from personalize_local.api.services import routes
from personalize_local.model.clock import ManualClock
from personalize_local.operations import OPERATIONS
from personalize_local.settings.quotas import Quotas
from tests.conformance.personalize.conftest import Inhabited
from tests.conformance.personalize.inhabited import ARN, METRIC, REQUESTS, Server, code, filled
from tests.personalize_world import ROLE, START

PAIRS = sorted(
    (name, error.removesuffix("Exception")) for name in OPERATIONS for error in routes().operations[name].errors
)
REACHED = [pair for pair in PAIRS if pair not in UNREACHED]
TAGS = [{"tagKey": f"k{number}", "tagValue": "v"} for number in range(51)]
NOTHING = Quotas(
    schemas=0,
    dataset_groups=0,
    filters_per_group=0,
    solutions_per_group=0,
    campaigns_per_group=0,
    pending_imports=0,
    pending_versions=0,
    pending_deletions=0,
    pending_batch_inference_jobs=0,
    pending_batch_segment_jobs=0,
)
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    # --- what is wrong although every member is as the model says
    ("CreateSchema", "InvalidInput"): {"schema": "{}"},
    ("CreateDatasetGroup", "InvalidInput"): {"roleArn": ROLE},
    ("ListRecipes", "InvalidInput"): {"maxResults": 101},
    ("PutEvents", "InvalidInput"): {"trackingId": "nobody's"},
    # --- names in use
    ("CreateCampaign", "ResourceAlreadyExists"): {"name": "popular"},
    ("CreateDataset", "ResourceAlreadyExists"): {
        "datasetGroupArn": ARN + "dataset-group/pets",
        "schemaArn": ARN + "schema/lonely",
    },
    ("CreateDatasetGroup", "ResourceAlreadyExists"): {"name": "pets"},
    ("CreateDatasetImportJob", "ResourceAlreadyExists"): {"jobName": "pets-items"},
    ("CreateEventTracker", "ResourceAlreadyExists"): {"name": "pets-tracker"},
    ("CreateFilter", "ResourceAlreadyExists"): {"name": "cats"},
    ("CreateMetricAttribution", "ResourceAlreadyExists"): {"name": "impact"},
    ("CreateSchema", "ResourceAlreadyExists"): {"name": "lonely"},
    ("CreateSolution", "ResourceAlreadyExists"): {"name": "popular"},
    ("CreateSolutionVersion", "ResourceAlreadyExists"): {"name": "popular"},
    ("UpdateMetricAttribution", "ResourceAlreadyExists"): {"addMetrics": [METRIC]},
    **{
        (name, "ResourceAlreadyExists"): {"jobName": "job"}
        for name in (
            "CreateBatchInferenceJob",
            "CreateBatchSegmentJob",
            "CreateDataDeletionJob",
            "CreateDatasetExportJob",
        )
    },
    # --- what is being made (see `busy`), or is used by something
    ("CreateBatchInferenceJob", "ResourceInUse"): {"solutionVersionArn": "@training"},
    ("CreateBatchSegmentJob", "ResourceInUse"): {"solutionVersionArn": "@training"},
    ("CreateCampaign", "ResourceInUse"): {"solutionVersionArn": "@training"},
    ("CreateDataDeletionJob", "ResourceInUse"): {"datasetGroupArn": ARN + "dataset-group/second"},
    ("CreateDataset", "ResourceInUse"): {"datasetGroupArn": ARN + "dataset-group/young"},
    ("CreateDatasetExportJob", "ResourceInUse"): {"datasetArn": ARN + "dataset/empty/ITEMS"},
    ("CreateDatasetImportJob", "ResourceInUse"): {"datasetArn": ARN + "dataset/second/USERS"},
    ("CreateEventTracker", "ResourceInUse"): {"datasetGroupArn": ARN + "dataset-group/young"},
    ("CreateMetricAttribution", "ResourceInUse"): {"datasetGroupArn": ARN + "dataset-group/young"},
    ("CreateSolution", "ResourceInUse"): {"datasetGroupArn": ARN + "dataset-group/young"},
    ("CreateSolutionVersion", "ResourceInUse"): {"solutionArn": ARN + "solution/waiting"},
    ("DeleteCampaign", "ResourceInUse"): {"campaignArn": ARN + "campaign/young"},
    ("DeleteDataset", "ResourceInUse"): {"datasetArn": ARN + "dataset/empty/ITEMS"},
    ("DeleteDatasetGroup", "ResourceInUse"): {},
    ("DeleteEventTracker", "ResourceInUse"): {"eventTrackerArn": "@young-tracker"},
    ("DeleteFilter", "ResourceInUse"): {"filterArn": ARN + "filter/young"},
    ("DeleteMetricAttribution", "ResourceInUse"): {"metricAttributionArn": ARN + "metric-attribution/young"},
    ("DeleteSchema", "ResourceInUse"): {},
    ("DeleteSolution", "ResourceInUse"): {},
    ("GetSolutionMetrics", "ResourceInUse"): {"solutionVersionArn": "@training"},
    ("PutItems", "ResourceInUse"): {"datasetArn": ARN + "dataset/empty/ITEMS"},
    ("PutUsers", "ResourceInUse"): {"datasetArn": ARN + "dataset/empty/USERS"},
    ("StopSolutionVersionCreation", "ResourceInUse"): {},
    ("UpdateCampaign", "ResourceInUse"): {"campaignArn": ARN + "campaign/young"},
    ("UpdateDataset", "ResourceInUse"): {"datasetArn": ARN + "dataset/empty/ITEMS"},
    ("UpdateMetricAttribution", "ResourceInUse"): {"metricAttributionArn": ARN + "metric-attribution/young"},
    ("UpdateSolution", "ResourceInUse"): {"solutionArn": ARN + "solution/young"},
    # --- tags
    ("TagResource", "TooManyTags"): {"tags": TAGS},
    ("UntagResource", "TooManyTagKeys"): {"tagKeys": [f"k{number}" for number in range(51)]},
}
"""How the request of the base must change for an error, where it is not the same for all operations."""


def _change(name: str, error: str) -> dict[str, Any]:
    """What makes the base request of an operation end in an error."""
    listed = CHANGES.get((name, error))
    if listed is not None:
        return listed
    arns = [member for member in REQUESTS[name] if member.endswith("Arn") and member != "roleArn"]
    match error:
        case "InvalidInput":
            return {arns[0]: "no ARN"}
        case "ResourceNotFound":
            return {arns[0]: ARN + "nothing/none"}
        case "InvalidNextToken":
            return {"nextToken": "no token"}
        case "TooManyTags":
            return {"tags": TAGS}
        case _:
            return {}


class Worlds:
    """Servers over copies of the same resources, on clocks that stand still, so that what is begun stays pending.

    `busy` has something pending of every kind, `calm` nothing at first, and the quotas of `full` are used up.
    """

    def __init__(self, made: Inhabited, folder: Path) -> None:
        self.chosen = dict(made.chosen)
        self.made_folder, self.folder = made.folder, folder
        self.busy, self.calm, self.full = self.copy("busy"), self.copy("calm"), self.copy("full", quotas=NOTHING)
        self._occupy()

    def copy(self, name: str, **options: Any) -> Server:
        """A server of its own over the resources as they were made."""
        clock = ManualClock(START + 10_000.0)
        return Server(self.made_folder, self.folder / name, clock=clock, pace=60.0, **options)

    def _occupy(self) -> None:
        """Begin one resource of each kind; the clock of the server stands still, so they stay in their first status."""
        self.made("CreateDatasetGroup", {"name": "young"})
        self.made("CreateSolution", {"name": "young"})
        self.chosen["training"] = self.made("CreateSolutionVersion", {})["solutionVersionArn"]
        self.made("CreateCampaign", {"name": "young"})
        self.made("CreateFilter", {"name": "young"})
        self.made("CreateMetricAttribution", {"name": "young"})
        self.chosen["young-tracker"] = self.made("CreateEventTracker", {"name": "young"})["eventTrackerArn"]
        self.made("CreateDataset", {"name": "young"})
        self.made("CreateDataset", {"name": "young", "datasetType": "Users", "schemaArn": ARN + "schema/pets-Users"})
        self.made("CreateDatasetImportJob", {"jobName": "young", "datasetArn": ARN + "dataset/second/INTERACTIONS"})
        self.made("CreateSolution", {"name": "waiting", "datasetGroupArn": ARN + "dataset-group/second"})
        self.made("DeleteDataset", {"datasetArn": ARN + "dataset/second/USERS"})

    def request(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        """The request of an operation with a change, chosen names filled in."""
        return filled({**REQUESTS[name], **change}, self.chosen)

    def made(self, name: str, change: dict[str, Any]) -> Any:
        answer = self.busy.sent(name, self.request(name, change))
        assert 200 == answer.status, (name, answer.body)
        return json.loads(answer.body)

    def close(self) -> None:
        for server in (self.busy, self.calm, self.full):
            server.close()


@pytest.fixture(scope="module")
def worlds(inhabited: Inhabited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    worlds = Worlds(inhabited, tmp_path_factory.mktemp("errors"))
    yield worlds
    worlds.close()


def test_what_is_out_of_reach_is_in_the_model() -> None:
    """The list holds no error that no operation has."""
    assert set() == set(UNREACHED) - set(PAIRS)


@pytest.mark.parametrize(("name", "error"), REACHED)
def test_every_error_can_be_reached(worlds: Worlds, name: str, error: str) -> None:
    """Code and HTTP status of the model, for a request that differs from one that succeeds in what causes the error."""
    server = {"LimitExceeded": worlds.full, "TooManyTags": worlds.calm}.get(error, worlds.busy)
    answer = server.sent(name, worlds.request(name, _change(name, error)))
    assert (f"{error}Exception", routes().operations[name].statuses[f"{error}Exception"]) == (
        code(answer),
        answer.status,
    ), answer.body


def _order(name: str) -> tuple[bool, bool, bool, str]:
    """Reading first; a training before the import that would hold it up, updates last."""
    return name.startswith("Update"), name == "CreateDatasetImportJob", name.startswith("Create"), name


def test_the_requests_they_differ_from_succeed(worlds: Worlds) -> None:
    """Each base request is answered with 200, or shows the error itself: so the change is the cause of the others."""
    assert set(REQUESTS) == set(OPERATIONS)
    changing, deleting = worlds.copy("changing"), worlds.copy("deleting")
    try:
        answers = {
            name: code((deleting if name.startswith("Delete") else changing).sent(name, worlds.request(name, {})))
            for name in sorted(REQUESTS, key=_order)
        }
    finally:
        changing.close()
        deleting.close()
    shown = {name for name, error in CHANGES if error == "ResourceInUse" and CHANGES[name, error] == {}}
    assert dict.fromkeys(shown, "ResourceInUseException") == {name: one for name, one in answers.items() if one}
