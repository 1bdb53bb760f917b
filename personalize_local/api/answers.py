"""Answers held against the service models and written as JSON."""

from collections.abc import Callable
from typing import Any

import msgspec

from personalize_local.model.entries import Entry
from personalize_local.model.validation import Json, Parse, compile_output

Write = Callable[[Json], bytes]
"""Gets an answer; returns its JSON or raises AnswerError where the shape does not allow it."""

_ENCODE = msgspec.json.Encoder().encode


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
    every: Parse = compile_output(shape)
    if shape.type_name == "list" and shape.member.name == "PredictedItem":
        # Their type is the shape's: 500 entries are sent as they are.
        return lambda value: value if value and type(value[0]) is Entry else every(value, name)
    if shape.type_name == "string":
        return lambda value: value if type(value) is str else every(value, name)
    return lambda value: every(value, name)
