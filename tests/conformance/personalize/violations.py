"""What a service model forbids, one broken rule at a time."""

from collections.abc import Iterator
from typing import Any

import regex

_SAMPLES = {
    "Arn": "arn:aws:personalize:us-east-1:000000000000:solution/a",
    "RoleArn": "arn:aws:iam::000000000000:role/a",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/a",
    "S3Location": "s3://bucket/a",
    "SchedulingExpression": "rate(3 days)",
    "ParameterName": "a",
}
"""Values that a shape's pattern allows, where `a` is none."""
_NO_PATTERN_HOLDS = ("\u00fc ~\n", "", "-", " ")


def sample(shape: Any) -> Any:
    """A small value that the shape allows."""
    match shape.type_name:
        case "structure":
            return {name: sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [sample(shape.member)] * max(1, shape.metadata.get("min", 0))
        case "map":
            return {sample(shape.key): sample(shape.value)}
        case "string":
            if shape.enum:
                return shape.enum[0]
            return _SAMPLES.get(shape.name, "a" * max(1, shape.metadata.get("min", 0)))
        case "boolean":
            return True
        case _:
            return max(1, shape.metadata.get("min", 1))


def violations(shape: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Values that the shape forbids, each with where and what; everything else about them is allowed."""
    match shape.type_name:
        case "structure":
            yield f"{path}: text for an object", "text"
            yield from _of_members(shape, path)
        case "list":
            yield f"{path}: an object for a list", {}
            yield from _lengths(shape, path, lambda count: [sample(shape.member)] * count)
            yield from ((where, [value]) for where, value in violations(shape.member, f"{path}[]"))
        case "map":
            yield f"{path}: a list for an object", []
            yield from _lengths(
                shape, path, lambda count: {f"a{number}": sample(shape.value) for number in range(count)}
            )
            keys = (one for one in violations(shape.key, f"{path} key") if isinstance(one[1], str))
            yield from ((where, {key: sample(shape.value)}) for where, key in keys)
            yield from (
                (where, {sample(shape.key): value}) for where, value in violations(shape.value, f"{path} value")
            )
        case "string":
            yield f"{path}: a number for text", 7
            yield from _lengths(shape, path, lambda count: sample(shape)[:1] * count)
            yield from _forms(shape, path)
        case "boolean":
            yield f"{path}: text for true or false", "true"
        case "timestamp":
            yield f"{path}: a list for a time", []
            yield f"{path}: a time that no calendar holds", 1e300
        case _:
            yield f"{path}: text for a number", "7"
            yield f"{path}: a list for a number", []
            yield from _bounds(shape, path)


def _of_members(shape: Any, path: str) -> Iterator[tuple[str, Any]]:
    whole = {name: sample(shape.members[name]) for name in shape.required_members}
    for name in shape.required_members:
        yield f"{path}.{name}: missing", {one: value for one, value in whole.items() if one != name}
    for name, member in shape.members.items():
        yield from ((where, {**whole, name: value}) for where, value in violations(member, f"{path}.{name}"))


def _lengths(shape: Any, path: str, of: Any) -> Iterator[tuple[str, Any]]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if most is not None:
        yield f"{path}: longer than {most}", of(most + 1)
    if least:
        yield f"{path}: shorter than {least}", of(least - 1)


def _bounds(shape: Any, path: str) -> Iterator[tuple[str, Any]]:
    if "max" in shape.metadata:
        yield f"{path}: more than {shape.metadata['max']}", shape.metadata["max"] + 1
    if "min" in shape.metadata:
        yield f"{path}: less than {shape.metadata['min']}", shape.metadata["min"] - 1
    if shape.type_name in ("integer", "long"):
        yield f"{path}: half a whole number", 1.5
        yield f"{path}: more than 32 bits", 2**31
        yield f"{path}: very much", 10**400


def _forms(shape: Any, path: str) -> Iterator[tuple[str, Any]]:
    if shape.enum:
        yield f"{path}: none of {shape.enum}", "NO_SUCH"
    pattern = shape.metadata.get("pattern")
    if pattern is not None:
        bad = next((text for text in _NO_PATTERN_HOLDS if regex.search(pattern, text) is None), None)
        if bad is not None:
            yield f"{path}: not of the form {pattern}", bad
