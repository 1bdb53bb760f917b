"""A feature group's steps by a clock that the test moves, and its way to the offline store by a bucket that fails."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.services.database import Database
from local_cloud.services.errors import ServiceError
from local_cloud.services.feature_store import offline
from local_cloud.services.feature_store.control import Control
from local_cloud.services.feature_store.offline import OfflineWriter
from local_cloud.services.feature_store.runtime import Runtime
from local_cloud.services.feature_store.store import SCHEMA, step
from local_cloud.services.protocol import Api
from local_cloud.services.service import Service

ROLE = "arn:aws:iam::000000000000:role/store"
GROUP: dict[str, Any] = {
    "FeatureGroupName": "profiles",
    "RecordIdentifierFeatureName": "visitor",
    "EventTimeFeatureName": "updated",
    "FeatureDefinitions": [
        {"FeatureName": "visitor", "FeatureType": "String"},
        {"FeatureName": "updated", "FeatureType": "Fractional"},
    ],
    "OnlineStoreConfig": {"EnableOnlineStore": True},
    "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://pets/x"}, "TableFormat": "Iceberg"},
    "RoleArn": ROLE,
}


@dataclass
class Bucket:
    """Objects by key; refuses to take any while `closed`."""

    objects: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def put_object(self, **given: Any) -> None:
        if self.closed:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
        self.objects[f"{given['Bucket']}/{given['Key']}"] = given["Body"].decode()

    def get_bucket_acl(self, **_given: Any) -> None:
        """Anybody may look."""

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in self.objects.values() for line in body.splitlines()]


class Store:
    """The service with a clock, a bucket and a writer that works when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.at = 1_796_119_200_000_000
        self.bucket, self.roles = Bucket(), set[str]()
        database = Database(folder / "feature-store.sqlite", SCHEMA)
        self.database = database
        self.writer = OfflineWriter(database, self._s3_of, self._now)
        apis = [Api("sagemaker", "ValidationException"), Api("sagemaker-featurestore-runtime", "ValidationError")]
        control, runtime = Control(database, self._now), Runtime(database, lambda: None, self._now)
        self.service = Service(apis, {**control.operations, **runtime.operations})

    def _now(self) -> int:
        return self.at

    def _s3_of(self, role: str) -> Bucket:
        self.roles.add(role)
        return self.bucket

    def call(self, operation: str, **given: Any) -> dict[str, Any]:
        return self.service.call(operation, {"FeatureGroupName": "profiles", **given})

    def put(self, visitor: str, updated: float) -> None:
        named = {"visitor": visitor, "updated": str(updated)}
        self.call("PutRecord", Record=[{"FeatureName": k, "ValueAsString": v} for k, v in named.items()])

    def status(self) -> str:
        return str(self.call("DescribeFeatureGroup")["FeatureGroupStatus"])

    def offline(self) -> dict[str, str]:
        found: dict[str, str] = self.call("DescribeFeatureGroup")["OfflineStoreStatus"]
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With a group that is Created."""
    made = Store(tmp_path)
    made.service.call("CreateFeatureGroup", GROUP)
    made.at += step()
    yield made
    made.database.close()


def test_a_group_is_creating_then_created_then_deleting_then_gone(tmp_path: Path) -> None:
    """Records are taken while it is Created alone; it cannot be deleted before."""
    store = Store(tmp_path)
    store.service.call("CreateFeatureGroup", GROUP)
    assert "Creating" == store.status()
    for refused in (lambda: store.put("v", 1), lambda: store.call("DeleteFeatureGroup")):
        with pytest.raises(ServiceError, match="Creating"):
            refused()
    store.at += step()
    assert "Created" == store.status()
    store.put("v", 1)
    store.call("DeleteFeatureGroup")
    assert "Deleting" == store.status()
    with pytest.raises(ServiceError, match="Deleting"):
        store.put("v", 2)
    with pytest.raises(ServiceError, match="Already Exists"):
        store.service.call("CreateFeatureGroup", GROUP)
    store.at += step()
    with pytest.raises(ServiceError, match="does not exist"):
        store.status()
    assert store.writer.flush()
    assert ["v"] == [row["visitor"] for row in store.bucket.rows()]
    store.service.call("CreateFeatureGroup", GROUP)
    store.at += step()
    assert {} == store.call("GetRecord", RecordIdentifierValueAsString="v")
    store.database.close()


def test_an_update_is_in_progress_then_successful(store: Store) -> None:
    """A second one has to wait."""
    added = {"FeatureAdditions": [{"FeatureName": "cats", "FeatureType": "Integral"}]}
    store.call("UpdateFeatureGroup", **added)
    assert "InProgress" == store.call("DescribeFeatureGroup")["LastUpdateStatus"]["Status"]
    with pytest.raises(ServiceError, match="cannot be updated"):
        store.call("UpdateFeatureGroup", **added)
    store.at += step()
    assert "Successful" == store.call("DescribeFeatureGroup")["LastUpdateStatus"]["Status"]


def test_a_bucket_that_refuses_blocks_the_offline_store_until_it_takes_again(store: Store) -> None:
    """The online store goes on; each row gets into the bucket once, in the object that was meant for it."""
    store.bucket.closed = True
    for second in (1, 2):
        store.put("v", second)
        assert not store.writer.flush()
    assert ("Blocked", True) == (store.offline()["Status"], "AccessDenied" in store.offline()["BlockedReason"])
    assert "Record" in store.call("GetRecord", RecordIdentifierValueAsString="v")
    store.bucket.closed = False
    assert store.writer.flush()
    assert store.writer.flush()
    assert ([1.0, 2.0], {ROLE}) == ([row["updated"] for row in store.bucket.rows()], store.roles)
    assert {"Status": "Active"} == store.offline()


def test_an_object_that_is_written_again_has_the_same_name(store: Store) -> None:
    """As after an end between writing it and noting that it was written: no row is doubled."""
    store.put("v", 1)
    with store.database.transaction() as connection:
        waiting = [tuple(row) for row in connection.execute("SELECT * FROM pending")]
    assert store.writer.flush()
    before = dict(store.bucket.objects)
    with store.database.transaction() as connection:
        connection.executemany("INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?, ?)", waiting)
    assert store.writer.flush()
    assert before == store.bucket.objects


def test_rows_lie_by_the_hour_of_their_event(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object an hour, and no more rows in it than fit."""
    monkeypatch.setattr(offline, "MOST_ROWS", 2)
    for second in (0, 1, 2, 3600):
        store.put("v", second)
    assert store.writer.flush()
    folders = sorted(key.partition("/data/")[2].rpartition("/")[0] for key in store.bucket.objects)
    assert ["year=1970/month=01/day=01/hour=00"] * 2 + ["year=1970/month=01/day=01/hour=01"] == folders
    assert 4 == len(store.bucket.rows())
