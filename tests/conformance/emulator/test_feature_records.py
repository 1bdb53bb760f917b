"""Records of Feature Store by boto3 against a running local cloud: online, in the history, over a restart."""

import time

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.features import (
    ARN,
    FEATURES,
    at,
    group_of,
    history,
    made,
    offline_store,
    online,
    record_of,
    refused,
)
from tests.conformance.emulator.raw import ask
from tests.deadline import eventually


def test_the_newest_record_is_online_and_all_are_history(cloud, control, runtime, name):
    """An older record goes offline only, one of the same time too; a put replaces the whole record."""
    group = made(control, **group_of(name, **offline_store(cloud, name)))
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(5), cats="0.5", visits="7"))
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(3), cats="0.1"))
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(5), cats="0.2"))
    assert {"visitor": "v", "updated": at(5), "cats": "0.5", "visits": "7"} == online(runtime, group, "v")
    assert {"visits": "7"} == online(runtime, group, "v", FeatureNames=["visits"])
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(6), cats="1"))
    assert {"visitor": "v", "updated": at(6), "cats": "1"} == online(runtime, group, "v")
    assert {} == online(runtime, group, "nobody")
    rows = eventually(lambda: history(cloud, name), lambda found: len(found) == 4)
    assert [(at(3), 0.1, None), (at(5), 0.5, 7), (at(5), 0.2, None), (at(6), 1.0, None)] == [
        (row["updated"], row["cats"], row["visits"]) for row in rows
    ]
    assert {False} == {row["is_deleted"] for row in rows}
    assert all(row["api_invocation_time"] <= row["write_time"] for row in rows)
    key = cloud.client("s3").list_objects_v2(Bucket=name)["Contents"][0]["Key"]
    assert "/data/year=2026/month=12/day=01/hour=10/" in key


def test_a_record_can_go_to_one_store_alone(cloud, control, runtime, name):
    """TargetStores says which; a store that the group lacks is refused."""
    group = made(control, **group_of(name, **offline_store(cloud, name)))
    runtime.put_record(FeatureGroupName=group, Record=record_of("a", at(1)), TargetStores=["OfflineStore"])
    runtime.put_record(FeatureGroupName=group, Record=record_of("b", at(2)), TargetStores=["OnlineStore"])
    assert [{}, "b"] == [online(runtime, group, "a"), online(runtime, group, "b")["visitor"]]
    assert ["a"] == [row["visitor"] for row in eventually(lambda: history(cloud, name))]
    other = made(control, **group_of(f"{name}-o"))
    code, message = refused(
        runtime.put_record, FeatureGroupName=other, Record=record_of("a", at(1)), TargetStores=["OfflineStore"]
    )
    assert ("ValidationError", True) == (code, "has no OfflineStore" in message)


def test_deletions(cloud, control, runtime, name):
    """A soft one keeps older records away, a hard one is refused when it is late, both leave a marker in the history."""
    group = made(control, **group_of(name, **offline_store(cloud, name)))
    named = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v"}
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(5), cats="1"))
    runtime.delete_record(**named, EventTime=at(4))
    assert "1" == online(runtime, group, "v")["cats"]
    code, message = refused(runtime.delete_record, **named, EventTime=at(5), DeletionMode="HardDelete")
    assert ("ValidationError", True) == (code, "EventTime" in message)
    runtime.delete_record(**named, EventTime=at(7), DeletionMode="SoftDelete")
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(6), cats="2"))
    assert {} == online(runtime, group, "v")
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(8), cats="3"))
    assert "3" == online(runtime, group, "v")["cats"]
    runtime.delete_record(**named, EventTime=at(9), DeletionMode="HardDelete")
    assert {} == online(runtime, group, "v")
    rows = eventually(lambda: history(cloud, name), lambda found: len(found) == 6)
    assert [(at(4), True, None), (at(5), False, 1.0), (at(6), False, 2.0), (at(7), True, None),
            (at(8), False, 3.0), (at(9), True, None)] == [
        (row["updated"], row["is_deleted"], row["cats"]) for row in rows
    ]  # fmt: skip


