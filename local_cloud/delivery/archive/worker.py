"""One shard of one delivery stream: read, buffer, store; the object's name is noted before it is written.

Firehose fills one buffer from all shards; here each shard fills its own, so that one position says exactly what has
been stored. Objects are therefore smaller by the number of shards; nothing that reads the archive can tell otherwise.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.delivery.archive.archiver import DeliveryStream
from local_cloud.delivery.archive.metrics import ArchiveMeasurements
from local_cloud.delivery.streams.buffer import Buffer
from local_cloud.delivery.streams.checkpoints import SHARD_END, Checkpoints, Intent, Position, after
from local_cloud.delivery.streams.records import Record
from local_cloud.delivery.streams.shards import ShardReader
from local_cloud.delivery.streams.stream import RETRY_SECONDS, SERVICE_ERRORS, IdlePoll, Pauses, StoppedError

LANE = "0/1"
"""The archiver's only lane of a shard."""

_NO_LIMIT = 2**31


class ArchiverShard:
    """Archives one shard until it ends or the delivery stops; what is buffered at a stop is stored first."""

    def __init__(
        self,
        stream: DeliveryStream,
        shard_id: str,
        positions: dict[str, Position],
        *,
        reader: Callable[[Position], ShardReader],
        s3: Any,
        checkpoints: Checkpoints,
        stop: threading.Event,
        time_scale: float,
        measured: ArchiveMeasurements | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._measured = measured or ArchiveMeasurements()
        self._consumer = consumer_name(stream.name)
        self._shard_id = shard_id
        self._s3 = s3
        self._checkpoints = checkpoints
        self._stop = stop
        self._clock = clock
        self._pause = Pauses(stop)
        self._shard_reader = reader(positions[LANE])
        self._buffer = Buffer(
            max_records=_NO_LIMIT,
            max_bytes=stream.buffer_bytes,
            seconds=stream.buffer_seconds * time_scale,
            size=lambda record: len(record.data) + len(stream.delimiter),
        )
        self.milliseconds_behind = 0

    @property
    def pending(self) -> int:
        """Records read and not yet stored."""
        return len(self._buffer)

    def run(self) -> None:
        try:
            ended = self._repeat_intended()
            self._archive(ended)
        except StoppedError:
            # An object whose storing was broken off comes first at the next start: nothing may be stored past it.
            if self._checkpoints.intent(self._consumer, self._shard_id) is None:
                self._store_all()
        else:
            self._checkpoints.save(self._consumer, self._shard_id, {LANE: SHARD_END})

    def _archive(self, ended: bool) -> None:
        poll = IdlePoll()
        while not ended:
            count, ended = self._read()
            while self._buffer.due_in(self._clock()) == 0:
                self._store(self._buffer.take())
            due = self._buffer.due_in(self._clock())
            idle = poll.after(count)
            self._pause(idle if due is None else min(idle, due))
        while self._buffer:
            self._store(self._buffer.take())

    def _read(self) -> tuple[int, bool]:
        try:
            read = self._shard_reader.read()
        except SERVICE_ERRORS:
            self._pause(RETRY_SECONDS)
            return 0, False
        self.milliseconds_behind = read.milliseconds_behind
        size = sum(len(record.data) for record in read.records)
        self._measured.read(self._stream.name, len(read.records), size, read.milliseconds_behind)
        self._buffer.add(read.records, self._clock())
        self._measure_waiting(self._buffer.oldest)
        return len(read.records), read.ended

    def _measure_waiting(self, oldest: Record | None) -> None:
        if oldest is not None:
            self._measured.waits(self._stream.name, time.time() - oldest.arrival)

    def _repeat_intended(self) -> bool:
        """Write again, byte for byte, the object whose storing was interrupted; whether the shard ended meanwhile."""
        intent = self._checkpoints.intent(self._consumer, self._shard_id)
        if intent is None:
            return False
        last = int(intent.last_sequence_number)
        records: list[Record] = []
        ended = False
        while not ended and not (records and records[-1].order >= last):
            try:
                read = self._shard_reader.read()
            except SERVICE_ERRORS:
                self._pause(RETRY_SECONDS)
                continue
            records += read.records
            ended = read.ended
            if not read.records:
                self._pause(RETRY_SECONDS)
        intended = [record for record in records if record.order <= last]
        if intended:
            self._put(intent.key, intended)
        self._checkpoints.fulfil(self._consumer, self._shard_id, LANE, after(intent.last_sequence_number))
        self._buffer.add([record for record in records if record.order > last], self._clock())
        return ended

    def _store(self, records: Sequence[Record]) -> None:
        intent = Intent(records[-1].sequence_number, self._stream.key(records, datetime.now(UTC)))
        self._checkpoints.intend(self._consumer, self._shard_id, intent)
        self._put(intent.key, records)
        self._checkpoints.fulfil(self._consumer, self._shard_id, LANE, after(intent.last_sequence_number))

    def _put(self, key: str, records: Sequence[Record]) -> None:
        """Store the object, however long the bucket is unreachable; a stop leaves the noted intent behind."""
        body = self._stream.body(records)
        while True:
            try:
                self._s3.put_object(Bucket=self._stream.bucket, Key=key, Body=body)
            except (BotoCoreError, ClientError):
                self._measured.refused(self._stream.name)
                self._measure_waiting(records[0])
                self._pause(RETRY_SECONDS)
            else:
                self._measured.written(self._stream.name, len(records), sum(len(record.data) for record in records))
                return

    def _store_all(self) -> None:
        """At a stop: one attempt to store what is buffered; what fails is read again at the next start."""
        try:
            while self._buffer:
                self._store(self._buffer.take())
        except StoppedError:
            return


def consumer_name(delivery_stream: str) -> str:
    """The delivery stream's name among the consumers of checkpoints (a mapping goes by its UUID)."""
    return f"delivery-stream/{delivery_stream}"
