"""What becomes of each record of a batch, on a clock that does not wait."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.delivery.mapping.outcome import Delivered, Failed, NotInvoked, Outcome
from local_cloud.delivery.mapping.retry import LONGEST_PAUSE_SECONDS, BatchRetry, Discarded
from local_cloud.delivery.mapping.settings import EventSourceMapping
from local_cloud.delivery.streams.records import Record
from tests.unit.local_cloud.delivery.fakes import record

MAPPING = replace(
    EventSourceMapping.from_properties(
        "u", {"EventSourceArn": "arn:stream", "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
    ),
    retry_attempts=3,
)
NOW = 2000.0


def failed(first: int = 0, error: str | None = "Unhandled") -> Failed:
    return Failed(first, error, "7", "request")


class Lane:
    """Runs BatchRetry against a function that is given as `answers(batch numbers) -> Outcome`."""

    def __init__(self, mapping: EventSourceMapping = MAPPING) -> None:
        self.invoked: list[list[int]] = []
        self.discarded: list[Discarded] = []
        self.done: list[int] = []
        self.pauses: list[float] = []
        self.now = NOW
        self.mapping = mapping
        self.answers: list[Outcome] = []

    def function(self, records: Sequence[Record]) -> Outcome:
        self.invoked.append([r.order for r in records])
        return self.answers.pop(0) if self.answers else Delivered()

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def deliver(self, records: Sequence[Record]) -> None:
        BatchRetry(
            self.mapping,
            invoke=self.function,
            discard=self.discarded.append,
            done=lambda record: self.done.append(record.order),
            pause=self.pause,
            now=lambda: self.now,
        ).deliver(records)


BATCH = [record(number, arrival=NOW) for number in range(1, 5)]


def test_accepted_batch_is_one_invocation_and_one_checkpoint() -> None:
    """The plain case costs nothing extra."""
    lane = Lane()
    lane.deliver(BATCH)
    assert ([[1, 2, 3, 4]], [4], []) == (lane.invoked, lane.done, lane.pauses)


def test_partial_response_repeats_from_the_lowest_failure_on() -> None:
    """What lies before is done; what lies behind is sent again, as on AWS."""
    lane = Lane()
    lane.answers = [failed(2, None)]
    lane.deliver(BATCH)
    assert ([[1, 2, 3, 4], [3, 4]], [2, 4]) == (lane.invoked, lane.done)


def test_failed_batch_is_repeated_whole_and_discarded_after_its_attempts() -> None:
    """Without bisecting, one attempt and three retries, then the whole batch goes, in one piece."""
    lane = Lane()
    lane.answers = [failed()] * 4
    lane.deliver(BATCH)
    assert [[1, 2, 3, 4]] * 4 == lane.invoked
    assert [(4, "RetryAttemptsExhausted", 4)] == [(len(d.records), d.condition, d.invocations) for d in lane.discarded]
    assert [4] == lane.done


def test_splitting_uses_up_no_attempt() -> None:
    """With no retry allowed at all, a batch is still split down to the guilty record."""
    lane = Lane(replace(MAPPING, bisects=True, retry_attempts=0))
    lane.answers = [failed(), Delivered(), failed(), failed()]  # 1234, 12, 34, 3 -> discarded, then 4
    lane.deliver(BATCH)
    assert [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]] == lane.invoked
    assert [[3]] == [[r.order for r in d.records] for d in lane.discarded]
    assert [2, 3, 4] == lane.done


def test_not_invoked_is_no_attempt() -> None:
    """A throttled or unreachable function keeps its records until they are too old."""
    lane = Lane(replace(MAPPING, retry_attempts=0))
    lane.answers = [NotInvoked("TooManyRequestsException")] * 50
    lane.deliver(BATCH)
    assert (51, [], [4]) == (len(lane.invoked), lane.discarded, lane.done)


def test_pauses_grow_up_to_a_limit() -> None:
    """Exponential back-off, bounded."""
    lane = Lane(replace(MAPPING, retry_attempts=-1))
    lane.answers = [failed()] * 12
    lane.deliver(BATCH)
    assert [0.1, 0.2, 0.4, 0.8] == lane.pauses[:4]
    assert sorted(lane.pauses) == lane.pauses
    assert LONGEST_PAUSE_SECONDS == lane.pauses[-1]


def test_old_records_are_discarded_and_their_younger_neighbours_delivered() -> None:
    """Age is of each record; a record that was never sent to the function says so."""
    lane = Lane(replace(MAPPING, record_age_seconds=60))
    lane.deliver([record(1, arrival=NOW - 61), record(2, arrival=NOW - 59)])
    assert [[2]] == lane.invoked
    (discarded,) = lane.discarded
    assert ([1], "RecordAgeExceeded", 0, None) == (
        [r.order for r in discarded.records],
        discarded.condition,
        discarded.invocations,
        discarded.last,
    )
    assert [1, 2] == lane.done


def test_records_grow_old_while_they_are_retried() -> None:
    """Unlimited attempts end with the age limit."""
    lane = Lane(replace(MAPPING, record_age_seconds=60, retry_attempts=-1))
    lane.answers = [failed()] * 1000
    lane.deliver(BATCH)
    assert ["RecordAgeExceeded"] == [d.condition for d in lane.discarded]
    assert lane.now - NOW > 60


def test_progress_begins_a_new_count_of_attempts() -> None:
    """No record is discarded for the failures of its predecessors."""
    lane = Lane(replace(MAPPING, retry_attempts=1))
    lane.answers = [failed(), failed(1, None), failed(), Delivered()]
    lane.deliver(BATCH)
    assert ([], [1, 4]) == (lane.discarded, lane.done)


class StopHere(Exception):  # noqa: N818 - a signal of the test
    pass


def test_stop_during_a_pause_leaves_the_rest_without_checkpoint() -> None:
    """What was not dealt with is read again at the next start."""
    lane = Lane()
    lane.answers = [failed(2, None)]

    def stop(seconds: float) -> None:
        raise StopHere

    lane.pause = stop  # type: ignore[method-assign]
    with pytest.raises(StopHere):
        lane.deliver(BATCH)
    assert [2] == lane.done


@given(
    poison=st.sets(st.integers(0, 29)),
    transient=st.dictionaries(st.integers(0, 29), st.integers(1, 3)),
    size=st.integers(1, 30),
    raises=st.booleans(),
    bisects=st.booleans(),
)
def test_every_record_ends_delivered_or_discarded_in_order(
    poison: set[int], transient: dict[int, int], size: int, raises: bool, bisects: bool
) -> None:
    """Whatever fails and however it is told: nothing is skipped, checkpoints only move forward, good records that a
    function reports singly are never discarded when batches are split."""
    lane = Lane(replace(MAPPING, bisects=bisects, retry_attempts=5))
    left = dict(transient)
    accepted: list[int] = []

    def function(records: Sequence[Record]) -> Outcome:
        for index, sent in enumerate(records):
            bad = sent.order in poison
            if left.get(sent.order, 0) > 0:
                left[sent.order] -= 1
                bad = True
            if bad:
                if raises:
                    return failed()
                accepted.extend(r.order for r in records[:index])
                return failed(index, None)
        accepted.extend(r.order for r in records)
        return Delivered()

    lane.function = function  # type: ignore[method-assign]
    lane.deliver([record(number, arrival=NOW) for number in range(size)])

    discarded = [r.order for d in lane.discarded for r in d.records]
    assert set(range(size)) == set(accepted) | set(discarded)
    assert sorted(lane.done) == lane.done
    assert size - 1 == lane.done[-1]
    assert {p for p in poison if p < size} <= set(discarded)
    if bisects:
        assert {p for p in poison if p < size} == set(discarded)
    assert len(discarded) == len(set(discarded))
