"""Readers of single fields: a typed value that Amazon Personalize can take, or a PayloadError that says why not.

Limits are those of the PutEvents and GetRecommendations references; botocore checks none of the upper ones.
"""

import json
import math
import re
import unicodedata
from datetime import datetime
from typing import Any

from lambdas.shared.errors import PayloadError

LONGEST_IDENTIFIER = 256
LARGEST_FLOAT = 3.4028234663852886e38
"""Numbers travel to Personalize as 32-bit floats."""

EARLIEST_TIME = 946_684_800.0
"""2000-01-01T00:00:00Z: an event before it is a wrong unit or a clock that was never set."""

DEEPEST_NESTING = 16
"""Containers within containers; how deep an interpreter would follow depends on its version."""

_TOO_DEEP = f"must not be nested deeper than {DEEPEST_NESTING} levels"
_LARGEST_INTEGER = 2**63 - 1
_EARLIEST_MILLISECONDS = EARLIEST_TIME * 1000
_NUMERIC = re.compile(r"[0-9]{1,13}(\.[0-9]{1,9})?", re.ASCII)
_LOOK_ALIKE_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Scripts whose letters pass for one another; one value uses one of them (after Unicode's UTS 39)."""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, and the code points that are printed as nothing, as a character class."""

_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def text(value: object, field: str, *, longest: int = LONGEST_IDENTIFIER) -> str:
    """`value` when it is a printable text of 1 to `longest` characters that cannot be mistaken for another."""
    if not isinstance(value, str):
        raise PayloadError(field, value, "must be a text")
    if not value:
        raise PayloadError(field, value, "must not be empty")
    if len(value) > longest:
        raise PayloadError(field, value, f"must have at most {longest} characters, has {len(value)}")
    if not value.isprintable():
        raise PayloadError(field, value, "must hold printable characters only")
    if value[0] == " " or value[-1] == " ":
        raise PayloadError(field, value, "must not begin or end with a space")
    if not value.isascii():
        _refuse_look_alikes(value, field)
    return value


def identifier(value: object, field: str, *, longest: int = LONGEST_IDENTIFIER) -> str:
    """An id given as a text or as a whole number, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(whole_number(value, field, -_LARGEST_INTEGER, _LARGEST_INTEGER))
    if not isinstance(value, str):
        raise PayloadError(field, value, "must be a text or a whole number")
    return text(value, field, longest=longest)


def whole_number(value: object, field: str, lowest: int, highest: int) -> int:
    """`value` when it is a whole number from `lowest` to `highest`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise PayloadError(field, value, f"must be a whole number from {lowest} to {highest}")
    if not lowest <= value <= highest:
        raise PayloadError(field, value, f"must be from {lowest} to {highest}")
    return value


def number(value: object, field: str) -> float:
    """`value` when it is a finite number that a 32-bit float can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PayloadError(field, value, "must be a number")
    if not -LARGEST_FLOAT <= value <= LARGEST_FLOAT:  # false for NaN too
        raise PayloadError(field, value, f"must be a finite number of at most {LARGEST_FLOAT:.4g} either way")
    return float(value)


def instant(value: object, field: str, *, latest: float) -> float:
    """A time in epoch seconds, from epoch seconds (number or text) or ISO 8601 with a zone.

    Times before the year 2000 or after `latest` are refused: they would win or lose every comparison of recency.
    """
    seconds = _seconds(value, field)
    if seconds >= _EARLIEST_MILLISECONDS:
        raise PayloadError(field, value, "must be in seconds since 1970, this looks like milliseconds")
    if not EARLIEST_TIME <= seconds <= latest:
        raise PayloadError(field, value, "must be between the year 2000 and a day after the record's arrival")
    return seconds


def members(value: object, field: str) -> dict[str, Any]:
    """`value` when it is a JSON object."""
    if not isinstance(value, dict):
        raise PayloadError(field, value, "must be a JSON object")
    return value


def elements(value: object, field: str, *, most: int) -> list[Any]:
    """`value` when it is a JSON list of at most `most` elements."""
    if not isinstance(value, list):
        raise PayloadError(field, value, "must be a list")
    if len(value) > most:
        raise PayloadError(field, value, f"must have at most {most} elements, has {len(value)}")
    return value


def parse_json(data: str | bytes | bytearray, field: str, *, longest: int) -> object:
    """The JSON value in `data` (UTF-8).

    Refuses what readers of JSON disagree about: NaN, Infinity, repeated keys, deep nesting.
    """
    if len(data) > longest:
        raise PayloadError(field, data, f"must have at most {longest} bytes, has {len(data)}")
    try:
        content = data if isinstance(data, str) else data.decode("utf-8")
        value: object = _DECODER.decode(content)
    except UnicodeDecodeError as error:
        raise PayloadError(field, data, "must be UTF-8") from error
    except RecursionError as error:
        raise PayloadError(field, data, _TOO_DEEP) from error
    except ValueError as error:
        raise PayloadError(field, data, _json_problem(error)) from error
    if content.count("[") + content.count("{") > DEEPEST_NESTING and _is_deeper(value, DEEPEST_NESTING):
        raise PayloadError(field, data, _TOO_DEEP)
    return value


def _is_deeper(value: object, levels: int) -> bool:
    """Whether containers lie in containers more than `levels` deep."""
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return False
    return any(isinstance(child, dict | list) for child in layer)


def _seconds(value: object, field: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, field)
    if not isinstance(value, str) or not value.isascii() or len(value) > 40:
        raise PayloadError(field, value, "must be epoch seconds or an ISO 8601 time with a zone")
    if _NUMERIC.fullmatch(value):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise PayloadError(field, value, "must name its zone, e.g. end with Z")
        return moment.timestamp()
    except PayloadError:
        raise
    except (ValueError, OverflowError) as error:
        raise PayloadError(field, value, "must be epoch seconds or an ISO 8601 time with a zone") from error


def _refuse_look_alikes(value: str, field: str) -> None:
    if _INVISIBLE.search(value):
        raise PayloadError(field, value, "must hold visible characters only")
    if unicodedata.category(value[0]).startswith("M"):
        raise PayloadError(field, value, "must not begin with a combining mark")
    if any(character.isdigit() and not character.isascii() for character in value):
        raise PayloadError(field, value, "must write its digits as 0 to 9")
    if not unicodedata.is_normalized("NFKC", value):
        raise PayloadError(field, value, "must be in Unicode normal form NFKC")
    names = (unicodedata.name(character, "") for character in value if character.isalpha())
    scripts = {script for name in names if (script := name.partition(" ")[0]) in _LOOK_ALIKE_SCRIPTS}
    if len(scripts) > 1:
        raise PayloadError(field, value, "must not mix letters of scripts that look alike")


def _json_problem(error: ValueError) -> str:
    match error:
        case json.JSONDecodeError():
            return f"must be JSON: {error.msg.lower()} at character {error.pos}"
        case _RefusedJsonError():
            return f"must be JSON: {error}"
    return "must be JSON: a number is too long"  # the interpreter's limit of digits, the one ValueError left


class _RefusedJsonError(ValueError):
    """JSON that Python would read and other readers would not, or would read differently."""


def _refuse_constant(name: str) -> float:
    raise _RefusedJsonError(f"{name} is not a number of JSON")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise _RefusedJsonError("an object has a key twice")
    return unique


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


def is_finite_scalar(value: object) -> bool:
    """Whether `value` is a text, a truth value or a number that JSON can carry."""
    match value:
        case bool() | str():
            return True
        case int():
            return abs(value) <= _LARGEST_INTEGER
        case float():
            return math.isfinite(value)
    return False
