"""SageMaker Feature Store by boto3 against a running local cloud: groups, records, history, templates, a restart."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import delete, deploy, failures, make_role
from tests.conformance.emulator.raw import ask
from tests.deadline import eventually

ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/"
FEATURES = [
    {"FeatureName": "visitor", "FeatureType": "String"},
    {"FeatureName": "updated", "FeatureType": "String"},
    {"FeatureName": "cats", "FeatureType": "Fractional"},
    {"FeatureName": "visits", "FeatureType": "Integral"},
]
WRITE = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetBucketAcl"], "Resource": "*"}


@pytest.fixture
def control(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker")


@pytest.fixture
def runtime(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker-featurestore-runtime")


def _group(name: str, **changes: Any) -> dict[str, Any]:
    """The parameters of a group that is online only."""
    group = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "visitor",
        "EventTimeFeatureName": "updated",
        "FeatureDefinitions": FEATURES,
        "OnlineStoreConfig": {"EnableOnlineStore": True},
    }
    return {key: value for key, value in (group | changes).items() if value is not None}


def _offline(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """The parameters of an offline store in a bucket of the test's name, as an Iceberg table."""
    cloud.client("s3").create_bucket(Bucket=name)
    role = make_role(cloud, f"{name}-store", [WRITE], "sagemaker")
    storage = {"S3Uri": f"s3://{name}/features/"}
    return {"OfflineStoreConfig": {"S3StorageConfig": storage, "TableFormat": "Iceberg"}, "RoleArn": role}


def _made(control: Any, **group: Any) -> str:
    """The name of a new group that is Created."""
    control.create_feature_group(**group)
    name = str(group["FeatureGroupName"])
    eventually(lambda: control.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created")
    return name


def _record(visitor: str, updated: str, **values: str) -> list[dict[str, str]]:
    named = {"visitor": visitor, "updated": updated, **values}
    return [{"FeatureName": name, "ValueAsString": value} for name, value in named.items()]


def _at(second: int) -> str:
    return f"2026-12-01T10:00:{second:02}Z"


def _online(runtime: Any, group: str, visitor: str, **more: Any) -> dict[str, str]:
    answer = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=visitor, **more)
    return {one["FeatureName"]: one["ValueAsString"] for one in answer.get("Record", [])}


def _history(cloud: LocalCloud, bucket: str) -> list[dict[str, Any]]:
    """The rows of the offline store, by event time."""
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
    rows = [json.loads(line) for body in bodies for line in body.splitlines()]
    return sorted(rows, key=lambda row: (row["updated"], row["api_invocation_time"]))


