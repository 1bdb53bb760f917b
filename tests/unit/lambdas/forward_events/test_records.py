"""Stream records as Lambda delivers them, and as it never does."""

import time

import pytest

from lambdas.forward_events.records import StreamRecord, stream_records
from lambdas.shared.errors import PayloadError
from tests.unit.lambdas.forward_events.stream import ARRIVAL, kinesis_event, sequence_number


def test_a_record_knows_its_place_its_arrival_and_its_data():
    """Everything that later steps need is read once."""
    [record] = stream_records(kinesis_event(b"data"))

    expected = (
        sequence_number(0),
        "shardId-000000000003",
        "arn:aws:kinesis:us-east-1:000000000000:stream/test",
        ARRIVAL,
    )
    assert expected == (record.sequence_number, record.shard_id, record.source_arn, record.arrival)
    assert b"data" == record.data()


@pytest.mark.parametrize("event", [None, [], "text", {}, {"Records": None}, {"Records": {}}])
def test_an_invocation_without_records_has_none(event):
    """Whatever else invokes the function, it finds no records."""
    assert [] == stream_records(event)


@pytest.mark.parametrize("record", [None, 5, {}, {"kinesis": None}, {"kinesis": {"data": 5, "sequenceNumber": 5}}])
def test_members_that_are_missing_are_empty(record):
    """A record without members is still a record: it will end in quarantine, not in an exception."""
    before = time.time()

    [read] = stream_records({"Records": [record]})

    assert ("", "", "", "") == (read.sequence_number, read.shard_id, read.source_arn, read.payload)
    assert before <= read.arrival <= time.time()


@pytest.mark.parametrize("arrival", [float("nan"), float("inf"), -1, "now", True, 10**400])
def test_an_impossible_arrival_is_now(arrival):
    """The time of arrival is always a time."""
    before = time.time()

    [read] = stream_records({"Records": [{"kinesis": {"approximateArrivalTimestamp": arrival}}]})

    assert before <= read.arrival <= time.time()


@pytest.mark.parametrize("payload", ["%%%", "YQ", "YQ==YQ==", "é", "A" * 90_000])
def test_data_that_is_no_base64_or_too_long_is_refused(payload):
    """Data that cannot be an event is refused before it is decoded."""
    with pytest.raises(PayloadError, match="record: must"):
        StreamRecord("1", "s", "arn", ARRIVAL, payload).data()
