"""What lies in the quarantine bucket: records that could never succeed, and those that Lambda gave up.

Quarantine: `dt=YYYY-MM-DD/hour=HH/<shard>-<sequence number>.json`, one record with its reason (`forward_events`).
Failure destination: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<uuid>`, a batch with its condition, in Lambda's
format: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lambdas.shared.errors import PayloadError
from lambdas.shared.event import Event, decode_event

Source = Literal["failure-destination", "quarantine"]

_PREFIX: dict[Source, str] = {"failure-destination": "aws/lambda/", "quarantine": "dt="}
_TIME_LENGTH = len("2026-11-22T10.00.00")


@dataclass(frozen=True, slots=True)
class Record:
    """A stream record as it was sent.

    `name` is its shard and sequence number, `arrival` in epoch seconds, `reason` the condition (failure destination) or
    the top field that was wrong (quarantine). `event_id` is what it was to be stored under, where quarantine knows it.
    """

    name: str
    arrival: float
    data: bytes
    partition_key: str | None
    reason: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of the bucket with its records, oldest first."""

    key: str
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Sendable:
    """What is sent for a record."""

    data: bytes
    partition_key: str


def stored(s3: Any, bucket: str, source: Source, *, without: frozenset[str] = frozenset()) -> Iterator[Stored]:
    """The objects of one kind, but for the keys in `without`; of one shard the oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_PREFIX[source])
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", ()))
    wanted = (key for key in keys if key not in without)
    read = _quarantined if source == "quarantine" else _discarded

    def fetched(some: Iterable[str]) -> list[Stored]:
        return [
            Stored(key, tuple(read(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())))) for key in some
        ]

    # Names of one second end in a random part: within it sequence numbers tell the order.
    for _, some in itertools.groupby(wanted, _moment):
        yield from sorted(fetched(some), key=_first)


def sendable(record: Record) -> Sendable | None:
    """The record as it can be sent again; None when the forwarder's reader still refuses it.

    An event that has neither an id nor a time of its own gets both: the id under which it was to be stored the first
    time, so that it is counted once, and the time of its first arrival. Every other record goes as it came.
    """
    try:
        event = decode_event(record.data, arrival=record.arrival)
    except PayloadError:
        return None
    key = record.partition_key or event.session_id
    if event.event_id is not None or (event.occurred_at is not None and record.event_id is None):
        return Sendable(record.data, key)
    return Sendable(_with_identity(record, event), key)


def _with_identity(record: Record, event: Event) -> bytes:
    payload = json.loads(record.data)
    enveloped = "Data" in payload and "sessionId" not in payload
    inner = payload["Data"] if enveloped else payload
    if isinstance(inner, str):
        inner = json.loads(inner)
    inner = {**inner, "eventId": record.event_id or event.identity(record.name)}
    if event.occurred_at is None:
        inner["timestamp"] = record.arrival
    return json.dumps({**payload, "Data": inner} if enveloped else inner, separators=(",", ":")).encode()


def _moment(key: str) -> str:
    """The part of a key before what is random in it."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name[:_TIME_LENGTH]}" if key.startswith(_PREFIX["failure-destination"]) else key


def _first(one: Stored) -> int:
    """The sequence number of the first record; they are decimal numbers of differing length."""
    return int(one.records[0].name.rpartition("-")[2]) if one.records else 0


def _quarantined(content: dict[str, Any]) -> Iterator[Record]:
    yield Record(
        name=f"{content['shardId']}-{content['sequenceNumber']}",
        arrival=content["approximateArrivalTimestamp"],
        data=base64.b64decode(content["payload"]),
        partition_key=None,
        reason=str(content["reason"]["field"]).partition(".")[0].partition("[")[0],
        event_id=content.get("eventId"),
    )


def _discarded(content: dict[str, Any]) -> Iterator[Record]:
    for record in json.loads(content["payload"])["Records"]:
        kinesis = record["kinesis"]
        yield Record(
            name=record["eventID"].replace(":", "-", 1),
            arrival=kinesis["approximateArrivalTimestamp"],
            data=base64.b64decode(kinesis["data"]),
            partition_key=kinesis["partitionKey"],
            reason=content["requestContext"]["condition"],
        )
