"""Waiting in tests: until something is true, never for a time."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_LONGEST_PAUSE_SECONDS = 0.2


def eventually(
    get: Callable[[], T], wanted: Callable[[T], object] = bool, seconds: float = 60.0, *, what: str = "it"
) -> T:
    """The first value of `get` that is `wanted`: true, unless said; fails the test when none is within the deadline."""
    deadline = time.monotonic() + seconds
    for pause in pauses():
        value = get()
        if wanted(value):
            return value
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s; last value {value!r}"
        time.sleep(pause)
    raise AssertionError("there is always another pause")


def pauses() -> Iterator[float]:
    """Seconds between looks, without end: short ones first, then such as cost what is waited for no processor."""
    pause = 0.01
    while True:
        yield pause
        pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.2)
