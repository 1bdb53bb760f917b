"""Waiting for something that another program does, with an end."""

import time
from collections.abc import Callable

from tools.deploy.base.errors import DeployError


def poll(done: Callable[[], bool], *, every_seconds: float, for_seconds: float, otherwise: str) -> None:
    """Returns once `done()` is true, asking every `every_seconds`.

    Raises DeployError(otherwise) when it was not within `for_seconds`.
    """
    deadline = time.monotonic() + for_seconds
    while not done():
        if time.monotonic() >= deadline:
            raise DeployError(otherwise)
        time.sleep(every_seconds)
