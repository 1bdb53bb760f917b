"""From when on this environment's event ids are digests; read again and again only while an upgrade is under way."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from lambdas.shared.attempts import Attempts
from lambdas.shared.clients import ssm_client
from lambdas.shared.event_ids import ALWAYS, digests_from

READ_AGAIN_SECONDS = 5.0
"""`tools/deploy/event_ids.py` fixes the moment farther ahead than this: each process knows it before it comes."""


class ChangeOfIds:
    """The moment that the function's environment names, or, while that says `pending`, that the parameter names."""

    def __init__(
        self, value: str, parameter: str, ssm: Any, attempts: Attempts, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._moment = digests_from(value)
        self._parameter = parameter
        self._ssm = ssm
        self._attempts = attempts
        self._clock = clock
        self._next_read = -math.inf

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """What the function's environment variables say; only an upgrade needs a client."""
        value = environment.get("EVENT_IDS_FROM", ALWAYS)
        ssm = ssm_client() if digests_from(value) == math.inf else None
        attempts = Attempts(most=3, first_pause=0.05, longest_pause=0.5)
        return cls(value, environment.get("EVENT_IDS_PARAMETER", ""), ssm, attempts)

    def moment(self, *, stop_at: float) -> float:
        """The moment in epoch seconds; infinite while it is not fixed.

        Raises UnavailableError or InvalidRequestError when the parameter cannot be read: without it nobody knows under
        which id an event counts.
        """
        if self._moment == math.inf and self._clock() >= self._next_read:
            answer = self._attempts.call(lambda: self._ssm.get_parameter(Name=self._parameter), stop_at=stop_at)
            self._moment = digests_from(answer["Parameter"]["Value"])
            self._next_read = self._clock() + READ_AGAIN_SECONDS
        return self._moment
