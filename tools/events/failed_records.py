"""What lies in the quarantine bucket: records that could never succeed, and those that Lambda gave up.

Quarantine: `dt=YYYY-MM-DD/hour=HH/<shard>-<sequence number>.json`, one record with its reason (`forward_events`).
Failure destination: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<uuid>`, a batch with its condition, in Lambda's
format: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lambdas.shared.animal import METADATA
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import (
    ENVELOPE,
    EVERY_ID_IS_A_DIGEST,
    FIELDS,
    LONGEST_RECORD,
    opened,
)
from lambdas.shared.fields import parse_json
from lambdas.shared.names import Names
from lambdas.shared.observed import NOTHING_OBSERVED, ObservedEvent, ObservedTypes, decode_record
from lambdas.shared.quarantined import QUARANTINE_PREFIX, QuarantinedRecord

Source = Literal["failure-destination", "quarantine"]

_PREFIX: dict[Source, str] = {"failure-destination": "aws/lambda/", "quarantine": QUARANTINE_PREFIX}
_TIME_LENGTH = len("2026-11-22T10.00.00")


@dataclass(frozen=True, slots=True)
class Record:
    """A stream record as it was sent.

    `name` is its shard and sequence number, `arrival` in epoch seconds, `reason` the condition (failure destination) or
    the top field that was wrong (quarantine).
    """

    name: str
    arrival: float
    data: bytes
    partition_key: str | None
    reason: str


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


def sendable(
    record: Record,
    *,
    digests_from: float = EVERY_ID_IS_A_DIGEST,
    breeds: Breeds = LATIN,
    observed: ObservedTypes = NOTHING_OBSERVED,
    mend: bool = False,
) -> Sendable | ObservedEvent | None:
    """The record as it can be sent again; None when the forwarder's reader still refuses it.

    An observed event is returned as what it is, for it is not sent: Personalize does not get it, and the archive, which
    has it from its first sending, would have it twice.

    It counts once with its first sending: its id is made from what the event says. Where that is not enough it carries
    along (`redriven`) when its first record arrived, for an event with an id of its own from before ids were digests
    (`digests_from`), and the record's name too for one without an id and a time, which gets its first arrival as its
    time. Every other record goes as it came. With `mend` fields whose names are nearly right get the right ones.
    """
    data = mended(record.data) if mend else record.data
    try:
        event = decode_record(data, arrival=record.arrival, breeds=breeds, observed=observed)
    except PayloadError:
        return None
    if isinstance(event, ObservedEvent):
        return event
    key = record.partition_key or event.session_id
    first: dict[str, Any] = {"arrival": record.arrival}
    if event.redriven is not None:
        return Sendable(data, key)
    if event.event_id is None and event.occurred_at is None:
        mark = {"timestamp": record.arrival, "redriven": first | {"record": record.name}}
        data = _changed(data, lambda inner: inner | mark)
    elif event.event_id is not None and record.arrival < digests_from:
        data = _changed(data, lambda inner: inner | {"redriven": first})
    return Sendable(data, key)


def mended(data: bytes) -> bytes:
    """The record with the right names for fields that are nearly right; as it came where it cannot be mended.

    A name stays where the right one is there too: which of the two values is meant only its producer knows.
    """
    try:
        payload = parse_json(data, "record", longest=LONGEST_RECORD)
        if not isinstance(payload, dict):
            return data
        if "eventType" not in payload:
            payload = _renamed(payload, ENVELOPE)
        renamed = _rewritten(payload, _with_right_names)
    except PayloadError:
        return data
    return data if renamed == json.loads(data) else json.dumps(renamed, separators=(",", ":")).encode()


def _with_right_names(event: dict[str, Any]) -> dict[str, Any]:
    event = _renamed(event, FIELDS)
    animal = event.get("animalMetadata")
    return {**event, "animalMetadata": _renamed(animal, METADATA)} if isinstance(animal, dict) else event


def _renamed(given: dict[str, Any], names: Names) -> dict[str, Any]:
    right = {wrong: name for wrong, name in names.misspelt(given) if name not in given}
    if len(set(right.values())) < len(right):
        return given
    return {right.get(name, name): value for name, value in given.items()}


def _changed(data: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    return json.dumps(_rewritten(json.loads(data), change), separators=(",", ":")).encode()


def _rewritten(payload: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The payload with its event changed, in the envelope if it has one."""
    event = opened(payload)
    changed = change(event)
    return changed if event is payload else {**payload, "Data": changed}


def _moment(key: str) -> str:
    """The part of a key before what is random in it."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name[:_TIME_LENGTH]}" if key.startswith(_PREFIX["failure-destination"]) else key


def _first(one: Stored) -> int:
    """The sequence number of the first record; they are decimal numbers of differing length."""
    return int(one.records[0].name.rpartition("-")[2]) if one.records else 0


def _quarantined(content: dict[str, Any]) -> Iterator[Record]:
    kept = QuarantinedRecord.from_json(content)
    yield Record(
        name=kept.name,
        arrival=kept.arrival,
        data=kept.data,
        partition_key=None,
        reason=str(kept.reason["field"]).partition(".")[0].partition("[")[0],
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
