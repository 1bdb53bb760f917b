"""Traffic of the site: events of simulated visitors, some of them malformed, sent to the event stream at a rate."""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.environment.errors import ToolError
from tools.events.malformed import KINDS

MOST_RECORDS_A_CALL = 500
"""Limit of PutRecords: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""

_MOST_BYTES_A_CALL = 5 * 1024 * 1024
_TRIES = 8
_CALLS_PER_SECOND = 10


class SendError(ToolError):
    """The stream did not take records; the message says how many and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record for the stream: `event` is the valid event in it, None when it is malformed."""

    data: bytes
    partition_key: str
    event: dict[str, Any] | None
    malformation: str | None = None


def messages(events: Iterable[dict[str, Any]], *, malformed_every: int = 0) -> Iterator[Message]:
    """A message an event, keyed by its session; every so many is spoiled, by each kind of malformation in turn.

    `malformed_every` 200 spoils one event in 200; 0 spoils none.
    """
    kinds = itertools.cycle(KINDS.items())
    for number, event in enumerate(events, start=1):
        if malformed_every and number % malformed_every == 0:
            kind, spoil = next(kinds)
            yield Message(spoil(event), event["sessionId"], None, kind)
        else:
            yield message(event)


def message(event: dict[str, Any]) -> Message:
    """The message of a valid event."""
    return Message(json.dumps(event, separators=(",", ":")).encode(), event["sessionId"], event)


class Sender:
    """Sends messages to a Kinesis stream; every message is taken, or `SendError` is raised."""

    def __init__(self, kinesis: Any, stream: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self._sleep = sleep

    def send(self, batch: Sequence[Message]) -> None:
        """Send the messages in order. Records that the stream refuses for now are sent again."""
        for part in _calls(batch):
            left: Sequence[Message] = part
            for attempt in range(_TRIES):
                left, reason = self._put(left)
                if not left:
                    break
                self._sleep(min(5.0, 0.1 * 2**attempt))
            else:
                raise SendError(f"{len(left)} records were not taken by {self._stream}: {reason}")

    def _put(self, batch: Sequence[Message]) -> tuple[Sequence[Message], str]:
        """One call; what the stream did not take, and why."""
        answer = self._kinesis.put_records(
            StreamName=self._stream, Records=[{"Data": m.data, "PartitionKey": m.partition_key} for m in batch]
        )
        if not answer["FailedRecordCount"]:
            return (), ""
        failed = [(m, record) for m, record in zip(batch, answer["Records"], strict=True) if "ErrorCode" in record]
        return [m for m, _ in failed], str(failed[0][1]["ErrorCode"])


def stream_at_rate(
    source: Iterable[Message],
    send: Callable[[Sequence[Message]], None],
    *,
    rate: float,
    sent: Callable[[Sequence[Message]], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send the messages at `rate` a second, in small batches; `sent` is told of each.

    A stream that is slower than the rate is not pressed afterwards to catch up.
    """
    size = max(1, min(MOST_RECORDS_A_CALL, round(rate / _CALLS_PER_SECOND)))
    due = clock()
    for batch in _batches(source, size):
        sleep(max(0.0, due - clock()))
        due = max(due, clock()) + len(batch) / rate
        send(batch)
        sent(batch)


def _batches(source: Iterable[Message], size: int) -> Iterator[list[Message]]:
    iterator = iter(source)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _calls(batch: Sequence[Message]) -> Iterator[list[Message]]:
    """The batch in portions that PutRecords takes."""
    part: list[Message] = []
    size = 0
    for item in batch:
        weight = len(item.data) + len(item.partition_key)
        if part and (len(part) == MOST_RECORDS_A_CALL or size + weight > _MOST_BYTES_A_CALL):
            yield part
            part, size = [], 0
        part.append(item)
        size += weight
    if part:
        yield part