def _refused(call: Any, **given: Any) -> tuple[str, str]:
    """The error's name and message."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_group_is_made_described_and_deleted(cloud, control, runtime, name):
    """With its place in the bucket as documented; a second of the name is in use; deleted, it is soon gone."""
    group = _group(name, **_offline(cloud, name))
    assert ARN + name == control.create_feature_group(**group)["FeatureGroupArn"]
    assert "ResourceInUse" == _refused(control.create_feature_group, **group)[0]
    described = eventually(
        lambda: control.describe_feature_group(FeatureGroupName=ARN + name),
        lambda one: one["FeatureGroupStatus"] == "Created",
    )
    assert (FEATURES, {"Status": "Active"}) == (described["FeatureDefinitions"], described["OfflineStoreStatus"])
    assert "Iceberg" == described["OfflineStoreConfig"]["TableFormat"]
    uri = described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    created = int(described["CreationTime"].timestamp())
    path = f"s3://{name}/features/000000000000/sagemaker/us-east-1/offline-store/{name}-{created}/data"
    assert path == uri
    control.delete_feature_group(FeatureGroupName=name)
    with pytest.raises(ClientError):
        runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="v")
    eventually(lambda: not control.list_feature_groups(NameContains=name)["FeatureGroupSummaries"])
    assert "ResourceNotFound" == _refused(control.describe_feature_group, FeatureGroupName=name)[0]


def test_groups_are_listed_in_pages(control, name):
    """By name, and by status."""
    for one in ("a", "b", "c"):
        control.create_feature_group(**_group(f"{name}-{one}"))
    asked = {"NameContains": name, "SortBy": "Name", "SortOrder": "Descending", "MaxResults": 2}
    first = control.list_feature_groups(**asked)
    second = control.list_feature_groups(**asked, NextToken=first["NextToken"])
    listed = [[one["FeatureGroupName"][-1] for one in page["FeatureGroupSummaries"]] for page in (first, second)]
    assert ([["c", "b"], ["a"]], False) == (listed, "NextToken" in second)
    none = control.list_feature_groups(NameContains=name, FeatureGroupStatusEquals="Deleting")
    assert [] == none["FeatureGroupSummaries"]


def test_the_newest_record_is_online_and_all_are_history(cloud, control, runtime, name):
    """An older record goes offline only, one of the same time too; a put replaces the whole record."""
    group = _made(control, **_group(name, **_offline(cloud, name)))
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(5), cats="0.5", visits="7"))
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(3), cats="0.1"))
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(5), cats="0.2"))
    assert {"visitor": "v", "updated": _at(5), "cats": "0.5", "visits": "7"} == _online(runtime, group, "v")
    assert {"visits": "7"} == _online(runtime, group, "v", FeatureNames=["visits"])
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(6), cats="1"))
    assert {"visitor": "v", "updated": _at(6), "cats": "1"} == _online(runtime, group, "v")
    assert {} == _online(runtime, group, "nobody")
    rows = eventually(lambda: _history(cloud, name), lambda found: len(found) == 4)
    assert [(_at(3), 0.1, None), (_at(5), 0.5, 7), (_at(5), 0.2, None), (_at(6), 1.0, None)] == [
        (row["updated"], row["cats"], row["visits"]) for row in rows
    ]
    assert {False} == {row["is_deleted"] for row in rows}
    assert all(row["api_invocation_time"] <= row["write_time"] for row in rows)
    key = cloud.client("s3").list_objects_v2(Bucket=name)["Contents"][0]["Key"]
    assert "/data/year=2026/month=12/day=01/hour=10/" in key


def test_a_record_can_go_to_one_store_alone(cloud, control, runtime, name):
    """TargetStores says which; a store that the group lacks is refused."""
    group = _made(control, **_group(name, **_offline(cloud, name)))
    runtime.put_record(FeatureGroupName=group, Record=_record("a", _at(1)), TargetStores=["OfflineStore"])
    runtime.put_record(FeatureGroupName=group, Record=_record("b", _at(2)), TargetStores=["OnlineStore"])
    assert [{}, "b"] == [_online(runtime, group, "a"), _online(runtime, group, "b")["visitor"]]
    assert ["a"] == [row["visitor"] for row in eventually(lambda: _history(cloud, name))]
    online = _made(control, **_group(f"{name}-o"))
    code, message = _refused(
        runtime.put_record, FeatureGroupName=online, Record=_record("a", _at(1)), TargetStores=["OfflineStore"]
    )
    assert ("ValidationError", True) == (code, "has no OfflineStore" in message)


def test_deletions(cloud, control, runtime, name):
    """A soft one keeps older records away, a hard one is refused when it is late, both leave a marker in the history."""
    group = _made(control, **_group(name, **_offline(cloud, name)))
    named = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v"}
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(5), cats="1"))
    runtime.delete_record(**named, EventTime=_at(4))
    assert "1" == _online(runtime, group, "v")["cats"]
    code, message = _refused(runtime.delete_record, **named, EventTime=_at(5), DeletionMode="HardDelete")
    assert ("ValidationError", True) == (code, "EventTime" in message)
    runtime.delete_record(**named, EventTime=_at(7), DeletionMode="SoftDelete")
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(6), cats="2"))
    assert {} == _online(runtime, group, "v")
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(8), cats="3"))
    assert "3" == _online(runtime, group, "v")["cats"]
    runtime.delete_record(**named, EventTime=_at(9), DeletionMode="HardDelete")
    assert {} == _online(runtime, group, "v")
    rows = eventually(lambda: _history(cloud, name), lambda found: len(found) == 6)
    assert [(_at(4), True, None), (_at(5), False, 1.0), (_at(6), False, 2.0), (_at(7), True, None),
            (_at(8), False, 3.0), (_at(9), True, None)] == [
        (row["updated"], row["is_deleted"], row["cats"]) for row in rows
    ]  # fmt: skip


def test_records_expire(control, runtime, name):
    """After the record's own time to live, or the group's; ExpiresAt is told to who asks."""
    ttl = {"Unit": "Days", "Value": 36_500}
    group = _made(control, **_group(name, OnlineStoreConfig={"EnableOnlineStore": True, "TtlDuration": ttl}))
    soon = {"Unit": "Seconds", "Value": 5}
    runtime.put_record(FeatureGroupName=group, Record=_record("long", "2026-01-01T00:00:00.250Z"))
    runtime.put_record(FeatureGroupName=group, Record=_record("gone", "2020-01-01T00:00:00Z"), TtlDuration=soon)
    assert {} == _online(runtime, group, "gone")
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "long"}
    assert "2125-12-08T00:00:00.250Z" == runtime.get_record(**asked, ExpirationTimeResponse="Enabled")["ExpiresAt"]
    assert "ExpiresAt" not in runtime.get_record(**asked)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    short = {"Unit": "Seconds", "Value": 2}
    runtime.put_record(FeatureGroupName=group, Record=_record("soon", now), TtlDuration=short)
    eventually(lambda: _online(runtime, group, "soon") == {})


def test_many_records_are_got_at_once(control, runtime, name):
    """Of several groups; what is not there is left out, a group that is not there is an error a record."""
    group = _made(control, **_group(name))
    for visitor in ("a", "b"):
        runtime.put_record(FeatureGroupName=group, Record=_record(visitor, _at(1), cats="1"))
    answer = runtime.batch_get_record(
        Identifiers=[
            {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a", "x", "b"], "FeatureNames": ["cats"]},
            {"FeatureGroupName": f"{name}-absent", "RecordIdentifiersValueAsString": ["a"]},
        ]
    )
    cats = [{"FeatureName": "cats", "ValueAsString": "1"}]
    assert [("a", cats), ("b", cats)] == [
        (one["RecordIdentifierValueAsString"], one["Record"]) for one in answer["Records"]
    ]
    assert [("ResourceNotFound", "a")] == [
        (one["ErrorCode"], one["RecordIdentifierValueAsString"]) for one in answer["Errors"]
    ]
    assert [] == answer["UnprocessedIdentifiers"]
    whole = [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"] * 100}] * 100
    assert 10_000 == len(runtime.batch_get_record(Identifiers=whole)["Records"])
    for wrong in (whole + whole[:1], [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"] * 101}]):
        assert "ValidationError" == _refused(runtime.batch_get_record, Identifiers=wrong)[0]


def test_epoch_seconds_are_event_times_too(control, runtime, name):
    """Where the feature is Fractional; compared as numbers, to the microsecond."""
    features = [FEATURES[0], {"FeatureName": "updated", "FeatureType": "Fractional"}]
    group = _made(control, **_group(name, FeatureDefinitions=features))
    for updated in ("999.5", "1764583200.000002", "1764583200.000001", "1.7645e9"):
        runtime.put_record(FeatureGroupName=group, Record=_record("v", updated))
    assert "1764583200.000002" == _online(runtime, group, "v")["updated"]
    for wrong in (_at(1), "nan", "inf", "1e999", "-1", "9" * 400, ""):
        code, _ = _refused(runtime.put_record, FeatureGroupName=group, Record=_record("v", wrong))
        assert "ValidationError" == code


def test_collections_are_for_memory(control, runtime, name):
    """Lists, sets and vectors come back as lists; a vector has its dimension."""
    vector = {
        "FeatureName": "taste",
        "FeatureType": "Fractional",
        "CollectionType": "Vector",
        "CollectionConfig": {"VectorConfig": {"Dimension": 3}},
    }
    refused, _ = _refused(control.create_feature_group, **_group(name, FeatureDefinitions=[*FEATURES, vector]))
    assert "ValidationException" == refused
    memory = {"EnableOnlineStore": True, "StorageType": "InMemory"}
    group = _made(control, **_group(name, FeatureDefinitions=[*FEATURES, vector], OnlineStoreConfig=memory))
    taste = {"FeatureName": "taste", "ValueAsStringList": ["1", "0.5", "0"]}
    runtime.put_record(FeatureGroupName=group, Record=[*_record("v", _at(1)), taste])
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v", "FeatureNames": ["taste"]}
    assert [taste] == runtime.get_record(**asked)["Record"]
    for wrong in ({"ValueAsStringList": ["1"]}, {"ValueAsString": "1"}, {"ValueAsStringList": ["1", "x", "0"]}):
        record = [*_record("v", _at(2)), {"FeatureName": "taste", **wrong}]
        assert "ValidationError" == _refused(runtime.put_record, FeatureGroupName=group, Record=record)[0]


def test_a_group_is_updated(control, runtime, name):
    """Features are added and none removed; the time to live is set and taken away."""
    group = _made(control, **_group(name))

    def update(**change: Any) -> dict[str, Any]:
        control.update_feature_group(FeatureGroupName=group, **change)
        return eventually(
            lambda: control.describe_feature_group(FeatureGroupName=group),
            lambda one: one["LastUpdateStatus"]["Status"] == "Successful",
        )

    dogs = {"FeatureName": "dogs", "FeatureType": "Fractional"}
    assert [*FEATURES, dogs] == update(FeatureAdditions=[dogs])["FeatureDefinitions"]
    runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(1), dogs="1"))
    ttl = {"Unit": "Hours", "Value": 1}
    assert ttl == update(OnlineStoreConfig={"TtlDuration": ttl})["OnlineStoreConfig"]["TtlDuration"]
    assert "TtlDuration" not in update(OnlineStoreConfig={"TtlDuration": {}})["OnlineStoreConfig"]
    assert (
        "ValidationException"
        == _refused(control.update_feature_group, FeatureGroupName=group, FeatureAdditions=[dogs])[0]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"OnlineStoreConfig": None},
        {"OnlineStoreConfig": {"EnableOnlineStore": False}},
        {"RecordIdentifierFeatureName": "absent"},
        {"RecordIdentifierFeatureName": "cats"},
        {"EventTimeFeatureName": "visits"},
        {"EventTimeFeatureName": "visitor"},
        {"FeatureGroupName": "../../etc"},
        {"FeatureGroupName": "x" * 65},
        {"FeatureDefinitions": [*FEATURES, FEATURES[2]]},
        {"FeatureDefinitions": [*FEATURES, {"FeatureName": "write_time", "FeatureType": "String"}]},
        {"FeatureDefinitions": []},
        {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/x"}}},
        {
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/../x"}},
            "RoleArn": f"arn:aws:iam::{0:012}:role/r",
        },
        {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "/etc"}}, "RoleArn": f"arn:aws:iam::{0:012}:role/r"},
        {"Unknown": 1},
        {"Description": 7},
        {"OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 10**30}}},
    ],
)
def test_what_is_no_group_is_refused(cloud, name, changes):
    """By ValidationException; nothing is made."""
    headers = {"X-Amz-Target": "SageMaker.CreateFeatureGroup", "Content-Type": "application/x-amz-json-1.1"}
    assert "ValidationException" == ask(cloud, "sagemaker", "/", _group(name, **changes), headers=headers)[0]
    assert [] == cloud.client("sagemaker").list_feature_groups(NameContains=name)["FeatureGroupSummaries"]


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        [{"FeatureName": "visitor", "ValueAsString": "v"}],
        _record("v", "yesterday"),
        _record("v", "2026-13-01T00:00:00Z"),
        _record("v", "2026-12-01T00:00:00+01:00"),
        _record("v", "2026-12-01T00:00:00.1Z"),
        _record("", _at(1)),
        _record("v", _at(1), unknown="1"),
        _record("v", _at(1), cats="many"),
        _record("v", _at(1), cats="NaN"),
        _record("v", _at(1), cats="1e999"),
        _record("v", _at(1), visits="1.5"),
        _record("v", _at(1), visits="9" * 30),
        _record("v", _at(1), visits="9" * 9000),
        [*_record("v", _at(1)), *_record("v", _at(2))],
        [*_record("v", _at(1)), {"FeatureName": "cats", "ValueAsString": 1}],
        [*_record("v", _at(1)), {"FeatureName": "cats", "ValueAsString": None}],
        [*_record("v", _at(1)), {"FeatureName": "cats", "ValueAsStringList": ["1"]}],
        [*_record("v", _at(1)), {"FeatureName": "cats", "ValueAsString": "1", "more": 1}],
        _record("v" * 358_401, _at(1)),
        [{"FeatureName": "visitor", "ValueAsString": "v" * 358_390}, *_record("v", _at(1))[1:]],
    ],
)
def test_what_is_no_record_is_refused(cloud, control, name, record):
    """By the runtime's ValidationError; nothing is written."""
    group = _made(control, **_group(name))
    code, _ = ask(cloud, "sagemaker", f"/FeatureGroup/{group}", {"Record": record}, method="PUT")
    assert "ValidationError" == code
    assert {} == _online(cloud.client("sagemaker-featurestore-runtime"), group, "v")


