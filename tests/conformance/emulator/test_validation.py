"""Templates whose Personalize resources are wrong fail as CloudFormation's validation fails them."""

from typing import Any

import pytest

from tests.conformance.emulator.conftest import delete, deploy


def _group(name: str, **more: Any) -> dict[str, Any]:
    return {"Group": {"Type": "AWS::Personalize::DatasetGroup", "Properties": {"Name": name, **more}}}


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"Foo": "x"}, "#: extraneous key [Foo] is not permitted"),
        (
            {"Domain": "PETS"},
            "#/Domain: #: only 1 subschema matches out of 2\n#/Domain: failed validation constraint for keyword [enum]",
        ),
        ({"RoleArn": "r" * 300}, "#/RoleArn: expected maxLength: 256, actual: 300"),
        ({"Name": {"Ref": "AWS::NoValue"}}, "#: required key [Name] not found"),
    ],
)
def test_a_wrong_property_fails_the_creation(cloud, name, properties, told):
    """With CloudFormation's text as the event's reason; nothing was made."""
    with pytest.raises(AssertionError) as failed:
        deploy(cloud, name, _group(name, **properties))
    assert f"Properties validation failed for resource Group with message: {told}" in _reasons(cloud, name), (
        failed.value
    )
    assert name not in [one["name"] for one in cloud.client("personalize").list_dataset_groups()["datasetGroups"]]
    delete(cloud, name)


def test_a_wrong_property_fails_the_update_and_the_old_stays(cloud, name):
    """In place and by a replacement alike."""
    deploy(cloud, name, _group(name))
    with pytest.raises(AssertionError):
        deploy(cloud, name, _group(name, Foo="x"))
    told = "Properties validation failed for resource Group with message: #: extraneous key [Foo] is not permitted"
    assert told in _reasons(cloud, name)
    with pytest.raises(AssertionError):
        deploy(cloud, name, _group(f"{name}-second", Domain="PETS"))
    groups = [one["name"] for one in cloud.client("personalize").list_dataset_groups()["datasetGroups"]]
    assert (True, False) == (name in groups, f"{name}-second" in groups)
    delete(cloud, name)


def _reasons(cloud, stack: str) -> str:
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def _stream(name: str, **more: Any) -> dict[str, Any]:
    return {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": name, **more}}}


KEY = "arn:aws:kms:us-east-1:000000000000:key/k"
ENCRYPTED = {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY}}


def _told(cloud, name: str) -> tuple[Any, ...]:
    kinesis = cloud.client("kinesis")
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    put = kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    several = kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "k"}])
    seen = {(one["EncryptionType"], one.get("KeyId")) for one in (described, summary)}
    return (seen, put["EncryptionType"], several["EncryptionType"])


def test_a_stream_tells_the_encryption_of_its_template(cloud, name):
    """In descriptions and in answers to puts; an update sets, changes and removes it; other updates leave it."""
    deploy(cloud, name, _stream(name))
    assert ({("NONE", None)}, "NONE", "NONE") == _told(cloud, name)
    deploy(cloud, name, _stream(name, **ENCRYPTED))
    assert ({("KMS", KEY)}, "KMS", "KMS") == _told(cloud, name)
    deploy(cloud, name, _stream(name, **ENCRYPTED, RetentionPeriodHours=48))
    assert ({("KMS", KEY)}, "KMS", "KMS") == _told(cloud, name)
    other = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    deploy(cloud, name, _stream(name, StreamEncryption=other))
    assert {("KMS", "alias/aws/kinesis")} == _told(cloud, name)[0]
    deploy(cloud, name, _stream(name))
    assert ({("NONE", None)}, "NONE", "NONE") == _told(cloud, name)
    delete(cloud, name)


def test_encryption_is_started_and_stopped_by_the_api(cloud, name):
    """KMS and a key are named in both; anything else is refused and changes nothing."""
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=KEY)
    assert ({("KMS", KEY)}, "KMS", "KMS") == _told(cloud, name)
    with pytest.raises(kinesis.exceptions.ClientError, match="EncryptionType must be KMS"):
        kinesis.start_stream_encryption(StreamName=name, EncryptionType="NONE", KeyId=KEY)
    assert {("KMS", KEY)} == _told(cloud, name)[0]
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=KEY)
    assert ({("NONE", None)}, "NONE", "NONE") == _told(cloud, name)


@pytest.mark.parametrize(
    "given", [{"EncryptionType": "KMS"}, {"EncryptionType": "NONE", "KeyId": KEY}, {"KeyId": KEY}, {"Foo": "x"}, "KMS"]
)
def test_a_template_names_kms_and_a_key(cloud, name, given):
    """Both members are required, and KMS is the only type."""
    with pytest.raises(AssertionError, match="Stream"):
        deploy(cloud, name, _stream(name, StreamEncryption=given))
    assert name not in cloud.client("kinesis").list_streams()["StreamNames"]
    delete(cloud, name)
