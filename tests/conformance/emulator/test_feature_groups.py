"""Feature groups of SageMaker by boto3 and by templates against a running local cloud."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.emulator.conftest import delete, deploy, failures
from tests.conformance.emulator.features import (
    ARN,
    FEATURES,
    at,
    group_of,
    made,
    offline_store,
    online,
    record_of,
    refused,
)
from tests.conformance.emulator.raw import ask
from tests.deadline import eventually


def test_a_group_is_made_described_and_deleted(cloud, control, runtime, name):
    """With its place in the bucket as documented; a second of the name is in use; deleted, it is soon gone."""
    group = group_of(name, **offline_store(cloud, name))
    assert ARN + name == control.create_feature_group(**group)["FeatureGroupArn"]
    assert "ResourceInUse" == refused(control.create_feature_group, **group)[0]
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
    assert "ResourceNotFound" == refused(control.describe_feature_group, FeatureGroupName=name)[0]


def test_groups_are_listed_in_pages(control, name):
    """By name, and by status."""
    for one in ("a", "b", "c"):
        control.create_feature_group(**group_of(f"{name}-{one}"))
    asked = {"NameContains": name, "SortBy": "Name", "SortOrder": "Descending", "MaxResults": 2}
    first = control.list_feature_groups(**asked)
    second = control.list_feature_groups(**asked, NextToken=first["NextToken"])
    listed = [[one["FeatureGroupName"][-1] for one in page["FeatureGroupSummaries"]] for page in (first, second)]
    assert ([["c", "b"], ["a"]], False) == (listed, "NextToken" in second)
    none = control.list_feature_groups(NameContains=name, FeatureGroupStatusEquals="Deleting")
    assert [] == none["FeatureGroupSummaries"]


def test_a_group_is_updated(control, runtime, name):
    """Features are added and none removed; the time to live is set and taken away."""
    group = made(control, **group_of(name))

    def update(**change: Any) -> dict[str, Any]:
        control.update_feature_group(FeatureGroupName=group, **change)
        return eventually(
            lambda: control.describe_feature_group(FeatureGroupName=group),
            lambda one: one["LastUpdateStatus"]["Status"] == "Successful",
        )

    dogs = {"FeatureName": "dogs", "FeatureType": "Fractional"}
    assert [*FEATURES, dogs] == update(FeatureAdditions=[dogs])["FeatureDefinitions"]
    runtime.put_record(FeatureGroupName=group, Record=record_of("v", at(1), dogs="1"))
    ttl = {"Unit": "Hours", "Value": 1}
    assert ttl == update(OnlineStoreConfig={"TtlDuration": ttl})["OnlineStoreConfig"]["TtlDuration"]
    assert "TtlDuration" not in update(OnlineStoreConfig={"TtlDuration": {}})["OnlineStoreConfig"]
    assert (
        "ValidationException"
        == refused(control.update_feature_group, FeatureGroupName=group, FeatureAdditions=[dogs])[0]
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
    assert "ValidationException" == ask(cloud, "sagemaker", "/", group_of(name, **changes), headers=headers)[0]
    assert [] == cloud.client("sagemaker").list_feature_groups(NameContains=name)["FeatureGroupSummaries"]


def _stack(group: dict[str, Any]) -> dict[str, Any]:
    return {"Group": {"Type": "AWS::SageMaker::FeatureGroup", "Properties": group}}


def test_a_stack_makes_changes_and_deletes_a_group(cloud, control, runtime, name):
    """It is Created when the stack is; a feature and a time to live come later, in place; then all is gone."""
    outputs = {
        "Name": {"Value": {"Ref": "Group"}},
        "Status": {"Value": {"Fn::GetAtt": ["Group", "FeatureGroupStatus"]}},
    }
    group = group_of(name, **offline_store(cloud, name), OnlineStoreConfig={"EnableOnlineStore": "true"})
    assert {"Name": name, "Status": "Created"} == deploy(cloud, name, _stack(group), outputs=outputs)
    runtime.put_record(FeatureGroupName=name, Record=record_of("v", at(1)))
    more = [*FEATURES, {"FeatureName": "dogs", "FeatureType": "Fractional"}]
    ttl = {"Unit": "Weeks", "Value": "5000"}
    settings = {"EnableOnlineStore": "true", "TtlDuration": ttl}
    deploy(cloud, name, _stack({**group, "FeatureDefinitions": more, "OnlineStoreConfig": settings}), outputs=outputs)
    described = control.describe_feature_group(FeatureGroupName=name)
    assert (more, {**ttl, "Value": 5000}) == (
        described["FeatureDefinitions"],
        described["OnlineStoreConfig"]["TtlDuration"],
    )
    assert "v" == online(runtime, name, "v")["visitor"]
    with pytest.raises(AssertionError, match="cannot be removed"):
        deploy(cloud, name, _stack(group))
    delete(cloud, name)
    assert "ResourceNotFound" == refused(control.describe_feature_group, FeatureGroupName=name)[0]


def test_wrong_properties_fail_the_stack(cloud, control, name):
    """By the registry's schema, and by the service where the schema does not say it."""
    for stack, changes, told in (
        (f"{name}-a", {"Foo": 1}, "extraneous key [Foo] is not permitted"),
        (f"{name}-b", {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "here"}}}, "keyword [pattern]"),
        (f"{name}-c", {"RecordIdentifierFeatureName": "absent"}, "must name a feature of the type"),
    ):
        with pytest.raises(AssertionError):
            deploy(cloud, stack, _stack(group_of(stack, **changes)))
        assert any(told in reason for reason in failures(cloud, stack)), failures(cloud, stack)
        delete(cloud, stack)
    assert [] == control.list_feature_groups(NameContains=name)["FeatureGroupSummaries"]
