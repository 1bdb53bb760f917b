"""Waiting in tests: until something is true, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(get: Callable[[], T], *, seconds: float = 60.0, what: str = "it") -> T:
    """The first true value of `get`; fails the test when there is none within the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = get()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s; last value {value!r}"
        time.sleep(0.02)
