"""What can be wrong with what outsiders send."""

import math

_SHOWN_CHARACTERS = 100
_LARGEST_SHOWN_INTEGER = 2**63


class PayloadError(ValueError):
    """A payload that can never be used: which field, which value, and what is wanted instead.

    The message never holds the value, so that it may be logged; the value may be personal and may not.
    """

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.value = value
        self.message = message

    def as_json(self) -> dict[str, object]:
        """`{"field", "value", "message"}`, for answers and quarantine; long values are cut, containers described."""
        return {"field": self.field, "value": _shown(self.value), "message": self.message}


def _shown(value: object) -> object:
    match value:
        case None | bool():
            return value
        case str():
            return value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
        case int():
            return value if abs(value) < _LARGEST_SHOWN_INTEGER else f"an integer of {value.bit_length()} bits"
        case float():
            return value if math.isfinite(value) else str(value)
        case dict():
            return f"an object of {len(value)} members"
        case list() | tuple():
            return f"a list of {len(value)} elements"
        case bytes():
            return f"{len(value)} bytes"
    return type(value).__name__