def test_records_expire(control, runtime, name):
    """After the record's own time to live, or the group's; ExpiresAt is told to who asks."""
    ttl = {"Unit": "Days", "Value": 36_500}
    group = made(control, **group_of(name, OnlineStoreConfig={"EnableOnlineStore": True, "TtlDuration": ttl}))
    soon = {"Unit": "Seconds", "Value": 5}
    runtime.put_record(FeatureGroupName=group, Record=record_of("long", "2026-01-01T00:00:00.250Z"))
    runtime.put_record(FeatureGroupName=group, Record=record_of("gone", "2020-01-01T00:00:00Z"), TtlDuration=soon)
    assert {} == online(runtime, group, "gone")
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "long"}
    assert "2125-12-08T00:00:00.250Z" == runtime.get_record(**asked, ExpirationTimeResponse="Enabled")["ExpiresAt"]
    assert "ExpiresAt" not in runtime.get_record(**asked)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    short = {"Unit": "Seconds", "Value": 2}
    runtime.put_record(FeatureGroupName=group, Record=record_of("soon", now), TtlDuration=short)
    eventually(lambda: online(runtime, group, "soon") == {})


def test_many_records_are_got_at_once(control, runtime, name):
    """Of several groups; what is not there is left out, a group that is not there is an error a record."""
    group = made(control, **group_of(name))
    for visitor in ("a", "b"):
        runtime.put_record(FeatureGroupName=group, Record=record_of(visitor, at(1), cats="1"))
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
        assert "ValidationError" == refused(runtime.batch_get_record, Identifiers=wrong)[0]


def test_many_records_are_written_at_once_and_listed(control, runtime, name):
    """The wrong ones of a batch are told and the others kept; lists have pages, and deleted records when asked for."""
    group = made(control, **group_of(name))
    entries = [{"FeatureGroupName": group, "Record": record_of(f"v{i}", at(i))} for i in range(24)]
    wrong = {"FeatureGroupName": group, "Record": record_of("v0", "yesterday")}
    errors = runtime.batch_write_record(Entries=[*entries, wrong])["Errors"]
    assert [(wrong, "ValidationError")] == [(one["Entry"], one["ErrorCode"]) for one in errors]
    assert "ValidationError" == refused(runtime.batch_write_record, Entries=[*entries, wrong, wrong])[0]
    runtime.delete_record(FeatureGroupName=group, RecordIdentifierValueAsString="v3", EventTime=at(30))
    first = runtime.list_records(FeatureGroupName=group, MaxResults=20)
    rest = runtime.list_records(FeatureGroupName=group, MaxResults=20, NextToken=first["NextToken"])
    listed = [*first["RecordIdentifiers"], *rest["RecordIdentifiers"]]
    assert ({f"v{i}" for i in range(24)} - {"v3"}, 23, False) == (set(listed), len(listed), "NextToken" in rest)
    deleted = runtime.list_records(FeatureGroupName=group, IncludeSoftDeletedRecords=True)
    assert "v3" in deleted["RecordIdentifiers"]
    other = made(control, **group_of(f"{name}-o"))
    token = {"NextToken": first["NextToken"]}
    assert "ValidationError" == refused(runtime.list_records, FeatureGroupName=other, **token)[0]


def test_epoch_seconds_are_event_times_too(control, runtime, name):
    """Where the feature is Fractional; compared as numbers, to the microsecond."""
    features = [FEATURES[0], {"FeatureName": "updated", "FeatureType": "Fractional"}]
    group = made(control, **group_of(name, FeatureDefinitions=features))
    for updated in ("999.5", "1764583200.000002", "1764583200.000001", "1.7645e9"):
        runtime.put_record(FeatureGroupName=group, Record=record_of("v", updated))
    assert "1764583200.000002" == online(runtime, group, "v")["updated"]
    for wrong in (at(1), "nan", "inf", "1e999", "-1", "9" * 400, ""):
        code, _ = refused(runtime.put_record, FeatureGroupName=group, Record=record_of("v", wrong))
        assert "ValidationError" == code


