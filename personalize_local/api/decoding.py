"""Requests of the events and runtime APIs decoded and checked in one pass, when there is nothing wrong with them.

msgspec checks what `validation` checks: required members, types, lengths, sizes, ranges, enums and patterns. Whatever
it does not take goes through `validation`, which takes it after all (null members count as absent) or says what is
wrong in the words of the service.
"""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict, cast

import msgspec

from personalize_local.model.errors import invalid_input, serialization
from personalize_local.model.validation import INT32, LATEST, Json, compile_input

Decode = Callable[[bytes], Json]
"""Gets the body of a request; returns its checked members or raises ServiceError."""


def compile_decoder(shape: Any, *, quick: bool) -> Decode:
    """A function that decodes bodies of this structure; `quick` lets msgspec try first."""
    parse = compile_input(shape)
    if not quick:
        return lambda body: parse(decoded(body), "")
    at_once = msgspec.json.Decoder(_type_of(shape)).decode

    def decode(body: bytes) -> Json:
        try:
            return cast(Json, at_once(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return cast(Json, parse(decoded(body), ""))

    return decode


def decoded(body: bytes) -> Any:
    """The JSON value of a body; an empty one is an empty object. SerializationException."""
    if not body:
        return {}
    try:
        return _DECODE(body.decode())
    except (ValueError, RecursionError):
        raise serialization("The body is not JSON.") from None


def _not_a_number(constant: str) -> Any:
    raise invalid_input(f"{constant} is no JSON value.")


_DECODE = json.JSONDecoder(parse_constant=_not_a_number).decode


def _type_of(shape: Any) -> Any:
    """The type that msgspec decodes a value of the shape into."""
    limits = msgspec.Meta
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    sized = {"min_length": least, "max_length": most}
    match shape.type_name:
        case "structure":
            needed = set(shape.required_members)
            members = {
                name: (Required if name in needed else NotRequired)[_type_of(member)]
                for name, member in shape.members.items()
            }
            return cast(Any, TypedDict)(shape.name, members)
        case "list":
            return Annotated[list[_type_of(shape.member)], limits(**sized)]  # type: ignore[misc]
        case "map":
            return Annotated[dict[_type_of(shape.key), _type_of(shape.value)], limits(**sized)]  # type: ignore[misc]
        case "string" if shape.enum:
            return Literal[tuple(shape.enum)]
        case "string":
            pattern = shape.metadata.get("pattern")
            # The whole value must match, as in `validation`.
            whole = rf"\A(?:{pattern})\Z" if pattern else None
            if whole is not None:
                re.compile(whole)
            return Annotated[str, limits(**sized, pattern=whole)]
        case "integer" | "long":
            return Annotated[int, limits(ge=-INT32 if least is None else least, le=INT32 - 1 if most is None else most)]
        case "float" | "double":
            return Annotated[float, limits(ge=least, le=most)]
        case "timestamp":
            return Annotated[float, limits(ge=0, lt=LATEST)]
        case "boolean":
            return bool
        case other:
            raise TypeError(f"shape {shape.name} has type {other}, which the service models did not use so far")
