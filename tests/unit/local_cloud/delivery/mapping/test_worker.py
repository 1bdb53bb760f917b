"""One shard of a mapping: lanes, order, checkpoints, back-pressure and the shard's end."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_cloud.delivery.mapping import worker as mapping_worker
from local_cloud.delivery.mapping.settings import EventSourceMapping
from local_cloud.delivery.mapping.worker import MappingShard, lane_names, lane_of
from local_cloud.delivery.streams.checkpoints import SHARD_END, TRIM_HORIZON, Checkpoints, Position, after
from local_cloud.delivery.streams.records import Record
from local_cloud.delivery.streams.shards import ShardReader
from tests.deadline import eventually
from tests.unit.local_cloud.delivery.fakes import STREAM, FakeKinesis, client_error

MAPPING = replace(
    EventSourceMapping.from_properties(
        "mapping", {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
    ),
    batch_size=10,
    lanes=2,
)


class Shard:
    """A worker on shard `a` of a fake stream; `deliver` may be replaced."""

    def __init__(self, tmp_path: Path, mapping: EventSourceMapping = MAPPING) -> None:
        self.kinesis = FakeKinesis("a")
        self.mapping = mapping
        self.checkpoints = Checkpoints(tmp_path / "c.sqlite")
        self.batches: dict[str, list[list[str]]] = defaultdict(list)
        self.stop = threading.Event()
        self.deliver: Callable[..., None] = self.accept
        self.thread: threading.Thread | None = None

    def accept(self, records: Sequence[Record], done: Callable[[Record], None], pause: Any) -> None:
        self.batches[threading.current_thread().name].append([r.data.decode() for r in records])
        done(records[-1])

    @property
    def delivered(self) -> list[str]:
        return [payload for lane in self.batches.values() for batch in lane for payload in batch]

    def start(self, positions: dict[str, Position] | None = None) -> MappingShard:
        worker = MappingShard(
            self.mapping,
            "a",
            positions or dict.fromkeys(lane_names(self.mapping.lanes), TRIM_HORIZON),
            reader=lambda position: ShardReader(self.kinesis, STREAM, "a", position),
            deliver=lambda *arguments: self.deliver(*arguments),
            checkpoints=self.checkpoints,
            stop=self.stop,
        )
        self.thread = threading.Thread(target=worker.run)
        self.thread.start()
        return worker

    def end(self) -> None:
        self.stop.set()
        if self.thread:
            self.thread.join(60)
            assert not self.thread.is_alive()
        self.thread = None
        self.stop.clear()

    def positions(self) -> dict[str, Position]:
        return self.checkpoints.positions("mapping").get("a", {})


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path)
    yield made
    made.end()
    made.checkpoints.close()


def test_partition_keys_keep_their_order_across_lanes(shard: Shard) -> None:
    """With several lanes, each partition key is delivered by one lane in the order of the stream."""
    payloads = [f"{key}:{number}" for number in range(30) for key in ("cat", "dog", "owl")]
    for payload in payloads:
        shard.kinesis.put("a", payload, key=payload.split(":")[0])

    shard.start()
    eventually(lambda: len(shard.delivered) == len(payloads))

    for key in ("cat", "dog", "owl"):
        lanes = [[p for batch in batches for p in batch if p.startswith(key)] for batches in shard.batches.values()]
        assert [[f"{key}:{number}" for number in range(30)]] == [lane for lane in lanes if lane]
    assert all(len(batch) <= 10 for lane in shard.batches.values() for batch in lane)


def test_lanes_are_stable_and_use_all_of_the_factor() -> None:
    """The lane of a key is the same in every process; keys spread over the lanes."""
    assert [0, 0, 0, 1] == [lane_of(f"visitor-{n}", 2) for n in range(1, 5)]
    assert {0, 1, 2, 3} == {lane_of(f"visitor-{n}", 4) for n in range(50)}


def test_restart_delivers_what_has_no_checkpoint(shard: Shard) -> None:
    """A stop while a batch is under way leaves it to the next start; what was done is not repeated."""
    shard.mapping = replace(MAPPING, lanes=1)
    first, second = shard.kinesis.put("a", "one", "two", key="k")
    under_way = threading.Event()

    def half(records: Sequence[Record], done: Callable[[Record], None], pause: Any) -> None:
        done(records[0])
        under_way.set()
        pause(3600)

    shard.deliver = half
    shard.start()
    eventually(under_way.is_set)
    shard.end()
    assert {"0/1": after(first)} == shard.positions()

    shard.deliver = shard.accept
    shard.start(shard.positions())
    eventually(lambda: shard.delivered == ["two"])
    eventually(lambda: shard.positions() == {"0/1": after(second)})


def test_stuck_lane_does_not_hold_up_the_other(shard: Shard) -> None:
    """A poison record delays its own lane only."""
    stuck_key = next(key for key in "abcdefgh" if lane_of(key, 2) == 0)
    free_key = next(key for key in "abcdefgh" if lane_of(key, 2) == 1)

    def deliver(records: Sequence[Record], done: Callable[[Record], None], pause: Any) -> None:
        if records[0].partition_key == stuck_key:
            pause(3600)
        shard.accept(records, done, pause)

    shard.deliver = deliver
    shard.kinesis.put("a", "stuck", key=stuck_key)
    shard.kinesis.put("a", "free", key=free_key)

    worker = shard.start()
    # A record is pending until its lane has noted its delivery.
    eventually(lambda: shard.delivered == ["free"] and worker.pending == 1)
    assert 7 == worker.milliseconds_behind


def test_lane_with_nothing_to_do_moves_on(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that gets no records does not make every restart read the stream from its beginning."""
    monkeypatch.setattr(mapping_worker, "_IDLE_SAVE_SECONDS", 0.0)
    key = next(key for key in "abcdefgh" if lane_of(key, 2) == 1)
    (last,) = shard.kinesis.put("a", "one", key=key)

    shard.start()

    eventually(lambda: shard.positions() == {"0/2": after(last), "1/2": after(last)})


