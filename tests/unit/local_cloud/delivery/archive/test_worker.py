"""One shard of a delivery stream: when objects are stored, and that each record is in exactly one."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_cloud.delivery.archive import worker as archiver_worker
from local_cloud.delivery.archive.archiver import DeliveryStream
from local_cloud.delivery.archive.metrics import ArchiveMeasurements
from local_cloud.delivery.archive.worker import LANE, ArchiverShard, consumer_name
from local_cloud.delivery.streams.checkpoints import SHARD_END, TRIM_HORIZON, Checkpoints, Intent, Position, after
from local_cloud.delivery.streams.shards import ShardReader
from tests.deadline import eventually
from tests.unit.local_cloud.delivery.fakes import STREAM, FakeKinesis, client_error

STREAM_OF_LINES = DeliveryStream(
    name="archive",
    stream_arn=STREAM,
    bucket="archive",
    prefix="events/",
    buffer_bytes=1_000_000,
    buffer_seconds=300,
    compression="UNCOMPRESSED",
    extension="",
    delimiter=b"\n",
)


class Killed(BaseException):
    """Stands for `kill -9` at that very call."""


class FakeBucket:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.away_until: threading.Event | None = None
        self.refused = 0

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - AWS's own names
        assert Bucket == "archive"
        if self.away_until and not self.away_until.is_set():
            self.refused += 1
            raise client_error("ServiceUnavailable")
        if self.before:
            raise self.before.pop(0)
        self.objects[Key] = Body
        if self.after:
            raise self.after.pop(0)

    @property
    def lines(self) -> list[str]:
        return sorted(line for body in self.objects.values() for line in body.decode().splitlines())


class Shard:
    def __init__(self, tmp_path: Path) -> None:
        self.kinesis = FakeKinesis("a")
        self.bucket = FakeBucket()
        self.checkpoints = Checkpoints(tmp_path / "c.sqlite")
        self.stream = STREAM_OF_LINES
        self.stop = threading.Event()
        self.time_scale = 0.0
        self.measured: Measured | None = None
        self.thread: threading.Thread | None = None

    def worker(self) -> ArchiverShard:
        saved = self.checkpoints.positions(consumer_name("archive")).get("a", {LANE: TRIM_HORIZON})
        return ArchiverShard(
            self.stream,
            "a",
            saved,
            reader=lambda position: ShardReader(self.kinesis, STREAM, "a", position),
            s3=self.bucket,
            checkpoints=self.checkpoints,
            stop=self.stop,
            time_scale=self.time_scale,
            measured=self.measured,
        )

    def start(self) -> ArchiverShard:
        worker = self.worker()
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

    def position(self) -> Position | None:
        return self.checkpoints.positions(consumer_name("archive")).get("a", {}).get(LANE)

    def intent(self) -> Intent | None:
        return self.checkpoints.intent(consumer_name("archive"), "a")


@pytest.fixture
def shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shard]:
    monkeypatch.setattr(archiver_worker, "RETRY_SECONDS", 0.01)
    made = Shard(tmp_path)
    yield made
    made.end()
    made.checkpoints.close()


def test_interval_stores_what_came(shard: Shard) -> None:
    """When the interval has passed the buffer is one object, and the position stands behind it."""
    *_, last = shard.kinesis.put("a", "one", "two")
    shard.start()
    eventually(lambda: shard.position() == after(last))
    assert ["one", "two"] == shard.bucket.lines
    assert shard.intent() is None


def test_size_stores_before_the_interval(shard: Shard) -> None:
    """A full buffer does not wait; what is not full does."""
    shard.stream = replace(STREAM_OF_LINES, buffer_bytes=8)
    shard.time_scale = 1000.0
    shard.kinesis.put("a", "one", "two", "six")
    worker = shard.start()
    eventually(lambda: shard.bucket.lines == ["one", "two"])
    assert 1 == worker.pending
    assert 7 == worker.milliseconds_behind


def test_stop_stores_the_buffer(shard: Shard) -> None:
    """A clean stop leaves nothing behind that a restart would have to read again."""
    shard.time_scale = 1000.0
    (last,) = shard.kinesis.put("a", "one")
    worker = shard.start()
    eventually(lambda: worker.pending == 1)
    shard.end()
    assert (["one"], after(last)) == (shard.bucket.lines, shard.position())


def test_stop_with_the_bucket_away_leaves_a_note_that_the_next_start_fulfils(shard: Shard) -> None:
    """A stop does not wait for ever for S3; the records are stored at the next start, under the noted name."""
    shard.time_scale = 1000.0
    shard.kinesis.put("a", "one")
    worker = shard.start()
    eventually(lambda: worker.pending == 1)
    shard.bucket.before = [client_error("ServiceUnavailable")]
    shard.end()
    noted = shard.intent()
    assert noted is not None
    assert {} == shard.bucket.objects

    shard.start()
    eventually(lambda: shard.bucket.objects)
    assert [noted.key] == list(shard.bucket.objects)


def test_stop_while_the_bucket_is_away_stores_nothing_past_what_is_not_stored(shard: Shard) -> None:
    """Later records must not move the position over earlier ones that were not stored."""
    shard.stream = replace(STREAM_OF_LINES, buffer_bytes=8)
    shard.time_scale = 1000.0
    shard.bucket.away_until = shard.stop  # it is back at the very moment of the stop
    *_, last = shard.kinesis.put("a", "one", "two", "six", "ten")
    shard.start()
    eventually(lambda: shard.bucket.refused)
    shard.end()
    assert {} == shard.bucket.objects

    shard.bucket.away_until = None
    shard.start()
    eventually(lambda: shard.position() == after(last))
    assert ["one", "six", "ten", "two"] == shard.bucket.lines


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill_around_the_write_archives_each_record_once(shard: Shard, moment: str) -> None:
    """Killed just before or just after the object was written, a restart leaves every record in exactly one object,
    though more records have come since."""
    *_, last = shard.kinesis.put("a", "one", "two")
    getattr(shard.bucket, moment).append(Killed())
    with pytest.raises(Killed):
        shard.worker().run()
    assert shard.position() is None
    *_, newest = shard.kinesis.put("a", "three", "four")

    shard.start()
    eventually(lambda: shard.position() == after(newest))

    assert sorted(["one", "two", "three", "four"]) == shard.bucket.lines
    assert {b"one\ntwo\n", b"three\nfour\n"} == set(shard.bucket.objects.values())
    assert int(last) < int(newest)


def test_noted_records_that_the_stream_no_longer_has_are_let_go(shard: Shard) -> None:
    """Retention may pass while the archiver is down: the note must not block the shard for ever."""
    shard.checkpoints.save(consumer_name("archive"), "a", {LANE: after("1")})
    shard.checkpoints.intend(consumer_name("archive"), "a", Intent("5", "events/gone"))
    shard.kinesis.split("a", "b")

    shard.worker().run()

    assert {} == shard.bucket.objects
    assert (None, SHARD_END) == (shard.intent(), shard.position())


def test_reads_and_writes_are_tried_again(shard: Shard) -> None:
    """Throttled reads and a bucket that says no cost time, not records; nothing is stored twice."""
    shard.kinesis.faults = [client_error("ProvisionedThroughputExceededException")]
    shard.bucket.before = [client_error("SlowDown"), client_error("SlowDown")]
    (last,) = shard.kinesis.put("a", "one")
    shard.start()
    eventually(lambda: shard.position() == after(last))
    assert 1 == len(shard.bucket.objects)


def test_closed_shard_is_stored_to_its_end(shard: Shard) -> None:
    """The end of a shard does not wait for the interval."""
    shard.time_scale = 1000.0
    shard.kinesis.put("a", "one")
    shard.kinesis.split("a", "b")
    shard.worker().run()
    assert (["one"], SHARD_END) == (shard.bucket.lines, shard.position())


def test_recovery_waits_for_records_that_are_slow_to_come(shard: Shard) -> None:
    """A noted object is written only when all its records have been read."""
    shard.checkpoints.intend(consumer_name("archive"), "a", Intent("2", "events/noted"))
    shard.kinesis.faults = [client_error("InternalFailure")]
    shard.kinesis.put("a", "one")
    worker: Any = shard.start()
    eventually(lambda: shard.kinesis.reads > 2)
    assert {} == shard.bucket.objects
    shard.kinesis.put("a", "two")
    eventually(lambda: shard.bucket.objects == {"events/noted": b"one\ntwo\n"})
    assert 0 == worker.pending


class Measured(ArchiveMeasurements):
    """Keeps what was measured as sentences."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.oldest = 0.0

    def read(self, stream: str, records: int, size: int, milliseconds_behind: float) -> None:
        if records:
            self.told.append(f"{stream} read {records} of {size} bytes")

    def waits(self, stream: str, seconds: float) -> None:
        self.oldest = max(self.oldest, seconds)

    def refused(self, stream: str) -> None:
        if self.told[-1] != f"{stream} refused":
            self.told.append(f"{stream} refused")

    def written(self, stream: str, records: int, size: int) -> None:
        self.told.append(f"{stream} wrote {records} of {size} bytes")


def test_what_is_read_refused_and_written_is_measured(shard: Shard) -> None:
    """And how long the oldest record waits, while its object is refused: its age, not the attempt's."""
    shard.measured = Measured()
    shard.bucket.away_until = threading.Event()
    *_, last = shard.kinesis.put("a", "one", "two")
    shard.start()
    eventually(lambda: shard.bucket.refused > 3)
    shard.bucket.away_until.set()
    eventually(lambda: shard.position() == after(last))
    assert ["archive read 2 of 6 bytes", "archive refused", "archive wrote 2 of 6 bytes"] == shard.measured.told
    assert shard.measured.oldest > 1_000_000  # the fake stream's records arrived long ago
