"""Whether the environment sleeps: it has no campaigns then, by its owner's will, and the popular list is the answer."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from lambdas.shared.attempts import INVALID_CODES

ASLEEP = "true"
KEPT_SECONDS = 60.0
"""How long what was read is taken for true."""

_MAY_BE_SLEEP = INVALID_CODES | {"ResourceNotFoundException"}
"""What Personalize may say of a campaign that is not there, or goes."""


class Sleep:
    """Whether the environment sleeps, from the SSM parameter that says so.

    Nothing is made or read while campaigns answer: the client too comes with the first failure, in the background.
    """

    def __init__(
        self,
        make_client: Callable[[], Any],
        parameter: str,
        *,
        threads: ThreadPoolExecutor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_client = make_client
        self._parameter = parameter
        self._threads = threads
        self._clock = clock
        self._client: Any = None
        self._known = False
        self._next_read = clock()
        self._reading: Future[bool] | None = None

    def explains(self, code: str, *, wait_seconds: float) -> bool:
        """Whether a failure of Personalize with this code is because the environment sleeps.

        Waits `wait_seconds` at most for a reading. What cannot be read is no sleep.
        """
        if not self._parameter or code not in _MAY_BE_SLEEP:
            return False
        if self._reading is None and self._clock() >= self._next_read:
            self._reading = self._threads.submit(self._read)
        if self._reading is not None:
            self._collect(self._reading, wait_seconds)
        return self._known

    def _collect(self, reading: Future[bool], wait_seconds: float) -> None:
        wait([reading], timeout=max(0.0, wait_seconds))
        if not reading.done():
            return
        # However it ended, it is over: no failure of a reading outlives its request.
        self._reading = None
        self._known = reading.exception() is None and reading.result()
        self._next_read = self._clock() + KEPT_SECONDS

    def _read(self) -> bool:
        if self._client is None:
            self._client = self._make_client()
        return bool(self._client.get_parameter(Name=self._parameter)["Parameter"]["Value"] == ASLEEP)
