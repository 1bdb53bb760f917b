"""The failure destination: AWS's record, object name and the three kinds of destination."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_cloud.delivery.mapping.destination import failure_record, object_key, store
from local_cloud.delivery.mapping.outcome import Failed
from local_cloud.delivery.mapping.retry import Discarded
from local_cloud.delivery.mapping.settings import EventSourceMapping
from tests.unit.local_cloud.delivery.fakes import STREAM, record

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:forward:live"
MAPPING = EventSourceMapping.from_properties(
    "4f2a", {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
)
DISCARDED = Discarded(
    [record(5, arrival=1_700_000_000.25), record(6, arrival=1_700_000_001.5)],
    "RetryAttemptsExhausted",
    3,
    Failed(0, "Unhandled", "7", "request-1"),
)
NOW = datetime(2026, 3, 9, 7, 5, 2, 345000, UTC)


class AwsClients:
    def client(self, service: str, *, answer_seconds: float = 0.0) -> Any:
        return boto3.Session(region_name="us-east-1").client(service)


@pytest.fixture
def clients() -> Iterator[AwsClients]:
    with mock_aws():
        yield AwsClients()


def put_away(destination: str | None, clients: AwsClients) -> None:
    mapping = replace(MAPPING, destination_arn=destination)
    store(mapping, DISCARDED, clients, function_arn=FUNCTION, identity_arn="arn:role")


def test_record_is_the_documented_one() -> None:
    """The members, their names and their formats are those of the developer guide."""
    assert {
        "requestContext": {
            "requestId": "request-1",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-03-09T07:05:02.345Z",
        "KinesisBatchInfo": {
            "shardId": "shard-0",
            "startSequenceNumber": "5",
            "endSequenceNumber": "6",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.250Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:21.500Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    } == failure_record(MAPPING, DISCARDED, function_arn=FUNCTION, now=NOW)


def test_batch_that_the_function_never_saw_has_no_response() -> None:
    """Records that grew too old before any invocation tell no response that never was."""
    unseen = Discarded(DISCARDED.records, "RecordAgeExceeded", 0, None)
    made = failure_record(MAPPING, unseen, function_arn=FUNCTION, now=NOW)
    assert (None, 0) == (made["responseContext"], made["requestContext"]["approximateInvokeCount"])


def test_object_name_is_the_documented_one_and_tells_repetitions() -> None:
    """The same batch always ends in the same UUID, another batch in another."""
    key = object_key(MAPPING, DISCARDED, NOW)
    assert key.startswith("aws/lambda/4f2a/shard-0/2026/03/09/2026-03-09T07.05.02-")
    assert key == object_key(MAPPING, DISCARDED, NOW)
    assert key != object_key(MAPPING, replace(DISCARDED, records=DISCARDED.records[:1]), NOW)


def test_bucket_gets_the_records_themselves(clients: AwsClients) -> None:
    """The object's payload is the text of the event, from which a redrive takes the records."""
    s3 = clients.client("s3")
    s3.create_bucket(Bucket="failures")

    put_away("arn:aws:s3:::failures", clients)

    (listed,) = s3.list_objects_v2(Bucket="failures")["Contents"]
    body = json.loads(s3.get_object(Bucket="failures", Key=listed["Key"])["Body"].read())
    event = json.loads(body.pop("payload"))
    assert ["5", "6"] == [r["kinesis"]["sequenceNumber"] for r in event["Records"]]
    assert {"arn:role"} == {r["invokeIdentityArn"] for r in event["Records"]}
    assert 2 == body["KinesisBatchInfo"]["batchSize"]


def test_queue_gets_metadata_only(clients: AwsClients) -> None:
    """A queue's message cannot hold the records: they are not in it."""
    sqs = clients.client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]

    put_away("arn:aws:sqs:us-east-1:123456789012:failures", clients)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(message["Body"])
    assert ("RetryAttemptsExhausted", False) == (body["requestContext"]["condition"], "payload" in body)


def test_topic_gets_metadata_only(clients: AwsClients) -> None:
    """A topic's subscribers get the same message as a queue."""
    sns, sqs = clients.client("sns"), clients.client("sqs")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:subscriber")

    put_away(topic, clients)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert 2 == json.loads(json.loads(message["Body"])["Message"])["KinesisBatchInfo"]["batchSize"]


def test_without_a_destination_the_batch_is_dropped() -> None:
    """As on AWS: no destination, no record, and no client is asked for."""

    asked: list[str] = []

    class NoClients:
        def client(self, service: str, *, answer_seconds: float = 0.0) -> Any:
            asked.append(service)

    store(MAPPING, DISCARDED, NoClients(), function_arn=FUNCTION, identity_arn="arn:role")
    assert [] == asked