def test_what_is_not_there_says_so(cloud, runtime, control, name):
    """Groups and features by their names; operations of SageMaker that the local cloud lacks are no success."""
    absent = {"FeatureGroupName": f"{name}-absent"}
    assert "ResourceNotFound" == _refused(runtime.get_record, **absent, RecordIdentifierValueAsString="v")[0]
    assert "ValidationError" == _refused(runtime.put_record, **absent, Record=_record("v", _at(1)))[0]
    assert "ResourceNotFound" == _refused(control.delete_feature_group, **absent)[0]
    assert "NotImplemented" == _refused(control.list_endpoints)[0]
    group = _made(control, **_group(name))
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v"}
    assert "ValidationError" == _refused(runtime.get_record, **asked, FeatureNames=["absent"])[0]
    other = ARN.replace("000000000000", "111111111111") + group
    assert "ResourceNotFound" == _refused(control.describe_feature_group, FeatureGroupName=other)[0]
    path = f"/FeatureGroup/{group}?RecordIdentifierValueAsString=v&Unknown=1"
    assert "ValidationError" == ask(cloud, "sagemaker", path, b"", method="GET")[0]


def _stack(group: dict[str, Any]) -> dict[str, Any]:
    return {"Group": {"Type": "AWS::SageMaker::FeatureGroup", "Properties": group}}


