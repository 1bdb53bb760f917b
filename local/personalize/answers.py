"""Answers held against the service models and written as JSON.

An answer is mostly one long list of small structures (25 to 500 items with their scores). When all of them have the
same members, the list is checked by column, without a step of Python per value.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from local.personalize.validation import Json, Parse, compile_output

Write = Callable[[Json], bytes]
"""Gets an answer; returns its JSON or raises AnswerError where the shape does not allow it."""

_ENCODE = msgspec.json.Encoder().encode
_COLUMN: Mapping[str, type] = {"string": str, "double": float, "float": float}
"""Types that a whole column is held against. Integers and booleans take the slower way."""


def compile_writer(shape: Any) -> Write:
    """A function that writes an answer of this structure without its null members.

    AnswerError says what `shape` does not allow: a defect of this server.
    """
    checks = {name: _check(member, name) for name, member in shape.members.items()}
    checked = compile_output(shape)

    def write(value: Json) -> bytes:
        shown = {}
        for name, one in value.items():
            check = checks.get(name)
            if check is None:
                checked(value, "")  # raises the error that names what is unknown
            elif one is not None:
                shown[name] = check(one)
        return _ENCODE(shown)

    return write


def _check(shape: Any, name: str) -> Callable[[Any], Any]:
    slowly: Parse = compile_output(shape)
    types = _columns(shape)
    if not types:
        return lambda value: slowly(value, name)
    return lambda value: value if _plain(value, types) else slowly(value, name)


def _columns(shape: Any) -> Mapping[str, type]:
    """The types of the members that can be checked by column; none when `shape` is no list of structures."""
    if shape.type_name != "list" or shape.member.type_name != "structure":
        return {}
    return {
        name: _COLUMN[member.type_name] for name, member in shape.member.members.items() if member.type_name in _COLUMN
    }


def _plain(values: Sequence[Json], types: Mapping[str, type]) -> bool:
    """Whether all structures have the same members, each of exactly its type; False where a closer look is needed."""
    if not values:
        return True
    layout = values[0].keys()
    if not layout <= types.keys() or set(map(len, values)) != {len(layout)}:
        return False
    try:
        for name in layout:
            column = list(map(itemgetter(name), values))
            if set(map(type, column)) != {types[name]}:
                return False
            if types[name] is float and not math.isfinite(sum(column)):
                return False
    except KeyError:
        return False
    return True
