"""The quarantine's keys, objects and pointers."""

import base64
import json

import boto3
import pytest

from lambdas.forward_events.quarantine import Quarantine, quarantine_key
from lambdas.forward_events.records import StreamRecord
from lambdas.shared.attempts import Attempts, UnavailableError
from lambdas.shared.errors import PayloadError
from lambdas.shared.quarantined import QuarantinedRecord
from tests.unit.lambdas.forward_events.stream import ARRIVAL

RECORD = StreamRecord("4959", "shardId-000000000003", "arn", ARRIVAL, base64.b64encode(b"a\x00b").decode())


@pytest.fixture
def quarantine(aws):
    sqs = boto3.client("sqs")

    def make(bucket: str = "quarantine", queue: str = "quarantine") -> Quarantine:
        url = sqs.get_queue_url(QueueName="quarantine")["QueueUrl"].replace("quarantine", queue)
        return Quarantine(boto3.client("s3"), sqs, bucket, url, Attempts(most=1, first_pause=0, longest_pause=0))

    return make


def test_the_key_is_the_hour_of_arrival_and_the_records_place():
    """A record that is stored again overwrites itself."""
    assert "dt=2023-11-14/hour=22/shardId-000000000003-4959.json" == quarantine_key(RECORD)


@pytest.mark.parametrize("sequence", ["../x", "a/b", "", "x" * 500, "\ud800"])
def test_a_strange_place_makes_a_safe_key(sequence):
    """What AWS never sends cannot reach another folder of the bucket either."""
    key = quarantine_key(StreamRecord(sequence, "", "arn", ARRIVAL, "YQ=="))

    folder, hour, name = key.split("/")
    assert ("dt=2023-11-14", "hour=22", True) == (folder, hour, name.startswith("unknown-"))


def test_the_object_holds_all_that_redriving_needs(quarantine):
    """Payload, reason, place, arrival and event id are kept."""
    stored = quarantine().store(7, RECORD, PayloadError("userId", "x" * 999, "too long"), "e-1", stop_at=float("inf"))

    body = boto3.client("s3").get_object(Bucket="quarantine", Key=stored.key)["Body"].read()
    assert {
        "reason": {"field": "userId", "value": "x" * 100 + "...", "message": "too long"},
        "payload": RECORD.payload,
        "sequenceNumber": "4959",
        "shardId": "shardId-000000000003",
        "approximateArrivalTimestamp": ARRIVAL,
        "eventSourceARN": "arn",
        "eventId": "e-1",
    } == json.loads(body)
    read = QuarantinedRecord.from_json(json.loads(body))
    assert (RECORD.name, ARRIVAL, b"a\x00b", "e-1") == (read.name, read.arrival, read.data, read.event_id)


def test_every_stored_record_is_announced(quarantine):
    """Twelve records make twelve pointers of bucket, key and reason."""
    place = quarantine()
    stored = [
        place.store(
            n,
            StreamRecord(f"{n}", "shard", "arn", ARRIVAL, ""),
            PayloadError("a", None, "b"),
            None,
            stop_at=float("inf"),
        )
        for n in range(12)
    ]

    assert [] == place.announce(stored, stop_at=float("inf"))

    sqs = boto3.client("sqs")
    pointers = []
    while messages := sqs.receive_message(QueueUrl=place.queue_url, MaxNumberOfMessages=10).get("Messages"):
        pointers += [json.loads(message["Body"]) for message in messages]
    expected = [{"bucket": "quarantine", "key": item.key, "reason": item.reason} for item in stored]
    assert sorted(expected, key=str) == sorted(pointers, key=str)


def test_a_bucket_that_does_not_answer_is_said(quarantine):
    """The caller learns that the record is not stored."""
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        quarantine(bucket="nowhere").store(0, RECORD, PayloadError("a", None, "b"), None, stop_at=float("inf"))


def test_a_queue_that_does_not_answer_names_the_places(quarantine):
    """The caller learns which records nobody was told about."""
    place = quarantine(queue="nowhere")
    stored = [place.store(5, RECORD, PayloadError("a", None, "b"), None, stop_at=float("inf"))]

    assert [5] == place.announce(stored, stop_at=float("inf"))
