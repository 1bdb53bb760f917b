"""Roles that call the services of `local_cloud/services/`: their policies are asked, for all that a call does."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_cloud.identity.principals import RoleSession, role_session
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.emulator.conftest import make_role
from tests.conformance.emulator.raw import ask
from tests.deadline import eventually


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud in which refusals are what is looked for."""
    state = tmp_path_factory.mktemp("cloud")
    with LocalCloud(state=state, services=("emulator", "personalize"), expects_refusals=True) as cloud:
        yield cloud


def _session(cloud: LocalCloud, name: str, actions: list[str], resource: str) -> RoleSession:
    """A function's role that may do these on the resource, and no more."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return role_session(make_role(cloud, name, [statement], "lambda"), "lambda")


def _client(cloud: LocalCloud, session: RoleSession, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=session.access_key,
        aws_secret_access_key=session.secret_key,
        aws_session_token=session.token,
    )


def _refusal(call: Any, **given: Any) -> str:
    """The message of a call that must be refused for its role."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    assert "AccessDeniedException" == refused.value.response["Error"]["Code"]
    return str(refused.value.response["Error"]["Message"])


@pytest.fixture
def index(guarded: LocalCloud, name: str) -> dict[str, str]:
    """An index with one vector, as requests name it."""
    vectors = guarded.client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName=name)
    named = {"vectorBucketName": name, "indexName": "pets"}
    vectors.create_index(**named, dataType="float32", dimension=2, distanceMetric="cosine")
    vectors.put_vectors(**named, vectors=[{"key": "k", "data": {"float32": [1, 0]}, "metadata": {"species": "cat"}}])
    return named


QUERY: dict[str, Any] = {"topK": 1, "queryVector": {"float32": [1, 0]}}


def test_metadata_needs_a_right_of_its_own(guarded, index, name):
    """GetVectors, as documented, beside QueryVectors and ListVectors; and TagResource beside what makes a bucket."""
    arn = guarded.client("s3vectors").get_index(**index)["index"]["indexArn"]
    session = _session(guarded, name, ["s3vectors:QueryVectors", "s3vectors:ListVectors"], arn)
    vectors = _client(guarded, session, "s3vectors")
    assert [{"key": "k"}] == vectors.query_vectors(**index, **QUERY)["vectors"]
    assert [{"key": "k"}] == vectors.list_vectors(**index)["vectors"]
    for more in ({"returnMetadata": True}, {"filter": {"species": "cat"}}):
        assert "s3vectors:GetVectors" in _refusal(vectors.query_vectors, **index, **QUERY, **more)
    assert "s3vectors:GetVectors" in _refusal(vectors.list_vectors, **index, returnData=True)
    makes = _client(guarded, _session(guarded, f"{name}-m", ["s3vectors:CreateVectorBucket"], "*"), "s3vectors")
    tagged = _refusal(makes.create_vector_bucket, vectorBucketName=f"{name}-m", tags={"a": "b"})
    assert "s3vectors:TagResource" in tagged


def test_a_role_reaches_only_its_index(guarded, index, name):
    """By name and by ARN; another action is refused whatever the query and the headers of the request claim."""
    vectors = guarded.client("s3vectors")
    arn = vectors.get_index(**index)["index"]["indexArn"]
    vectors.create_index(**{**index, "indexName": "other"}, dataType="float32", dimension=2, distanceMetric="cosine")
    session = _session(guarded, name, ["s3vectors:QueryVectors"], arn)
    acting = _client(guarded, session, "s3vectors")
    assert [{"key": "k"}] == acting.query_vectors(indexArn=arn, **QUERY)["vectors"]
    _refusal(acting.query_vectors, **{**index, "indexName": "other"}, **QUERY)
    _refusal(acting.list_vector_buckets)
    for path in ("/DeleteIndex", "/DeleteIndex?Action=QueryVectors"):
        disguise = {"X-Amz-Target": "S3Vectors.QueryVectors"}
        assert "AccessDeniedException" == ask(guarded, "s3vectors", path, index, headers=disguise, session=session)[0]
    both = {"indexArn": arn, **index, "indexName": "other", **QUERY}
    assert "ValidationException" == ask(guarded, "s3vectors", "/QueryVectors", both, session=session)[0]


