"""The progress of a contestant's process: the child prints JSON objects, the parent turns them into sentences.

The child prints a line {"what": "training", "seconds": 20.1, "left": 64.0} while it trains (`left` only when it can be
estimated) and {"what": "answering", "done": 5000, "of": 43208, "seconds": 12.2} while it answers.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from personalize_local.engine.base import stages

REPORT_SECONDS: Final = 10.0
_ESTIMATE_AFTER: Final = 5.0
ELAPSED_SHARE: Final[Mapping[str, float]] = {
    "fitting the features": 0.0,
    "fitting the blend": 0.09,
    "fitting the parts": 0.1,
    "fitting the weights of the parts": 0.23,
    "training the networks": 0.45,
    "training the re-ranker": 0.46,
    "fitting all events": 0.87,
}
"""The share of the training time that has passed when a stage begins, as measured on a generated log of 22,000 users,
12,000 items and 200,000 events. Other logs have other shares, so the time left is only an estimate."""


class TrainingProgress:
    """Reports the time of a training during the block, and estimates the time left from the stages of the engine."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None], *, every: float = REPORT_SECONDS) -> None:
        self._send, self._every = send, every
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._left: float | None = None
        self._estimated_at = self._started
        self._thread = threading.Thread(target=self._report, name="progress", daemon=True)
        self._handler = _StageHandler(self._begin)

    def __enter__(self) -> Self:
        stages.LOGGER.addHandler(self._handler)
        stages.LOGGER.setLevel(logging.INFO)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        stages.LOGGER.removeHandler(self._handler)

    def _begin(self, stage: str) -> None:
        now = time.monotonic()
        spent, share = now - self._started, ELAPSED_SHARE.get(stage, 0.0)
        if share and spent >= _ESTIMATE_AFTER:
            self._left, self._estimated_at = spent * (1 - share) / share, now

    def _report(self) -> None:
        while not self._ended.wait(self._every):
            now = time.monotonic()
            record: dict[str, Any] = {"what": "training", "seconds": round(now - self._started, 1)}
            if self._left is not None:
                record["left"] = round(max(self._left - (now - self._estimated_at), 1.0), 1)
            self._send(record)


class AnsweringProgress:
    """Reports how many of `total` questions are answered, at most once in `every` seconds."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None], total: int, *, every: float = REPORT_SECONDS) -> None:
        self._send, self._total, self._every = send, total, every
        self._done = 0
        self._started = self._sent_at = time.monotonic()

    def add(self, number: int) -> None:
        """Count `number` more answers."""
        self._done += number
        now = time.monotonic()
        if now - self._sent_at >= self._every:
            self._sent_at = now
            record = {
                "what": "answering",
                "done": self._done,
                "of": self._total,
                "seconds": round(now - self._started, 1),
            }
            self._send(record)


def to_parent(record: Mapping[str, Any]) -> None:
    """Print one line on the standard output of the child."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def sentence(line: str) -> str | None:
    """The sentence for a line of a child's output; None when the line is not a record of progress."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    match record:
        case {"what": "training", "seconds": int() | float() as seconds, "left": int() | float() as left}:
            return f"training for {clock(seconds)}, about {clock(left)} left"
        case {"what": "training", "seconds": int() | float() as seconds}:
            return f"training for {clock(seconds)}"
        case {"what": "answering", "done": int() as done, "of": int() as of, "seconds": int() | float() as seconds}:
            left = seconds * (of - done) / max(done, 1)
            return f"{done:,} of {of:,} answers, about {clock(left)} left"
    return None


def clock(seconds: float) -> str:
    """`4:05` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _StageHandler(logging.Handler):
    def __init__(self, begin: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._begin = begin

    def emit(self, record: logging.LogRecord) -> None:
        self._begin(record.getMessage())
