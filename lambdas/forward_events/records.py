"""The records of a Kinesis invocation of Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import binascii
import time
from dataclasses import dataclass

from lambdas.shared.errors import PayloadError
from lambdas.shared.event import LONGEST_RECORD

_YEAR_3000 = 32_503_680_000


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record of the stream: its place, when it arrived (epoch seconds) and its data, still in base64."""

    sequence_number: str
    shard_id: str
    source_arn: str
    arrival: float
    payload: str

    @property
    def name(self) -> str:
        """What tells this record from every other of the stream, e.g. `shardId-000000000000-4959...`."""
        return f"{self.shard_id}-{self.sequence_number}"

    def data(self) -> bytes:
        """The record's bytes. Raises PayloadError for what is too long to be an event, before decoding it."""
        if len(self.payload) > LONGEST_RECORD * 4 // 3 + 4:
            size = len(self.payload) * 3 // 4
            raise PayloadError("record", None, f"must have at most {LONGEST_RECORD} bytes, has about {size}")
        try:
            return binascii.a2b_base64(self.payload, strict_mode=True)
        except ValueError as error:  # includes text that is not ASCII
            raise PayloadError("record", None, "must be base64") from error


def stream_records(event: object) -> list[StreamRecord]:
    """The records of an invocation, oldest first. Members that AWS always sends are empty when they are missing."""
    records = event.get("Records") if isinstance(event, dict) else None
    return [_stream_record(record) for record in records] if isinstance(records, list) else []


def _stream_record(record: object) -> StreamRecord:
    outer = record if isinstance(record, dict) else {}
    kinesis = outer.get("kinesis")
    inner = kinesis if isinstance(kinesis, dict) else {}
    return StreamRecord(
        sequence_number=_text(inner.get("sequenceNumber")),
        shard_id=_text(outer.get("eventID")).partition(":")[0],
        source_arn=_text(outer.get("eventSourceARN")),
        arrival=_arrival(inner.get("approximateArrivalTimestamp")),
        payload=_text(inner.get("data")),
    )


def _arrival(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _YEAR_3000:  # not NaN
        return float(value)
    return time.time()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
