"""Time as the server sees it, so that tests can move it."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time and a way to wait for it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def wait(self, changed: threading.Condition, until: float | None) -> None:
        """Wait on `changed`, which the caller holds, until it is notified or the time is `until` (None: no limit)."""
        ...


class SystemClock:
    """The computer's own time."""

    def now(self) -> float:
        return time.time()

    def wait(self, changed: threading.Condition, until: float | None) -> None:
        changed.wait(None if until is None else max(0.0, until - time.time()))


class StoppedClock:
    """One moment, for work that is to see its data as of then."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def wait(self, changed: threading.Condition, until: float | None) -> None:
        raise RuntimeError("time does not pass here")


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._waiting: set[threading.Condition] = set()

    def now(self) -> float:
        return self._now

    def wait(self, changed: threading.Condition, until: float | None) -> None:
        if until is not None and until <= self._now:
            return
        self._waiting.add(changed)
        changed.wait()

    def advance(self, seconds: float) -> None:
        """Move on, and wake whoever waits."""
        self._now += seconds
        for changed in tuple(self._waiting):
            with changed:
                changed.notify_all()
