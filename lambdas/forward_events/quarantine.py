"""Where records go that can never succeed: an object with payload and reason, and a pointer to it in a queue."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.forward_events.records import StreamRecord
from lambdas.shared.attempts import Attempts, InvalidRequestError, UnavailableError
from lambdas.shared.errors import PayloadError
from lambdas.shared.quarantined import QUARANTINE_PREFIX, QuarantinedRecord

MOST_MESSAGES_A_CALL = 10
_SAFE_NAME = re.compile(r"[A-Za-z0-9-]{3,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record whose object is stored; `place` is the record's place in the batch."""

    place: int
    key: str
    reason: dict[str, object]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantine's bucket and queue. Storing a record twice leaves one object."""

    s3: Any
    sqs: Any
    bucket: str
    queue_url: str
    attempts: Attempts

    def store(
        self, place: int, record: StreamRecord, error: PayloadError, event_id: str | None, *, stop_at: float
    ) -> Quarantined:
        """Store the record with its reason. Raises UnavailableError or InvalidRequestError when S3 does not take it."""
        reason = error.as_json()
        content = QuarantinedRecord(
            shard_id=record.shard_id,
            sequence_number=record.sequence_number,
            source_arn=record.source_arn,
            arrival=record.arrival,
            payload=record.payload,
            reason=reason,
            event_id=event_id,
        )
        key = quarantine_key(record)
        body = json.dumps(content.as_json()).encode()
        self.attempts.call(
            lambda: self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json"),
            stop_at=stop_at,
        )
        return Quarantined(place, key, reason)

    def announce(self, stored: Sequence[Quarantined], *, stop_at: float) -> list[int]:
        """Put a pointer to each stored record into the queue; the places of those that the queue did not take."""
        missed: list[int] = []
        for start in range(0, len(stored), MOST_MESSAGES_A_CALL):
            part = stored[start : start + MOST_MESSAGES_A_CALL]
            entries = [{"Id": str(number), "MessageBody": self._pointer(item)} for number, item in enumerate(part)]
            try:
                answer = self.attempts.call(
                    lambda entries=entries: self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries),  # type: ignore[misc]
                    stop_at=stop_at,
                )
            except (UnavailableError, InvalidRequestError):
                missed.extend(item.place for item in part)
            else:
                missed.extend(part[int(entry["Id"])].place for entry in answer.get("Failed", ()))
        return missed

    def _pointer(self, item: Quarantined) -> str:
        return json.dumps({"bucket": self.bucket, "key": item.key, "reason": item.reason})


def quarantine_key(record: StreamRecord) -> str:
    """`dt=YYYY-MM-DD/hour=HH/<shard>-<sequence number>.json`, by the hour of arrival in UTC."""
    arrival = datetime.fromtimestamp(record.arrival, UTC)
    name = record.name
    if not _SAFE_NAME.fullmatch(name):
        name = (
            f"unknown-{hashlib.blake2b(f'{name}{record.payload}'.encode(errors='replace'), digest_size=16).hexdigest()}"
        )
    return f"{QUARANTINE_PREFIX}{arrival:%Y-%m-%d}/hour={arrival:%H}/{name}.json"
