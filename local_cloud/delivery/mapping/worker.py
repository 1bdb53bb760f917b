"""One shard of one mapping: a reader that deals records to lanes, and a thread a lane that invokes the function.

A lane takes the records whose partition key belongs to it (ParallelizationFactor lanes a shard), so that the order of
a partition key is kept while lanes go their own pace; each lane has its own position.
"""

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence

from local_cloud.delivery.mapping.settings import MAX_EVENT_BYTES, EventSourceMapping
from local_cloud.delivery.streams.buffer import Buffer
from local_cloud.delivery.streams.checkpoints import SHARD_END, Checkpoints, Position, after
from local_cloud.delivery.streams.records import Record
from local_cloud.delivery.streams.shards import ShardReader
from local_cloud.delivery.streams.stream import RETRY_SECONDS, SERVICE_ERRORS, IdlePoll, Pauses, StoppedError

MAX_PENDING_RECORDS = 20_000
MAX_PENDING_BYTES = 64 * 1024 * 1024
"""How much of a shard is held in memory; a lane that is stuck stops the reading there, not the memory's growth."""

_IDLE_SAVE_SECONDS = 1.0

Deliver = Callable[[Sequence[Record], Callable[[Record], None], Pauses], None]
"""Delivers a batch: (records, done, pause); see `mapping_retry.BatchRetry`."""


def lane_names(lanes: int) -> tuple[str, ...]:
    """Names of the lanes in checkpoints; they tell the number of lanes, because it decides who gets which record."""
    return tuple(f"{lane}/{lanes}" for lane in range(lanes))


def lane_of(partition_key: str, lanes: int) -> int:
    """The lane of a partition key; stable across processes."""
    return zlib.crc32(partition_key.encode()) % lanes


class _Lane:
    def __init__(self, name: str, position: Position, mapping: EventSourceMapping) -> None:
        self.name = name
        self.position = position
        self.pending = 0  # records added and not yet dealt with
        self.buffer = Buffer(
            max_records=mapping.batch_size,
            max_bytes=MAX_EVENT_BYTES,
            seconds=mapping.window_seconds,
            size=lambda record: record.event_bytes,
        )


class MappingShard:
    """Reads one shard and delivers its records until the shard ends or the mapping stops."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        shard_id: str,
        positions: dict[str, Position],
        *,
        reader: Callable[[Position], ShardReader],
        deliver: Deliver,
        checkpoints: Checkpoints,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mapping = mapping
        self._shard_id = shard_id
        self._lanes = [_Lane(name, positions[name], mapping) for name in lane_names(mapping.lanes)]
        self._reader = reader
        self._deliver = deliver
        self._checkpoints = checkpoints
        self._stop = stop
        self._clock = clock
        self._pause = Pauses(stop)
        self._changed = threading.Condition()
        self._ended = False
        self._pending_bytes = 0
        self._idle_saved = 0.0
        self.milliseconds_behind = 0

    @property
    def pending(self) -> int:
        """Records read and not yet delivered or discarded."""
        return sum(lane.pending for lane in self._lanes)

    def run(self) -> None:
        threads = [
            threading.Thread(target=self._run_lane, args=(lane,), name=f"{self._shard_id}/{lane.name}", daemon=True)
            for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        try:
            self._read_to_end()
        except StoppedError:
            pass
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            for thread in threads:
                thread.join()
        if not self._stop.is_set() and self.pending == 0:
            self._checkpoints.save(self._mapping.uuid, self._shard_id, {lane.name: SHARD_END for lane in self._lanes})

    # --- the reader

    def _read_to_end(self) -> None:
        reader = self._reader(min((lane.position for lane in self._lanes), key=lambda position: position.order))
        poll = IdlePoll()
        while True:
            self._wait_for_room()
            try:
                read = reader.read()
            except SERVICE_ERRORS:
                self._pause(RETRY_SECONDS)
                continue
            self.milliseconds_behind = read.milliseconds_behind
            self._deal(read.records)
            if read.ended:
                return
            self._pause(poll.after(len(read.records)))

    def _wait_for_room(self) -> None:
        with self._changed:
            while self.pending >= MAX_PENDING_RECORDS or self._pending_bytes >= MAX_PENDING_BYTES:
                if self._stop.is_set():
                    raise StoppedError
                self._changed.wait(0.2)

    def _deal(self, records: Sequence[Record]) -> None:
        if not records:
            return
        with self._changed:
            now = self._clock()
            for record in records:
                lane = self._lanes[lane_of(record.partition_key, len(self._lanes))]
                if not lane.position.covers(record.order):
                    lane.buffer.add((record,), now)
                    lane.pending += 1
                    self._pending_bytes += len(record.data)
            self._changed.notify_all()
            if now - self._idle_saved >= _IDLE_SAVE_SECONDS:
                self._idle_saved = now
                self._save_idle(records[-1])

    def _save_idle(self, last: Record) -> None:
        """Lanes with nothing pending have dealt with all that was read: a restart need not read it again."""
        idle = [lane for lane in self._lanes if lane.pending == 0 and not lane.position.covers(last.order)]
        if idle:
            for lane in idle:
                lane.position = after(last.sequence_number)
            self._checkpoints.save(self._mapping.uuid, self._shard_id, {lane.name: lane.position for lane in idle})

    # --- a lane

    def _run_lane(self, lane: _Lane) -> None:
        while batch := self._next_batch(lane):
            left = deque(batch)

            def done(record: Record, left: deque[Record] = left) -> None:
                with self._changed:
                    lane.position = after(record.sequence_number)
                    self._checkpoints.save(self._mapping.uuid, self._shard_id, {lane.name: lane.position})
                    while left and left[0].order <= record.order:
                        self._pending_bytes -= len(left.popleft().data)
                        lane.pending -= 1
                    self._changed.notify_all()

            try:
                self._deliver(batch, done, self._pause)
            except StoppedError:
                return

    def _next_batch(self, lane: _Lane) -> list[Record]:
        """The next batch when it is due; empty when there will be none."""
        with self._changed:
            while not self._stop.is_set():
                due = lane.buffer.due_in(self._clock())
                if due == 0 or (due is not None and self._ended):
                    return lane.buffer.take()
                if due is None and self._ended:
                    return []
                self._changed.wait(due)
        return []
