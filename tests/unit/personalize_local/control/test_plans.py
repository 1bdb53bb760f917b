"""Work that a restart has interrupted: its task is made anew from what is stored, whoever stored it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from personalize_local.api.service import Personalize
from personalize_local.model.clock import ManualClock
from personalize_local.model.resources import Resource
from personalize_local.settings.options import Options
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import ITEMS, ROLE, World, items_csv, settled

NEVER = 5_000.0
"""A pace at which nothing ends while a test runs."""


def _pending_import(folder: Path) -> str:
    """ARN of an import that the end of its server left pending."""
    with LocalPersonalize(folder) as server:
        world = World(server)
        dataset = world.dataset(world.group(), "Items", ITEMS)
        location = world.put("seed/items.csv", items_csv())
    with LocalPersonalize(folder, pace=NEVER) as server:
        made = server.client("personalize").create_dataset_import_job(
            jobName="job", datasetArn=dataset, dataSource={"dataLocation": location}, roleArn=ROLE
        )
    return str(made["datasetImportJobArn"])


def _change(folder: Path, arn: str, change: Callable[[Resource], Resource]) -> None:
    """Change what is stored of a resource while no server runs."""
    service = Personalize(Options(folder=folder / "data"))
    with service.store.transaction() as changes:
        resource = service.store.get(arn)
        assert resource is not None
        changes.put(change(resource))
    service.events.close()
    service.store.close()
    service._lock.close()  # a service that was not started cannot be closed as one


def _ended(folder: Path, arn: str, *, isolated: bool) -> tuple[str, str | None]:
    """Status and reason of the import once a server that starts later has gone on with it."""
    with LocalPersonalize(folder, clock=ManualClock(time.time() + 2 * NEVER), isolated=isolated) as server:
        client = server.client("personalize")
        job = settled(lambda: client.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"])
    return job["status"], job.get("failureReason")


@pytest.mark.parametrize("isolated", [False, True])
def test_a_restart_goes_on_with_pending_work(tmp_path: Path, isolated: bool) -> None:
    """Its task is made when it begins: in this process and in one of its own."""
    arn = _pending_import(tmp_path)
    assert ("ACTIVE", None) == _ended(tmp_path, arn, isolated=isolated)


def test_pending_work_of_another_version_fails_with_a_sentence(tmp_path: Path) -> None:
    """A resource that lacks what a task needs ends in failure and says what it lacks; it does not hang in progress."""
    arn = _pending_import(tmp_path)
    _change(tmp_path, arn, lambda job: job.changed(job.updated, importMode=None))
    reason = f"{arn} was stored without importMode by another version of this program; create it anew."
    assert ("CREATE FAILED", reason) == _ended(tmp_path, arn, isolated=False)