def test_closed_shard_ends_when_all_is_delivered(shard: Shard) -> None:
    """The end of the shard is saved only after its last record; its waiting window is cut short."""
    shard.mapping = replace(MAPPING, window_seconds=300)
    shard.kinesis.put("a", "one", "two", "three")
    shard.kinesis.split("a", "b")

    shard.start()
    assert shard.thread
    shard.thread.join(60)

    assert {"one", "two", "three"} == set(shard.delivered)
    assert {"0/2": SHARD_END, "1/2": SHARD_END} == shard.positions()


def test_window_gathers_records_and_a_full_batch_goes_at_once(shard: Shard) -> None:
    """With a long window only full batches are delivered."""
    shard.mapping = replace(MAPPING, window_seconds=300, lanes=1)
    shard.kinesis.put("a", *[f"p{n}" for n in range(25)], key="k")

    worker = shard.start()
    eventually(lambda: len(shard.delivered) == 20)

    assert [[10, 10]] == [[len(batch) for batch in lane] for lane in shard.batches.values()]
    assert 5 == worker.pending


def test_reading_waits_while_too_much_is_pending(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that is stuck bounds the memory: nothing more is read until it moves."""
    monkeypatch.setattr(mapping_worker, "MAX_PENDING_RECORDS", 5)
    go = threading.Event()

    def wait(records: Sequence[Record], done: Callable[[Record], None], pause: Any) -> None:
        while not go.is_set():
            pause(0.01)
        shard.accept(records, done, pause)

    shard.deliver = wait
    shard.kinesis.put("a", *[f"p{n}" for n in range(6)])
    worker = shard.start()
    eventually(lambda: worker.pending == 6)
    reads = shard.kinesis.reads
    shard.kinesis.put("a", "p6")
    assert reads == shard.kinesis.reads

    go.set()
    eventually(lambda: len(shard.delivered) == 7)


def test_stop_while_waiting_for_room(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full worker stops like any other."""
    monkeypatch.setattr(mapping_worker, "MAX_PENDING_RECORDS", 1)

    def never(records: Sequence[Record], done: Callable[[Record], None], pause: Any) -> None:
        pause(3600)

    shard.deliver = never
    shard.kinesis.put("a", "one")
    worker = shard.start()
    eventually(lambda: worker.pending == 1)
    shard.end()
    assert f"{lane_of('one', 2)}/2" not in shard.positions()


def test_unreachable_stream_is_read_again(shard: Shard) -> None:
    """A throttled or broken read costs time, not records."""
    shard.kinesis.faults.append(client_error("ProvisionedThroughputExceededException"))
    shard.kinesis.put("a", "one")
    shard.start()
    eventually(lambda: shard.delivered == ["one"])
