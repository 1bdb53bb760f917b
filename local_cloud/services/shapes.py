"""Values held against the shapes of a botocore service model: what is missing, unknown, of a wrong type or size.

botocore's own validator checks what a client sends; a server has to check again, and more strictly: patterns, lengths,
enumerations and members that no shape has.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from local_cloud.services.errors import FieldProblem

_FLOAT32_MAX = 3.4028234663852886e38
_NUMBERS = {int, float}


def problems(shape: Any, value: Any, path: str = "") -> Iterator[FieldProblem]:
    """Each rule of a shape that a value breaks; members that are null count as absent."""
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return
        case "structure":
            yield from _of_structure(shape, value, path)
        case "list":
            yield from _of_list(shape, value, path)
        case "map":
            yield from _of_map(shape, value, path)
        case "string":
            yield from _of_text(shape, value, path)
        case "integer" | "long":
            yield from _of_integer(shape, value, path)
        case "float" | "double" | "timestamp":
            yield from _of_number(shape, value, path)
        case "boolean" if not isinstance(value, bool):
            yield _wrong(path, "Member must be a boolean")


def without_nulls(shape: Any, value: Any) -> Any:
    """A value that keeps to its shape, without members that are null; documents stay as they are."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            given = {name: item for name, item in value.items() if item is not None}
            return {name: without_nulls(shape.members[name], item) for name, item in given.items()}
        case "list" if shape.member.type_name in ("structure", "list", "map"):
            return [without_nulls(shape.member, item) for item in value]
    return value


def _of_structure(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "Member must be an object")
        return
    given = {name: item for name, item in value.items() if item is not None}
    for name in shape.required_members:
        if name not in given:
            yield _wrong(f"{path}/{name}", "Member must not be null")
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        yield _wrong(path, "Exactly one member must be set")
    for name, item in given.items():
        if name not in shape.members:
            yield FieldProblem(f"{path}/{name}", f"Unknown parameter at '{path}/{name}'")
        else:
            yield from problems(shape.members[name], item, f"{path}/{name}")


def _of_list(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if not isinstance(value, list):
        yield _wrong(path, "Member must be a list")
        return
    yield from _of_length(shape, len(value), path)
    if shape.member.type_name == "float" and _is_all_float32(value):
        return
    for place, item in enumerate(value):
        yield from problems(shape.member, item, f"{path}/{place}")


def _is_all_float32(values: list[Any]) -> bool:
    """Whether a list of numbers is fine as a whole: a request has up to two million of them."""
    return set(map(type, values)) <= _NUMBERS and all(-_FLOAT32_MAX <= value <= _FLOAT32_MAX for value in values)


def _of_map(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "Member must be an object")
        return
    yield from _of_length(shape, len(value), path)
    for key, item in value.items():
        yield from problems(shape.key, key, f"{path}/{key}")
        yield from problems(shape.value, item, f"{path}/{key}")


def _of_text(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if not isinstance(value, str):
        yield _wrong(path, "Member must be a string")
        return
    sizes = list(_of_length(shape, len(value), path))
    yield from sizes
    rules = shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        yield _wrong(path, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    # A text that is too long is not held against the pattern too: it could be as long as a request may be.
    if "pattern" in rules and not sizes and not compiled(rules["pattern"]).fullmatch(value):
        yield _wrong(path, f"Member must satisfy regular expression pattern: {rules['pattern']}")


def _of_integer(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong(path, "Member must be an integer")
        return
    bits = 32 if shape.type_name == "integer" else 64
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        yield _wrong(path, f"Member must be an integer of {bits} bits")
        return
    yield from _of_range(shape, value, path)


def _of_number(shape: Any, value: Any, path: str) -> Iterator[FieldProblem]:
    if type(value) not in _NUMBERS or not _is_finite(value):
        yield _wrong(path, "Member must be a finite number")
    elif shape.type_name == "float" and not -_FLOAT32_MAX <= value <= _FLOAT32_MAX:
        yield _wrong(path, "Member must be a 32-bit floating point number")
    elif shape.type_name != "timestamp":
        yield from _of_range(shape, value, path)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a double holds
        return False


def _of_length(shape: Any, length: int, path: str) -> Iterator[FieldProblem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield _wrong(path, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        yield _wrong(path, f"Member must have length less than or equal to {most}")


def _of_range(shape: Any, value: float, path: str) -> Iterator[FieldProblem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _wrong(path, f"Member must be greater than or equal to {least}")
    if most is not None and value > most:
        yield _wrong(path, f"Member must be less than or equal to {most}")


def _wrong(path: str, rule: str) -> FieldProblem:
    return FieldProblem(path or "/", f"Value at '{path or '/'}' failed to satisfy constraint: {rule}")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of AWS's (Java's dialect) as Python reads it."""
    translated = pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000")
    # Pairs of surrogates: Python's texts have whole characters.
    return re.compile(translated.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff"))
