"""Feature groups and records for tests: what they are made of, and how their stores are looked at."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import make_role
from tests.deadline import eventually

ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/"
FEATURES = [
    {"FeatureName": "visitor", "FeatureType": "String"},
    {"FeatureName": "updated", "FeatureType": "String"},
    {"FeatureName": "cats", "FeatureType": "Fractional"},
    {"FeatureName": "visits", "FeatureType": "Integral"},
]
WRITE = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetBucketAcl", "s3:PutObjectAcl"], "Resource": "*"}


def group_of(name: str, **changes: Any) -> dict[str, Any]:
    """The parameters of a group that is online only."""
    group = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "visitor",
        "EventTimeFeatureName": "updated",
        "FeatureDefinitions": FEATURES,
        "OnlineStoreConfig": {"EnableOnlineStore": True},
    }
    return {key: value for key, value in (group | changes).items() if value is not None}


def offline_store(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """The parameters of an offline store in a bucket of the test's name, as an Iceberg table."""
    cloud.client("s3").create_bucket(Bucket=name)
    role = make_role(cloud, f"{name}-store", [WRITE], "sagemaker")
    storage = {"S3Uri": f"s3://{name}/features/"}
    return {"OfflineStoreConfig": {"S3StorageConfig": storage, "TableFormat": "Iceberg"}, "RoleArn": role}


def made(control: Any, **group: Any) -> str:
    """The name of a new group that is Created."""
    control.create_feature_group(**group)
    name = str(group["FeatureGroupName"])
    eventually(lambda: control.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created")
    return name


def record_of(visitor: str, updated: str, **values: str) -> list[dict[str, str]]:
    """A record as requests have it."""
    named = {"visitor": visitor, "updated": updated, **values}
    return [{"FeatureName": name, "ValueAsString": value} for name, value in named.items()]


def at(second: int) -> str:
    """An event time of one minute."""
    return f"2026-12-01T10:00:{second:02}Z"


def online(runtime: Any, group: str, visitor: str, **more: Any) -> dict[str, str]:
    """The values of the online record by feature; none where there is no record."""
    answer = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=visitor, **more)
    return {one["FeatureName"]: one["ValueAsString"] for one in answer.get("Record", [])}


def history(cloud: LocalCloud, bucket: str) -> list[dict[str, Any]]:
    """The rows of the offline store, by event time."""
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
    rows = [json.loads(line) for body in bodies for line in body.splitlines()]
    return sorted(rows, key=lambda row: (row["updated"], row["api_invocation_time"]))


def refused(call: Any, **given: Any) -> tuple[str, str]:
    """The error's name and message."""
    with pytest.raises(ClientError) as raised:
        call(**given)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]
