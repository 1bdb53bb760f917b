"""Other users of the computer, and what the embedded Personalize keeps."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3

from personalize_local.model.resources import Account
from personalize_local.testing import LocalPersonalize
from tests.conformance.personalize.test_survival import process
from tests.personalize_world import ROLE, World, settled
from tests.private import open_to_others


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A server in a process of its own, as a World knows servers."""

    endpoint: str
    s3_root: Path
    account: Account

    def client(self, api: str) -> Any:
        return boto3.client(
            api,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def test_everything_that_is_kept_is_its_owners_alone(tmp_path: Path) -> None:
    """Folders 0700 and files 0600: databases and their logs, imports, models, what jobs wrote; older folders too."""
    data = tmp_path / "data"
    older, outside = data / "models" / "older", tmp_path / "outside"
    older.mkdir(parents=True)
    outside.write_text("")
    for folder in (data, older.parent, older):
        folder.chmod(0o755)
    outside.chmod(0o644)
    (data / "notes").write_text("")
    (data / "notes").chmod(0o644)
    (data / "link").symlink_to(outside)
    with process(tmp_path) as (_, endpoint):
        world = World(cast("LocalPersonalize", Elsewhere(endpoint, tmp_path / "s3", Account())))
        group = world.seeded()
        world.train(world.solution(group, "aws-popularity-count"))
        world.send("u1", "cat1")
        dataset = world.arn(f"dataset/{group.rpartition('/')[2]}/INTERACTIONS")
        job = world.control.create_dataset_export_job(
            jobName="x", datasetArn=dataset, roleArn=ROLE, jobOutput={"s3DataDestination": {"path": "s3://out/x/"}}
        )["datasetExportJobArn"]
        settled(lambda: world.control.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"])
        assert [] == open_to_others(data)
        assert [] == open_to_others(tmp_path / "s3" / "out")
        kept = {one.name for one in data.rglob("*")}
        assert {"resources.db", "resources.db-wal", "events.db", "events.db-wal", "columns.npz", "lock"} <= kept
    assert 0o644 == stat.S_IMODE(outside.stat().st_mode)
