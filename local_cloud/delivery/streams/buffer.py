"""A buffer that is due by count, by size or by time: the batch window of a mapping, the buffering hints of Firehose."""

from collections import deque
from collections.abc import Callable, Iterable

from local_cloud.delivery.streams.records import Record


class Buffer:
    """Records in arrival order, taken in portions of at most `max_records` and `max_bytes`.

    A portion is due when it is full, or `seconds` after its first record was added. Times are of the caller's clock.
    Not thread-safe: the owner holds a lock.
    """

    def __init__(self, *, max_records: int, max_bytes: int, seconds: float, size: Callable[[Record], int]) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._size = size
        self._records: deque[tuple[Record, float]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def oldest(self) -> Record | None:
        """The record that was added first of those that are still here."""
        return self._records[0][0] if self._records else None

    def add(self, records: Iterable[Record], now: float) -> None:
        for record in records:
            self._records.append((record, now))
            self._bytes += self._size(record)

    def due_in(self, now: float) -> float | None:
        """Seconds until a portion is due (0 when it is), None while the buffer is empty."""
        if not self._records:
            return None
        if len(self._records) >= self._max_records or self._bytes >= self._max_bytes:
            return 0.0
        return max(0.0, self._records[0][1] + self._seconds - now)

    def take(self) -> list[Record]:
        """Remove and return the next portion; one record that is larger than the limit goes alone."""
        portion: list[Record] = []
        size = 0
        while self._records and len(portion) < self._max_records:
            record = self._records[0][0]
            if portion and size + self._size(record) > self._max_bytes:
                break
            self._records.popleft()
            size += self._size(record)
            portion.append(record)
        self._bytes -= size
        return portion
