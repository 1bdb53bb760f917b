"""Creating in the control plane of Personalize: the end is waited for, and what failed is said."""

from typing import Any

import pytest

from tools.deploy.base.errors import DeployError
from tools.deploy.base.personalize import CreationError, create, created, ended

ARN = "arn:aws:personalize:us-east-1:000000000000:dataset-import-job/j"


class Control:
    """A control plane whose only job passes through the given statuses, one a look."""

    def __init__(self, *statuses: str, **more: str) -> None:
        self.requests: list[dict[str, Any]] = []
        self._left = list(statuses)
        self._more = more

    def create_dataset_import_job(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"datasetImportJobArn": ARN}

    def describe_dataset_import_job(self, *, datasetImportJobArn: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        status = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        return {"datasetImportJob": {"datasetImportJobArn": datasetImportJobArn, "status": status, **self._more}}


def test_what_is_active_is_told_by_its_arn() -> None:
    """All statuses on the way are waited for; the request goes through as it is."""
    control = Control("CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING", "ACTIVE")
    assert ARN == created(control, "dataset_import_job", every_seconds=0, jobName="j")
    assert [{"jobName": "j"}] == control.requests


@pytest.mark.parametrize("status", ["CREATE FAILED", "CREATE STOPPED"])
def test_what_failed_is_an_error_with_its_reason_or_a_description(status: str) -> None:
    """Whoever needs the resource gets an error, whoever wants to know how it ended a description."""
    control = Control("CREATE PENDING", status, failureReason="no rows")
    with pytest.raises(CreationError, match=f"{ARN} ended as {status}: no rows"):
        created(control, "dataset_import_job", every_seconds=0)
    assert status == create(control, "dataset_import_job", every_seconds=0)["status"]


def test_patience_has_an_end() -> None:
    """Who waits is told for how long it was waited."""
    with pytest.raises(DeployError, match=f"{ARN} has not ended after 0 seconds"):
        ended(Control("CREATE PENDING"), "dataset_import_job", ARN, every_seconds=0, for_seconds=0)