def test_collections_are_for_memory(control, runtime, name):
    """Lists, sets and vectors come back as lists; a vector has its dimension."""
    vector = {
        "FeatureName": "taste",
        "FeatureType": "Fractional",
        "CollectionType": "Vector",
        "CollectionConfig": {"VectorConfig": {"Dimension": 3}},
    }
    standard = group_of(name, FeatureDefinitions=[*FEATURES, vector])
    assert "ValidationException" == refused(control.create_feature_group, **standard)[0]
    memory = {"EnableOnlineStore": True, "StorageType": "InMemory"}
    group = made(control, **group_of(name, FeatureDefinitions=[*FEATURES, vector], OnlineStoreConfig=memory))
    taste = {"FeatureName": "taste", "ValueAsStringList": ["1", "0.5", "0"]}
    runtime.put_record(FeatureGroupName=group, Record=[*record_of("v", at(1)), taste])
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v", "FeatureNames": ["taste"]}
    assert [taste] == runtime.get_record(**asked)["Record"]
    for wrong in ({"ValueAsStringList": ["1"]}, {"ValueAsString": "1"}, {"ValueAsStringList": ["1", "x", "0"]}):
        record = [*record_of("v", at(2)), {"FeatureName": "taste", **wrong}]
        assert "ValidationError" == refused(runtime.put_record, FeatureGroupName=group, Record=record)[0]


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        [{"FeatureName": "visitor", "ValueAsString": "v"}],
        record_of("v", "yesterday"),
        record_of("v", "2026-13-01T00:00:00Z"),
        record_of("v", "2026-12-01T00:00:00+01:00"),
        record_of("v", "2026-12-01T00:00:00.1Z"),
        record_of("", at(1)),
        record_of("v", at(1), unknown="1"),
        record_of("v", at(1), cats="many"),
        record_of("v", at(1), cats="NaN"),
        record_of("v", at(1), cats="1e999"),
        record_of("v", at(1), visits="1.5"),
        record_of("v", at(1), visits="9" * 30),
        record_of("v", at(1), visits="9" * 9000),
        [*record_of("v", at(1)), *record_of("v", at(2))],
        [*record_of("v", at(1)), {"FeatureName": "cats", "ValueAsString": 1}],
        [*record_of("v", at(1)), {"FeatureName": "cats", "ValueAsString": None}],
        [*record_of("v", at(1)), {"FeatureName": "cats", "ValueAsStringList": ["1"]}],
        [*record_of("v", at(1)), {"FeatureName": "cats", "ValueAsString": "1", "more": 1}],
        record_of("v" * 358_401, at(1)),
        [{"FeatureName": "visitor", "ValueAsString": "v" * 358_390}, *record_of("v", at(1))[1:]],
    ],
)
def test_what_is_no_record_is_refused(cloud, control, name, record):
    """By the runtime's ValidationError; nothing is written."""
    group = made(control, **group_of(name))
    code, _ = ask(cloud, "sagemaker", f"/FeatureGroup/{group}", {"Record": record}, method="PUT")
    assert "ValidationError" == code
    assert {} == online(cloud.client("sagemaker-featurestore-runtime"), group, "v")


def test_what_is_not_there_says_so(cloud, runtime, control, name):
    """Groups and features by their names; operations of SageMaker that the local cloud lacks are no success."""
    absent = {"FeatureGroupName": f"{name}-absent"}
    assert "ResourceNotFound" == refused(runtime.get_record, **absent, RecordIdentifierValueAsString="v")[0]
    assert "ValidationError" == refused(runtime.put_record, **absent, Record=record_of("v", at(1)))[0]
    assert "ResourceNotFound" == refused(control.delete_feature_group, **absent)[0]
    assert "NotImplemented" == refused(control.list_endpoints)[0]
    assert "NotImplemented" == refused(control.list_tags, ResourceArn=f"{ARN}{name}-absent")[0]
    group = made(control, **group_of(name))
    asked = {"FeatureGroupName": group, "RecordIdentifierValueAsString": "v"}
    assert "ValidationError" == refused(runtime.get_record, **asked, FeatureNames=["absent"])[0]
    other = ARN.replace("000000000000", "111111111111") + group
    assert "ResourceNotFound" == refused(control.describe_feature_group, FeatureGroupName=other)[0]
    path = f"/FeatureGroup/{group}?RecordIdentifierValueAsString=v&Unknown=1"
    assert "ValidationError" == ask(cloud, "sagemaker", path, b"", method="GET")[0]


def test_records_outlive_a_stop(tmp_path):
    """Online ones are there at the next start, and rows that waited for their object get into the bucket."""
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        group = made(cloud.client("sagemaker"), **group_of("profiles", **offline_store(cloud, "profiles")))
        runtime = cloud.client("sagemaker-featurestore-runtime")
        for second in range(20):
            runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(second), visits=str(second)))
    with LocalCloud(state=tmp_path, services=("emulator", "personalize")) as cloud:
        runtime = cloud.client("sagemaker-featurestore-runtime")
        assert "19" == online(runtime, group, "v")["visits"]
        rows = eventually(lambda: history(cloud, "profiles"), lambda found: len(found) >= 20)
        assert list(range(20)) == [row["visits"] for row in rows]
