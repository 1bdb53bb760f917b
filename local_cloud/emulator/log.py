"""Records of Kinesis in the emulator: in a file for each shard instead of in memory.

MiniStack keeps every record as an object until its retention is over, goes through all of them at every call, and
copies all of them at every save of its state: a million records are a gigabyte, and calls get slower with each. Here
a shard's records are lines of a file below the state folder, of which memory holds the places; a save names the file.
Of a stream that was saved once, no record that a producer was told is taken is lost by `kill -9` of the emulator.
"""

import bisect
import json
import os
import threading
import time
import uuid
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

Record = dict[str, Any]

_ARRIVAL = "ApproximateArrivalTimestamp"
_FILE = "record_log"
_ITERATORS_LOOK_SECONDS = 1.0
_NUMBERS_A_MILLISECOND = 10**10


class SequenceNumbers:
    """Makes the sequence number of each new record: higher than all before it, also when the clock is set back.

    MiniStack's are the clock's milliseconds with a counter behind them. A record with a lower number than its
    predecessor would lie before the place that a consumer has reached, and be passed over.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, int(self._clock() * 1000) * _NUMBERS_A_MILLISECOND)
            return f"{self._last:030}"

    def follow(self, number: str) -> None:
        """Stay above a number that was given before this process began."""
        with self._lock:
            self._last = max(self._last, int(number))


class RecordLog(Sequence[Record]):
    """A shard's records, oldest first, as MiniStack uses its list of them. Not thread-safe, as MiniStack's is not.

    `file` is appended to; what it holds already is read. A last line that was cut off when the emulator was killed was
    never acknowledged, and is dropped.
    """

    def __init__(self, file: Path, first: int = 0) -> None:
        self.file = file
        self._first = first
        self._oldest: float | None = None
        """Arrival of the first record, once it was looked up."""
        self._starts = array("Q", [0])
        """Where each line starts, and at the end where the next one will."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with file.open("rb") as content:
            for line in content:
                if line.endswith(b"\n"):
                    self._starts.append(self._starts[-1] + len(line))
        os.ftruncate(self._descriptor, self._starts[-1])
        self._newest = float(self[-1][_ARRIVAL]) if len(self) else 0.0

    def append(self, record: Record) -> None:
        """Add a record. Where the clock was set back it arrives when its predecessor did: arrivals rise."""
        self._newest = max(self._newest, record[_ARRIVAL])
        if record[_ARRIVAL] < self._newest:
            record = record | {_ARRIVAL: self._newest}
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        written = 0
        while written < len(line):
            written += os.pwrite(self._descriptor, line[written:], self._starts[-1] + written)
        self._starts.append(self._starts[-1] + len(line))

    def expire(self, oldest: float) -> int:
        """Forget the records that arrived before `oldest` (epoch seconds); how many they were."""
        first = self._first
        while len(self):
            if self._oldest is None:
                self._oldest = float(self[0][_ARRIVAL])
            if self._oldest >= oldest:
                break
            self._first += 1
            self._oldest = None
        return self._first - first

    def close(self) -> None:
        """Release the file and remove it."""
        os.close(self._descriptor)
        self.file.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._starts) - 1 - self._first

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return self._read(start, max(start, stop))[::step]
        index = place + len(self) if place < 0 else place
        if not 0 <= index < len(self):
            raise IndexError("no such record")
        return self._read(index, index + 1)[0]

    def __iter__(self) -> Iterator[Record]:
        for start in range(0, len(self), 1000):
            yield from self._read(start, min(start + 1000, len(self)))

    def _read(self, start: int, stop: int) -> list[Record]:
        begin, end = self._starts[self._first + start], self._starts[self._first + stop]
        content = os.pread(self._descriptor, end - begin, begin)
        return [json.loads(line) for line in content.splitlines()]

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        """What a save of the state keeps in the records' place."""
        return {_FILE: str(self.file), "first": self._first}


def install(folder: Path) -> None:
    """Puts the logs, below `folder`, in the place of MiniStack's lists."""
    from ministack.services import kinesis

    numbers = SequenceNumbers()

    def expire_records(stream: dict[str, Any]) -> None:
        """Called by MiniStack before it touches a stream's records."""
        oldest = time.time() - stream["RetentionPeriodHours"] * 3600
        for name, shard in stream["shards"].items():
            if not isinstance(shard["records"], RecordLog):
                shard["records"] = log = _log(folder, shard["records"])
                if log:
                    numbers.follow(log[-1]["SequenceNumber"])
            if forgotten := shard["records"].expire(oldest):
                _move_iterators(kinesis._shard_iterators, stream["StreamName"], name, forgotten)

    kinesis._next_sequence_number = numbers
    kinesis._expire_records = expire_records
    kinesis._start_position = start_position
    kinesis._expire_iterators = now_and_then(kinesis._expire_iterators)
    kinesis._delete_stream = _removing_logs(kinesis, kinesis._delete_stream)


def _move_iterators(iterators: Mapping[str, dict[str, Any]], stream: str, shard: str, forgotten: int) -> None:
    """Let a shard's iterators point to the same records as before: MiniStack counts from the oldest that is left.

    A reader at the end would otherwise pass over as many new records as old ones were forgotten.
    """
    for state in iterators.values():
        if (state["stream"], state["shard_id"]) == (stream, shard):
            state["position"] = max(0, state["position"] - forgotten)


def _log(folder: Path, records: list[Record] | dict[str, Any]) -> RecordLog:
    """The log of a new shard's list, or of what a save kept of a log."""
    if isinstance(records, dict):
        return RecordLog(Path(records[_FILE]), records["first"])
    log = RecordLog(folder / f"{uuid.uuid4()}.jsonl")
    for record in records:
        log.append(record)
    return log


def start_position(records: Sequence[Record], kind: str, sequence_number: str, timestamp: Any) -> int | None:
    """Where an iterator starts: the index into `records`, None for an unknown type.

    Sequence numbers and arrivals rise, so the place is found by halving.
    """
    match kind:
        case "TRIM_HORIZON":
            return 0
        case "LATEST":
            return len(records)
        case "AT_SEQUENCE_NUMBER":
            return bisect.bisect_left(records, int(sequence_number), key=lambda r: int(r["SequenceNumber"]))
        case "AFTER_SEQUENCE_NUMBER":
            return bisect.bisect_right(records, int(sequence_number), key=lambda r: int(r["SequenceNumber"]))
        case "AT_TIMESTAMP":
            return bisect.bisect_left(records, float(timestamp), key=lambda r: float(r[_ARRIVAL]))
    return None


def now_and_then(expire: Callable[[], None], *, clock: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Once a second instead of at each call: there are thousands of iterators, five minutes old at most."""
    due = clock()

    def expire_iterators() -> None:
        nonlocal due
        now = clock()
        if now >= due:
            due = now + _ITERATORS_LOOK_SECONDS
            expire()

    return expire_iterators


def _removing_logs(kinesis: Any, delete: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def delete_stream(request: dict[str, Any]) -> Any:
        _, stream = kinesis._resolve_stream(request)
        logs = [shard["records"] for shard in stream["shards"].values()] if stream else []
        answer = delete(request)
        if answer[0] == 200:
            for log in logs:
                if isinstance(log, RecordLog):
                    log.close()
        return answer

    return delete_stream
