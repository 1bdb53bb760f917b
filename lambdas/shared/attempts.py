"""Calls to AWS that are tried again only while trying again can help and time is left.

The SDK's own retries know neither the invocation's deadline nor a pause shorter than seconds: clients here make one
attempt a call (`clients.py`), and this module decides about the next.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

T = TypeVar("T")

INVALID_CODES = frozenset(
    ("InvalidInputException", "ValidationException", "SerializationException", "RequestEntityTooLargeException")
)
"""The request itself is wrong: the same request can never succeed."""

_HOPELESS_CODES = frozenset(
    (
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    )
)
"""Nothing is wrong with the request, but not even a second from now will it succeed."""


_UNREADABLE = (
    ResponseParserError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    HTTPException,
    OSError,
)
"""What the SDK raises for an answer that is not the service's: a proxy's page, half an answer, other JSON, a header."""


class InvalidRequestError(Exception):
    """AWS says that the request can never succeed. `message` is AWS's and may quote the request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class UnavailableError(Exception):
    """No answer in the attempts and time given; the same request may succeed later. `code` is safe to log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def refusal(error: ClientError) -> InvalidRequestError | None:
    """The error of a request that can never succeed; None for every other."""
    told = error.response.get("Error", {})
    code = str(told.get("Code", "Unknown"))
    return InvalidRequestError(code, str(told.get("Message", ""))) if code in INVALID_CODES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often to try, and how long to pause between: a random share of a pause that doubles (full jitter)."""

    most: int
    first_pause: float
    longest_pause: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def call(self, request: Callable[[], T], *, stop_at: float) -> T:
        """What `request` returns; no attempt begins after `stop_at` (in seconds of the clock).

        Raises InvalidRequestError, or UnavailableError with the code of the last attempt.
        """
        code = "OutOfTime"
        for attempt in range(self.most):
            if attempt:
                self.sleep(random.random() * min(self.longest_pause, self.first_pause * 2 ** (attempt - 1)))
            if self.clock() >= stop_at:
                break
            try:
                return request()
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", "Unknown"))
                if (refused := refusal(error)) is not None:
                    raise refused from error
                if code in _HOPELESS_CODES:
                    break
            except BotoCoreError as error:  # time-outs, resets, refused connections
                code = type(error).__name__
            except _UNREADABLE:
                code = "UnreadableAnswer"
        raise UnavailableError(code)