def test_a_stack_makes_changes_and_deletes_a_group(cloud, control, runtime, name):
    """It is Created when the stack is; a feature and a time to live come later, in place; then all is gone."""
    outputs = {
        "Name": {"Value": {"Ref": "Group"}},
        "Status": {"Value": {"Fn::GetAtt": ["Group", "FeatureGroupStatus"]}},
    }
    group = _group(name, **_offline(cloud, name), OnlineStoreConfig={"EnableOnlineStore": "true"})
    assert {"Name": name, "Status": "Created"} == deploy(cloud, name, _stack(group), outputs=outputs)
    runtime.put_record(FeatureGroupName=name, Record=_record("v", _at(1)))
    more = [*FEATURES, {"FeatureName": "dogs", "FeatureType": "Fractional"}]
    ttl = {"Unit": "Weeks", "Value": "5000"}
    online = {"EnableOnlineStore": "true", "TtlDuration": ttl}
    deploy(cloud, name, _stack({**group, "FeatureDefinitions": more, "OnlineStoreConfig": online}), outputs=outputs)
    described = control.describe_feature_group(FeatureGroupName=name)
    assert (more, {**ttl, "Value": 5000}) == (
        described["FeatureDefinitions"],
        described["OnlineStoreConfig"]["TtlDuration"],
    )
    assert "v" == _online(runtime, name, "v")["visitor"]
    with pytest.raises(AssertionError, match="cannot be removed"):
        deploy(cloud, name, _stack(group))
    delete(cloud, name)
    assert "ResourceNotFound" == _refused(control.describe_feature_group, FeatureGroupName=name)[0]


