"""Answers held against the service models and written as JSON, in one pass.

An answer is mostly one long list of small structures (25 to 500 items with their scores). Such a list is written by
column: each member's values go through the encoder of its type, which refuses any other type, without a step of Python
per value.
"""

from collections.abc import Callable, Mapping, Sequence
from json import JSONEncoder
from json.encoder import encode_basestring_ascii
from operator import itemgetter
from typing import Any

from local.personalize.validation import Json, Parse, compile_output

Write = Callable[[Any], str]
"""Gets a value; returns its JSON or raises AnswerError where the shape does not allow it."""

_ENCODE = JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_COLUMN: Mapping[str, Callable[[Any], str]] = {
    "string": encode_basestring_ascii,
    "double": float.__repr__,
    "float": float.__repr__,
}
"""Encoders that raise TypeError for every value of another type. Integers and booleans take the slower way."""


def compile_writer(shape: Any) -> Write:
    """A function that writes an answer of this structure without its null members.

    AnswerError says what `shape` does not allow: a defect of this server.
    """
    members: dict[str, Write] = {}
    for name, member in shape.members.items():
        columns = _columns(member)
        members[name] = _plain(member, name) if columns is None else _list(member, name, columns)
    checked = compile_output(shape)

    def write(value: Json) -> str:
        parts = []
        for name, one in value.items():
            member = members.get(name)
            if member is None:
                checked(value, "")  # raises the error that names what is unknown
            elif one is not None:
                parts.append(f'"{name}":{member(one)}')
        return "{" + ",".join(parts) + "}"

    return write


def _plain(shape: Any, name: str) -> Write:
    check: Parse = compile_output(shape)
    return lambda value: _ENCODE(check(value, name))


def _columns(shape: Any) -> Mapping[str, Callable[[Any], str]] | None:
    """The encoders of the members that can be written by column; None when `shape` is no list of structures."""
    if shape.type_name != "list" or shape.member.type_name != "structure":
        return None
    return {
        name: _COLUMN[member.type_name] for name, member in shape.member.members.items() if member.type_name in _COLUMN
    }


def _list(shape: Any, name: str, encoders: Mapping[str, Callable[[Any], str]]) -> Write:
    slowly = _plain(shape, name)

    def write(values: Sequence[Json]) -> str:
        layouts = set(map(tuple, values))
        if len(layouts) == 1:
            (layout,) = layouts
            if layout and encoders.keys() >= set(layout):
                row = "{" + ",".join(f'"{key}":%s' for key in layout) + "}"
                columns = [map(encoders[key], map(itemgetter(key), values)) for key in layout]
                try:
                    return "[" + ",".join(map(row.__mod__, zip(*columns, strict=True))) + "]"
                except TypeError:
                    pass  # null, or a type that the slower way takes or refuses by name
        return slowly(values)

    return write
