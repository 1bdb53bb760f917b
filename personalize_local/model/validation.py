"""Requests held against botocore's service models, completely; answers too.

botocore's own validator checks required members, types and minimums only, because the service checks the rest. This is
the service: maxima, patterns, enums and list sizes are enforced here. A shape is compiled once into a function, so that
a request of ten events costs some tens of microseconds.
"""

import math
from collections.abc import Callable
from typing import Any

import regex

from personalize_local.model.errors import invalid_input, serialization

Json = dict[str, Any]
Parse = Callable[[Any, str], Any]
"""Gets a decoded JSON value and the path to it; returns the value to use or raises ServiceError."""

INT32 = 2**31
LATEST = 253_402_300_800  # the first second of the year 10000, which no datetime can hold


def compile_input(shape: Any) -> Parse:
    """A function that checks a request against `shape` and returns it without unknown and null members."""
    return _Compiler().compile(shape)


class _Compiler:
    """Turns shapes into functions; a recursive shape would meet its own function."""

    def __init__(self) -> None:
        self._structures: dict[str, Parse] = {}

    def compile(self, shape: Any) -> Parse:
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "string":
                return _string(shape)
            case "integer" | "long":
                return _number(shape, whole=True)
            case "float" | "double":
                return _number(shape, whole=False)
            case "timestamp":
                return _timestamp
            case "boolean":
                return _boolean
            case other:
                raise TypeError(f"shape {shape.name} has type {other}, which the service models did not use so far")

    def _structure(self, shape: Any) -> Parse:
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: dict[str, Parse] = {}
        required = tuple(shape.required_members)

        def parse(value: Any, path: str) -> Any:
            if type(value) is not dict:
                raise _wrong_type(path, "an object")
            prefix = path + "." if path else ""
            for name in required:
                if value.get(name) is None:
                    raise _broken(prefix + name, "null", "Member must not be null")
            checked: Json = {}
            for name, given in value.items():
                member = members.get(name)
                if member is not None and given is not None:
                    checked[name] = member(given, prefix + name)
            return checked

        self._structures[shape.name] = parse
        members.update((name, self.compile(member)) for name, member in shape.members.items())
        return parse

    def _list(self, shape: Any) -> Parse:
        member = self.compile(shape.member)
        length = _length(shape.metadata)

        def parse(value: Any, path: str) -> Any:
            if type(value) is not list:
                raise _wrong_type(path, "a list")
            length(value, path)
            if None in value:
                raise _broken(path, value, "Member must not hold null")
            return [member(one, f"{path}.{number}.member") for number, one in enumerate(value, 1)]

        return parse

    def _map(self, shape: Any) -> Parse:
        key, member = self.compile(shape.key), self.compile(shape.value)
        length = _length(shape.metadata)

        def parse(value: Any, path: str) -> Any:
            if type(value) is not dict:
                raise _wrong_type(path, "an object")
            length(value, path)
            return {
                key(name, f"{path}.key"): member(one, f"{path}.{name}.member")
                for name, one in value.items()
                if one is not None
            }

        return parse


def _length(metadata: Json) -> Callable[[Any, str], None]:
    least, most = metadata.get("min", 0), metadata.get("max", math.inf)

    def check(value: Any, path: str) -> None:
        if len(value) > most:
            raise _broken(path, value, f"Member must have length less than or equal to {most}")
        if len(value) < least:
            raise _broken(path, value, f"Member must have length greater than or equal to {least}")

    return check


def _string(shape: Any) -> Parse:
    length = _length(shape.metadata)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
    # A whole match: most patterns of these models have no anchor at the end and would otherwise allow anything there.
    pattern = shape.metadata.get("pattern")
    matches = regex.compile(pattern, regex.V1).fullmatch if pattern else None
    allowed = frozenset(shape.enum)

    def parse(value: Any, path: str) -> Any:
        if type(value) is not str:
            raise _wrong_type(path, "a string")
        if not least <= len(value) <= most:
            length(value, path)
        if allowed and value not in allowed:
            raise _broken(path, value, f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]")
        if matches is not None and matches(value) is None:
            raise _broken(path, value, f"Member must satisfy regular expression pattern: {pattern}")
        if not value.isascii():
            _encodable(value, path)
        return value

    return parse


def _encodable(value: str, path: str) -> None:
    """JSON can escape half of a surrogate pair, which no UTF-8 file, database or answer can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise serialization(f"{path or 'the body'} holds half of a surrogate pair") from None


def _number(shape: Any, *, whole: bool) -> Parse:
    least, most = shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)
    types = (int,) if whole else (int, float)
    expected = "an integer" if whole else "a number"

    def parse(value: Any, path: str) -> Any:
        if type(value) not in types:
            raise _wrong_type(path, expected)
        if whole and not -INT32 <= value < INT32:
            raise serialization(f"{path} must fit into 32 bits")
        if not whole:
            value = _finite(value, path)
        if value > most:
            raise _broken(path, value, f"Member must have value less than or equal to {most}")
        if value < least:
            raise _broken(path, value, f"Member must have value greater than or equal to {least}")
        return value

    return parse


def _finite(value: float, path: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise serialization(f"{path} must be a finite number")
    return number


def _timestamp(value: Any, path: str) -> float:
    if type(value) not in (int, float):
        raise _wrong_type(path, "a timestamp in seconds since the epoch")
    if not 0 <= value < LATEST:
        raise invalid_input(f"Value '{value}' at '{path}' is not a time in seconds between the years 1970 and 9999")
    return float(value)


def _boolean(value: Any, path: str) -> bool:
    if type(value) is not bool:
        raise _wrong_type(path, "true or false")
    return value


def _wrong_type(path: str, expected: str) -> Exception:
    return serialization(f"{path or 'the body'} must be {expected}")


def _broken(path: str, value: Any, constraint: str) -> Exception:
    shown = str(value) if not isinstance(value, list | dict) else f"{len(value)} entries"
    if len(shown) > 100:
        shown = f"{shown[:100]}…"
    return invalid_input(
        f"1 validation error detected: Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"
    )


class AnswerError(Exception):
    """An answer that the service model does not allow: a defect of this server."""


def compile_output(shape: Any) -> Parse:
    """A function that returns an answer without None, or raises AnswerError where `shape` does not allow it."""
    match shape.type_name:
        case "structure":
            members = {name: compile_output(member) for name, member in shape.members.items()}

            def structure(value: Any, path: str) -> Any:
                if not value.keys() <= members.keys():
                    raise AnswerError(f"{path or 'the answer'} has no {sorted(value.keys() - members.keys())}")
                return {name: members[name](one, name) for name, one in value.items() if one is not None}

            return structure
        case "list":
            member = compile_output(shape.member)
            return lambda value, path: [member(one, path) for one in value]
        case "map":
            member = compile_output(shape.value)
            return lambda value, path: {name: member(one, path) for name, one in value.items()}
        case type_name:
            types = _ANSWER_TYPES[type_name]

            def scalar(value: Any, path: str) -> Any:
                if type(value) not in types:
                    raise AnswerError(f"{path} must be {type_name}, not {type(value).__name__}")
                if type(value) is float and not math.isfinite(value):
                    raise AnswerError(f"{path} must be a finite number, not {value}")
                return value

            return scalar


_ANSWER_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "double": (float, int),
    "float": (float, int),
    "timestamp": (float, int),
    "boolean": (bool,),
}
