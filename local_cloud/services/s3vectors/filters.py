"""Filters of QueryVectors over the metadata of vectors.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html has the operators and the types
of their operands; a text, number or boolean matches a list that holds it. Several keys in one object, and several
operators of one key, must all hold. The page does not say what `$ne` and `$nin` make of a vector without the key: here
they hold, as the opposites of `$eq` and `$in`.
"""

import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from local_cloud.services.s3vectors.metadata import is_number, is_scalar

DEEPEST = 32
"""How deep filters may be nested here; the service's own limit is not documented."""

Metadata = Mapping[str, Any]
Predicate = Callable[[Metadata], bool]

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class FilterError(ValueError):
    """A filter that the service refuses."""


def predicate(given: Any, non_filterable: Collection[str], depth: int = 0) -> Predicate:
    """What a vector's metadata must satisfy. Raises FilterError."""
    if depth >= DEEPEST:
        raise FilterError(f"filters must not be nested deeper than {DEEPEST}")
    if not isinstance(given, dict) or not given:
        raise FilterError("a filter must be an object with at least one condition")
    return _all([_part(key, value, non_filterable, depth) for key, value in given.items()])


def _part(key: str, value: Any, non_filterable: Collection[str], depth: int) -> Predicate:
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not value:
            raise FilterError(f"{key} must have a list of at least one filter")
        parts = [predicate(one, non_filterable, depth + 1) for one in value]
        return _all(parts) if key == "$and" else _any(parts)
    if key.startswith("$"):
        raise FilterError(f"unknown operator {key[:63]!r}")
    if key in non_filterable:
        raise FilterError(f"the metadata key {key!r} is not filterable")
    if not isinstance(value, dict):
        return _condition(key, "$eq", value)
    if not value:
        raise FilterError(f"the condition of {key[:63]!r} must have at least one operator")
    return _all([_condition(key, name, operand) for name, operand in value.items()])


def _condition(key: str, name: str, operand: Any) -> Predicate:
    if name in ("$eq", "$ne"):
        if not is_scalar(operand):
            raise FilterError(f"{name} of {key[:63]!r} must have a string, a number or a boolean")
        return _among(key, [operand], wanted=name == "$eq")
    if name in _ORDERS:
        if not is_number(operand):
            raise FilterError(f"{name} of {key[:63]!r} must have a number")
        compare = _ORDERS[name]
        return lambda metadata: is_number(metadata.get(key)) and compare(metadata[key], operand)
    if name in ("$in", "$nin"):
        if not isinstance(operand, list) or not operand or not all(map(is_scalar, operand)):
            raise FilterError(f"{name} of {key[:63]!r} must have a list of strings, numbers or booleans, not empty")
        return _among(key, operand, wanted=name == "$in")
    if name == "$exists":
        if not isinstance(operand, bool):
            raise FilterError(f"$exists of {key[:63]!r} must have true or false")
        return lambda metadata: (key in metadata) is operand
    raise FilterError(f"unknown operator {name[:63]!r}")


def _among(key: str, operands: list[Any], *, wanted: bool) -> Predicate:
    allowed = {_typed(operand) for operand in operands}

    def holds(metadata: Metadata) -> bool:
        value = metadata.get(key)
        values = value if isinstance(value, list) else [] if value is None else [value]
        return any(_typed(one) in allowed for one in values) is wanted

    return holds


def _typed(value: Any) -> tuple[bool, Any]:
    """Tells true from 1, which Python takes for the same."""
    return isinstance(value, bool), value


def _all(parts: list[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else lambda metadata: all(part(metadata) for part in parts)


def _any(parts: list[Predicate]) -> Predicate:
    return lambda metadata: any(part(metadata) for part in parts)
