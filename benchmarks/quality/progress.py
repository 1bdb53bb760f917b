"""How far a contestant's process is: one JSON object a line from the child, one sentence a few seconds for a person.

The child says {"what": "training", "seconds": 20.1, "left": 64.0} while it trains (`left` only where it can be known)
and {"what": "answering", "done": 5000, "of": 43208, "seconds": 12.2} while it answers.
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

EVERY_SECONDS: Final = 10.0
_ESTIMATE_AFTER: Final = 5.0
REACHED: Final[Mapping[str, float]] = {
    "reading most visitors": 0.0,
    "weighing what was read": 0.09,
    "fitting the parts": 0.1,
    "weighing the parts": 0.23,
    "training networks": 0.45,
    "teaching the re-ranker": 0.46,
    "reading all events": 0.87,
}
"""The share of a training's time that lies behind it when a stage begins, as measured on a made log of 22,000 visitors,
12,000 items and 200,000 events; on others it differs, so what is left is said to be about so much."""


class Training:
    """Tells how long a training takes, while the block runs; estimates what is left from the stages of the engine."""

    def __init__(self, say: Callable[[Mapping[str, Any]], None], *, every: float = EVERY_SECONDS) -> None:
        self._say, self._every = say, every
        self._over = threading.Event()
        self._began = time.monotonic()
        self._left: float | None = None
        self._estimated_at = self._began
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)
        self._handler = _Stages(self._reached)

    def __enter__(self) -> Self:
        stages.LOGGER.addHandler(self._handler)
        stages.LOGGER.setLevel(logging.INFO)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        stages.LOGGER.removeHandler(self._handler)

    def _reached(self, stage: str) -> None:
        now = time.monotonic()
        spent, share = now - self._began, REACHED.get(stage, 0.0)
        if share and spent >= _ESTIMATE_AFTER:
            self._left, self._estimated_at = spent * (1 - share) / share, now

    def _tell(self) -> None:
        while not self._over.wait(self._every):
            now = time.monotonic()
            said: dict[str, Any] = {"what": "training", "seconds": round(now - self._began, 1)}
            if self._left is not None:
                said["left"] = round(max(self._left - (now - self._estimated_at), 1.0), 1)
            self._say(said)


class Answering:
    """Tells how many of `total` questions are answered, at most once in `every` seconds."""

    def __init__(self, say: Callable[[Mapping[str, Any]], None], total: int, *, every: float = EVERY_SECONDS) -> None:
        self._say, self._total, self._every = say, total, every
        self._done = 0
        self._began = self._told = time.monotonic()

    def add(self, number: int) -> None:
        """So many more were answered."""
        self._done += number
        now = time.monotonic()
        if now - self._told >= self._every:
            self._told = now
            said = {"what": "answering", "done": self._done, "of": self._total, "seconds": round(now - self._began, 1)}
            self._say(said)


def to_parent(said: Mapping[str, Any]) -> None:
    """One line on the standard output of the child."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def sentence(line: str) -> str | None:
    """What a line of a child says, for a person; None when it is no line of progress."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    match said:
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


class _Stages(logging.Handler):
    def __init__(self, reached: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._reached = reached

    def emit(self, record: logging.LogRecord) -> None:
        self._reached(record.getMessage())
