"""Traffic: which messages, in which portions, at which pace, and that none is lost on the way."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.tools.events.test_malformed import EVENT
from tools.events.malformed import KINDS
from tools.events.traffic import Message, Sender, SendError, message, messages, stream_at_rate


def events(count: int) -> list[dict[str, Any]]:
    return [{**EVENT, "eventId": f"e{number}", "sessionId": f"s{number % 3}"} for number in range(count)]


class FakeKinesis:
    """Takes records; the first `refusals` records that it meets are refused, one call after the other."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.calls: list[int] = []
        self.taken: list[bytes] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's names
        self.calls.append(len(Records))
        results = []
        for record in Records:
            if self.refusals:
                self.refusals -= 1
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.taken.append(record["Data"])
                results.append({"SequenceNumber": "1"})
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedRecordCount": failed, "Records": results}


def test_one_in_so_many_is_malformed_and_every_kind_comes() -> None:
    """Malformed messages say so and what they are; the kinds take turns; the others hold their event."""
    made = list(messages(events(20 * len(KINDS)), malformed_every=10))
    spoiled = [m for m in made if m.event is None]
    assert 2 * len(KINDS) == len(spoiled)
    assert dict.fromkeys(KINDS, 2) == {kind: [m.malformation for m in spoiled].count(kind) for kind in KINDS}
    for sent, event in zip(made, events(20 * len(KINDS)), strict=True):
        assert event["sessionId"] == sent.partition_key
        if sent.event is not None:
            assert event == sent.event == json.loads(sent.data)


def test_without_malformed_every_message_is_valid() -> None:
    """The default spoils nothing."""
    assert all(m.event is not None for m in messages(events(50)))


def test_long_batches_are_cut_to_what_a_call_takes() -> None:
    """At most 500 records and 5 MiB a call, in order."""
    kinesis = FakeKinesis()
    Sender(kinesis, "stream").send([message(event) for event in events(1100)])
    assert [500, 500, 100] == kinesis.calls

    large = FakeKinesis()
    Sender(large, "stream").send([Message(b"x" * 1_000_000, "k", None) for _ in range(7)])
    assert [5, 2] == large.calls


def test_refused_records_are_sent_again() -> None:
    """A throttled shard costs pauses that grow, not records."""
    kinesis = FakeKinesis(refusals=12)
    pauses: list[float] = []
    batch = [message(event) for event in events(10)]
    Sender(kinesis, "stream", sleep=pauses.append).send(batch)
    assert sorted(m.data for m in batch) == sorted(kinesis.taken)
    assert [10, 10, 2] == kinesis.calls[:2] + kinesis.calls[-1:]
    assert sorted(pauses) == pauses


def test_stream_that_never_takes_is_an_error() -> None:
    """The sender says how many records were not taken, and why."""
    with pytest.raises(SendError, match="2 records were not taken by stream: Provisioned"):
        Sender(FakeKinesis(refusals=10_000), "stream", sleep=lambda _: None).send([message(e) for e in events(2)])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def test_rate_is_kept() -> None:
    """1,000 messages at 100 a second take ten seconds less the last batch's, in tenths of a second."""
    clock, sizes = Clock(), list[int]()
    stream_at_rate(
        [message(e) for e in events(1000)],
        lambda batch: None,
        rate=100,
        sent=lambda batch: sizes.append(len(batch)),
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )
    assert [10] * 100 == sizes
    assert 9.9 == pytest.approx(clock.now)


def test_slow_stream_is_not_pressed_afterwards() -> None:
    """After a stall the messages go on at the rate, not in a burst."""
    clock, moments = Clock(), list[float]()

    def send(batch: Sequence[Message]) -> None:
        moments.append(clock.now)
        clock.now += 5.0 if len(moments) == 1 else 0.0

    stream_at_rate(
        [message(e) for e in events(40)],
        send,
        rate=100,
        sent=lambda _: None,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )
    assert [0.0, 5.0, 5.1, 5.2] == pytest.approx(moments)
