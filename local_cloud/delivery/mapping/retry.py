"""What a mapping does with one batch until each of its records is delivered or discarded.

Documented behaviour (https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html):

- the function could not be invoked: retried until the records are too old; no attempt is counted;
- the function failed: retried until the records are too old or the attempts are used up, the second half only after
  the first when batches are split; splitting uses up no attempt;
- a partial response: what lies before the lowest failed record is done, the rest is tried again;
- attempts or age used up: the batch goes to the failure destination, and the shard goes on.

Progress by a partial response starts a new count of attempts: AWS does not say, and this way a record is never
discarded for the failures of its predecessors.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from local_cloud.delivery.mapping.outcome import Delivered, Failed, NotInvoked, Outcome
from local_cloud.delivery.mapping.settings import EventSourceMapping
from local_cloud.delivery.streams.records import Record

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


@dataclass(frozen=True, slots=True)
class Discarded:
    """A batch that goes to the failure destination: `last` is None when the function never saw it."""

    records: Sequence[Record]
    condition: Condition
    invocations: int
    last: Failed | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of records with what was tried on exactly this run."""

    records: Sequence[Record]
    attempts: int = 0
    invocations: int = 0
    last: Failed | None = None


class BatchRetry:
    """Delivers batches of one lane.

    invoke: calls the function once with the records.
    discard: stores a discarded batch; returns when it is stored.
    done: everything up to and including this record is dealt with (a checkpoint).
    pause: waits that many seconds; raises to stop the delivery (what has no checkpoint is read again later).
    now: the clock, in epoch seconds.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        *,
        invoke: Callable[[Sequence[Record]], Outcome],
        discard: Callable[[Discarded], None],
        done: Callable[[Record], None],
        pause: Callable[[float], None],
        now: Callable[[], float],
    ) -> None:
        self._mapping = mapping
        self._invoke = invoke
        self._discard = discard
        self._done = done
        self._pause = pause
        self._now = now

    def deliver(self, records: Sequence[Record]) -> None:
        """Return when every record was delivered or discarded."""
        parts = deque([_Part(records)])
        not_invoked = 0  # in a row
        while parts:
            part = self._without_old(parts.popleft())
            if not part.records:
                continue
            outcome = self._invoke(part.records)
            if isinstance(outcome, NotInvoked):
                not_invoked += 1
                parts.appendleft(part)
                self._pause(_pause_seconds(not_invoked))
                continue
            not_invoked = 0
            if isinstance(outcome, Delivered):
                self._done(part.records[-1])
                continue
            if outcome.first > 0:
                self._done(part.records[outcome.first - 1])
                rest = [_Part(part.records[outcome.first :], 0, part.invocations + 1, outcome)]
            else:
                rest = self._after_failure(part, outcome)
            parts.extendleft(reversed(rest))
            if rest:
                self._pause(_pause_seconds(rest[0].attempts))

    def _after_failure(self, part: _Part, failure: Failed) -> list[_Part]:
        """What is still to do, in order, after the function failed with the whole part."""
        if self._mapping.bisects and len(part.records) > 1:
            middle = (len(part.records) + 1) // 2
            return [
                _Part(half, part.attempts, part.invocations + 1, failure)
                for half in (part.records[:middle], part.records[middle:])
            ]
        tried = _Part(part.records, part.attempts + 1, part.invocations + 1, failure)
        if 0 <= self._mapping.retry_attempts < tried.attempts:
            self._give_up(tried, "RetryAttemptsExhausted")
            return []
        return [tried]

    def _without_old(self, part: _Part) -> _Part:
        """The part without its records that are older than the limit; those are discarded."""
        limit = self._mapping.record_age_seconds
        if limit < 0:
            return part
        oldest = self._now() - limit
        count = next((i for i, record in enumerate(part.records) if record.arrival >= oldest), len(part.records))
        if count == 0:
            return part
        self._give_up(_Part(part.records[:count], part.attempts, part.invocations, part.last), "RecordAgeExceeded")
        return _Part(part.records[count:], part.attempts, part.invocations, part.last)

    def _give_up(self, part: _Part, condition: Condition) -> None:
        self._discard(Discarded(part.records, condition, part.invocations, part.last))
        self._done(part.records[-1])


def _pause_seconds(attempts: int) -> float:
    """Exponential back-off; after a split or progress (no attempt used up) the shortest pause."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(max(attempts - 1, 0), 20)))