def test_wrong_properties_fail_the_stack(cloud, control, name):
    """By the registry's schema, and by the service where the schema does not say it."""
    for stack, changes, told in (
        (f"{name}-a", {"Foo": 1}, "extraneous key [Foo] is not permitted"),
        (f"{name}-b", {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "here"}}}, "keyword [pattern]"),
        (f"{name}-c", {"RecordIdentifierFeatureName": "absent"}, "must name a feature of the type"),
    ):
        with pytest.raises(AssertionError):
            deploy(cloud, stack, _stack(_group(stack, **changes)))
        assert any(told in reason for reason in failures(cloud, stack)), failures(cloud, stack)
        delete(cloud, stack)
    assert [] == control.list_feature_groups(NameContains=name)["FeatureGroupSummaries"]


def test_records_outlive_a_stop(tmp_path):
    """Online ones are there at the next start, and rows that waited for their object get into the bucket."""
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        group = _made(cloud.client("sagemaker"), **_group("profiles", **_offline(cloud, "profiles")))
        runtime = cloud.client("sagemaker-featurestore-runtime")
        for second in range(20):
            runtime.put_record(FeatureGroupName=group, Record=_record("v", _at(second), visits=str(second)))
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        runtime = cloud.client("sagemaker-featurestore-runtime")
        assert "19" == _online(runtime, group, "v")["visits"]
        rows = eventually(lambda: _history(cloud, "profiles"), lambda found: len(found) >= 20)
        assert list(range(20)) == [row["visits"] for row in rows]