def _feature_group(cloud: LocalCloud, name: str, **more: Any) -> str:
    """The name of a new group that is Created."""
    control = cloud.client("sagemaker")
    features = [{"FeatureName": one, "FeatureType": "String"} for one in ("visitor", "updated")]
    control.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="visitor",
        EventTimeFeatureName="updated",
        FeatureDefinitions=features,
        OnlineStoreConfig={"EnableOnlineStore": True},
        **more,
    )
    eventually(lambda: control.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created")
    return name


def _profile(group: str) -> dict[str, Any]:
    values = {"visitor": "v", "updated": "2026-12-01T10:00:00Z"}
    record = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
    return {"FeatureGroupName": group, "Record": record}


def test_a_role_reaches_only_its_feature_group(guarded, name):
    """For each operation of its policy; every group of a batch is asked for, and headers change nothing."""
    mine, other = _feature_group(guarded, f"{name}-mine"), _feature_group(guarded, f"{name}-other")
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:feature-group/{mine}"
    session = _session(guarded, name, ["sagemaker:PutRecord", "sagemaker:BatchGetRecord"], arn)
    runtime = _client(guarded, session, "sagemaker-featurestore-runtime")
    runtime.put_record(**_profile(mine))
    runtime.put_record(**_profile(arn))
    assert "sagemaker:PutRecord" in _refusal(runtime.put_record, **_profile(other))
    asked = {"FeatureGroupName": mine, "RecordIdentifierValueAsString": "v"}
    assert "sagemaker:GetRecord" in _refusal(runtime.get_record, **asked)
    wanted = [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["v"]} for group in (mine, other)]
    assert 1 == len(runtime.batch_get_record(Identifiers=wanted[:1])["Records"])
    _refusal(runtime.batch_get_record, Identifiers=wanted)
    _refusal(runtime.batch_write_record, Entries=[_profile(mine)])
    _refusal(_client(guarded, session, "sagemaker").delete_feature_group, FeatureGroupName=mine)
    query = "RecordIdentifierValueAsString=v&Action=PutRecord"
    code, _ = ask(guarded, "sagemaker", f"/FeatureGroup/{mine}?{query}", b"", method="GET", session=session)
    assert "AccessDeniedException" == code


def test_the_offline_store_is_written_as_the_groups_role(guarded, name):
    """One that may not write to the bucket blocks the store, which tells why; the online store goes on."""
    guarded.client("s3").create_bucket(Bucket=name)
    role = make_role(guarded, name, [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}], "sagemaker")
    storage = {"S3StorageConfig": {"S3Uri": f"s3://{name}/features"}}
    group = _feature_group(guarded, name, OfflineStoreConfig=storage, RoleArn=role)
    runtime, control = guarded.client("sagemaker-featurestore-runtime"), guarded.client("sagemaker")
    runtime.put_record(**_profile(group))

    def offline() -> dict[str, Any]:
        told: dict[str, Any] = control.describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"]
        return told

    blocked = eventually(offline, lambda told: told["Status"] == "Blocked")
    assert "AccessDenied" in blocked["BlockedReason"]
    assert runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="v")["Record"]
    assert "Contents" not in guarded.client("s3").list_objects_v2(Bucket=name)
    statement = {"Effect": "Allow", "Action": ["s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl"], "Resource": "*"}
    write = {"Version": "2012-10-17", "Statement": [statement]}
    guarded.client("iam").put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=json.dumps(write))
    eventually(offline, lambda told: told["Status"] == "Active")
    assert 1 == len(guarded.client("s3").list_objects_v2(Bucket=name)["Contents"])
