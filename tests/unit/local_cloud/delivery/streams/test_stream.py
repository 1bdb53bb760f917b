"""A consumer of a whole stream: where shards begin, in which order, and how they are told to stop."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cloud.delivery.streams.checkpoints import SHARD_END, TRIM_HORIZON, Checkpoints, Position, after
from local_cloud.delivery.streams.stream import IdlePoll, Pauses, StoppedError, StreamConsumer
from tests.deadline import eventually
from tests.unit.local_cloud.delivery.fakes import STREAM, FakeKinesis

LANES = ("0/2", "1/2")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Iterator[Checkpoints]:
    made = Checkpoints(tmp_path / "c.sqlite")
    yield made
    made.close()


class Consumer:
    """A consumer whose work notes where it was started and ends a shard when told."""

    def __init__(self, kinesis: FakeKinesis, checkpoints: Checkpoints, start_at: Position = TRIM_HORIZON) -> None:
        self.started: list[tuple[str, dict[str, Position]]] = []
        self.may_end: dict[str, threading.Event] = {}
        self._checkpoints = checkpoints
        self._stop = threading.Event()
        self.consumer = StreamConsumer(
            name="consumer",
            stream_arn=STREAM,
            start_at=start_at,
            lanes=LANES,
            kinesis=kinesis,
            checkpoints=checkpoints,
            work=self._work,
            stop=self._stop,
            clock=lambda: 1500.0,
        )

    def _work(self, shard_id: str, positions: dict[str, Position]) -> None:
        end = self.may_end.setdefault(shard_id, threading.Event())
        self.started.append((shard_id, positions))
        while not self._stop.is_set():
            if end.wait(0.01):
                self._checkpoints.save("consumer", shard_id, dict.fromkeys(LANES, SHARD_END))
                return

    def run(self, until: Callable[[], object]) -> None:
        self.consumer.start()
        try:
            eventually(until)
        finally:
            self.consumer.stop()
            self.consumer.join(60)

    @property
    def shards(self) -> list[str]:
        return [shard for shard, _ in self.started]


def test_first_start_begins_at_the_starting_position(checkpoints: Checkpoints) -> None:
    """TRIM_HORIZON is every shard's beginning, for every lane."""
    consumer = Consumer(FakeKinesis("a", "b"), checkpoints)
    consumer.run(lambda: len(consumer.started) == 2)
    expected = dict.fromkeys(LANES, TRIM_HORIZON)
    assert [("a", expected), ("b", expected)] == consumer.started


def test_latest_is_the_moment_of_the_first_start(checkpoints: Checkpoints) -> None:
    """LATEST is saved as a time, so that a restart before the first record skips nothing; closed shards are skipped."""
    kinesis = FakeKinesis("a")
    kinesis.split("a", "b")
    first = Consumer(kinesis, checkpoints, Position("LATEST"))
    first.run(lambda: first.started)
    second = Consumer(kinesis, checkpoints, Position("LATEST"))
    second.run(lambda: second.started)

    expected = dict.fromkeys(LANES, Position("AT_TIMESTAMP", 1500.0))
    assert [("b", expected)] == first.started
    assert [("b", expected)] == second.started


def test_shards_that_appear_later_are_read_from_their_beginning(checkpoints: Checkpoints) -> None:
    """After a split nothing is skipped, though the starting position was LATEST; children follow their parent."""
    kinesis = FakeKinesis("a")
    consumer = Consumer(kinesis, checkpoints, Position("LATEST"))

    def split_and_end() -> bool:
        if consumer.shards == ["a"] and "b" not in kinesis.shards:
            kinesis.split("a", "b", "c")
            consumer.may_end["a"].set()
        return len(consumer.started) == 3

    consumer.run(split_and_end)

    beginning = dict.fromkeys(LANES, TRIM_HORIZON)
    assert [("b", beginning), ("c", beginning)] == consumer.started[1:]


def test_restart_resumes_where_each_lane_stood(checkpoints: Checkpoints) -> None:
    """Saved positions go before the starting position; ended shards are not read again."""
    checkpoints.save("consumer", "a", {"0/2": after("5"), "1/2": after("9")})
    checkpoints.save("consumer", "b", dict.fromkeys(LANES, SHARD_END))
    consumer = Consumer(FakeKinesis("a", "b"), checkpoints)
    consumer.run(lambda: consumer.started)
    assert [("a", {"0/2": after("5"), "1/2": after("9")})] == consumer.started


def test_a_shard_that_ends_while_positions_are_read_is_not_read_again(tmp_path: Path) -> None:
    """The positions that were read are older than the end of the work: they say nothing about who is to be started."""

    class Late(Checkpoints):
        looks = 0
        """Since the shard has ended."""

        def positions(self, consumer: str) -> dict[str, dict[str, Position]]:
            found = super().positions(consumer)
            worker = next((one for one in threading.enumerate() if one.name == "consumer/a"), None)
            if worker is not None and "b" in running.may_end:
                running.may_end.setdefault("a", threading.Event()).set()
                worker.join()
            self.looks += found.get("a", {}).get(LANES[0]) == SHARD_END
            return found

    checkpoints = Late(tmp_path / "late.sqlite")
    running = Consumer(FakeKinesis("a", "b"), checkpoints)

    def looked_again() -> bool:
        if len(running.started) == 2:
            running.may_end.setdefault("b", threading.Event()).set()
        return checkpoints.looks >= 2

    running.run(looked_again)
    checkpoints.close()
    assert ["a", "b"] == running.shards


def test_another_number_of_lanes_begins_at_the_earliest(checkpoints: Checkpoints) -> None:
    """A change of ParallelizationFactor may repeat records and skips none."""
    checkpoints.save("consumer", "a", {"0/3": after("10"), "1/3": after("9"), "2/3": after("30")})
    consumer = Consumer(FakeKinesis("a"), checkpoints)
    consumer.run(lambda: consumer.started)
    expected = dict.fromkeys(LANES, after("9"))
    assert [("a", expected)] == consumer.started
    assert {"a": expected} == checkpoints.positions("consumer")


def test_stream_that_is_not_there_yet_is_waited_for(checkpoints: Checkpoints) -> None:
    """The problem is told, and the work begins when the stream appears."""
    kinesis = FakeKinesis()
    consumer = Consumer(kinesis, checkpoints)
    problems: list[str] = []

    def appear() -> bool:
        if consumer.consumer.problem and not problems:
            problems.append(consumer.consumer.problem)
            kinesis.shards.update(FakeKinesis("a").shards)
        return bool(consumer.started)

    consumer.run(appear)

    assert [f"cannot list the shards of {STREAM}: {STREAM}"] == problems
    assert consumer.consumer.problem is None


def test_pause_ends_early_when_stopped() -> None:
    """A stop is not held up by a back-off."""
    stop = threading.Event()
    pause = Pauses(stop)
    pause(0.0)
    stop.set()
    with pytest.raises(StoppedError):
        pause(3600.0)


def test_idle_polling_slows_to_once_a_second_and_wakes_with_a_record() -> None:
    """An idle shard costs a read a second, as on AWS; a busy one is read without a pause."""
    poll = IdlePoll()
    pauses = [poll.after(0) for _ in range(10)]
    assert sorted(pauses) == pauses
    assert 1.0 == pauses[-1]
    assert 0.0 == poll.after(5)
    assert pauses[0] == poll.after(0)
