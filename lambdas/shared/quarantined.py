"""A record in quarantine: the object that the forwarder stores, and that tools read (docs/develop/payloads.md)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

QUARANTINE_PREFIX = "dt="
"""What the keys of all objects begin with: `dt=YYYY-MM-DD/hour=HH/<shard>-<sequence number>.json`."""


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record of the stream that can never succeed, with what is wrong: `field`, `value` and `message`."""

    shard_id: str
    sequence_number: str
    source_arn: str
    arrival: float
    """In epoch seconds."""
    payload: str
    """Its data, in base64 as it came."""
    reason: Mapping[str, Any]
    event_id: str | None = None
    """The id under which it was sent, of an event that Personalize refused."""

    @property
    def name(self) -> str:
        """What tells this record from every other of the stream."""
        return f"{self.shard_id}-{self.sequence_number}"

    @property
    def data(self) -> bytes:
        """The record as it was sent."""
        return base64.b64decode(self.payload)

    def as_json(self) -> dict[str, Any]:
        """The object's content."""
        content: dict[str, Any] = {
            "reason": self.reason,
            "payload": self.payload,
            "sequenceNumber": self.sequence_number,
            "shardId": self.shard_id,
            "approximateArrivalTimestamp": self.arrival,
            "eventSourceARN": self.source_arn,
        }
        return content if self.event_id is None else content | {"eventId": self.event_id}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `as_json` made."""
        return cls(
            shard_id=content["shardId"],
            sequence_number=content["sequenceNumber"],
            source_arn=content.get("eventSourceARN", ""),
            arrival=content["approximateArrivalTimestamp"],
            payload=content["payload"],
            reason=content["reason"],
            event_id=content.get("eventId"),
        )
