"""Whether a check refuses what it is given: for tests that say what passes."""

from collections.abc import Callable
from typing import Any


def refusal(error: type[Exception], check: Callable[..., object], *given: Any, **named: Any) -> str:
    """The message of the `error` that `check` raises, or "" where it takes what it is given."""
    try:
        check(*given, **named)
    except error as refused:
        return str(refused) or type(refused).__name__
    return ""
