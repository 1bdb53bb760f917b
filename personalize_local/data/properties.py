"""The `properties` of the events API: which column each key means, and what an event says there of itself.

Source: developer guide, "Recording multiple item interaction events with event value data": keys are the columns' names
in camel case, values may be texts (`"numRatings": "13"`), and `itemId` and `eventValue` may stand among them. A key is
taken in any case, with or without underscores: no two columns of a schema differ by these alone.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from personalize_local.data.cells import exact, fraction, integer
from personalize_local.model.errors import invalid_input
from personalize_local.model.schemas import NUMBERS, WHOLE, Field, Schema, plain
from personalize_local.model.validation import Json

_ITEM_ID_LENGTH = 256
_OWN = frozenset({"itemid", "eventvalue"})
_plain = lru_cache(maxsize=4096)(plain)


class Property(NamedTuple):
    """A key as it was written, and its value."""

    key: str
    value: Any


def parse_properties(text: str | None) -> Json:
    """The object in a `properties` member; the service's own text when it is none."""
    if text is None:
        return {}
    try:
        parsed = json.loads(text, parse_constant=_no_constant, parse_float=fraction)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise invalid_input("Error parsing properties json")
    return parsed


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def by_plain_name(properties: Mapping[str, Any]) -> dict[str, Property]:
    """The properties by what their keys mean; InvalidInputException when two spellings of one have different values."""
    found: dict[str, Property] = {}
    for key, value in properties.items():
        name = plain(key)
        first = found.setdefault(name, Property(key, value))
        if first.value != value:
            raise invalid_input(f"properties holds {first.key} and {key}, which are one property, and they differ.")
    return found


def own_members(properties: Mapping[str, Any]) -> Json:
    """`itemId` and `eventValue` among an event's properties, as members of the event; null and unreadable values not.

    The guide itself sends `"eventValue": "true"`: a value that is no number leaves the event without one.
    InvalidInputException for an `itemId` that could be no item's, and as `by_plain_name`.
    """
    names = set(map(_plain, properties))
    if len(names) == len(properties) and names.isdisjoint(_OWN):  # most events say no more here than the site's own
        return {}
    given = by_plain_name(properties)
    own: Json = {}
    item = given.get("itemid")
    if item is not None and item.value is not None:
        own["itemId"] = _item_id(item)
    value = given.get("eventvalue")
    if value is not None and (number := _number(value.value)) is not None:
        own["eventValue"] = number
    return own


def _item_id(given: Property) -> str:
    value = given.value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= _ITEM_ID_LENGTH:
        raise invalid_input(f"{given.key} in properties must be a string of 1 to {_ITEM_ID_LENGTH} characters.")
    return value


def _number(value: Any) -> float | None:
    number = exact(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        return float(number) if math.isfinite(number) else None
    except OverflowError:
        return None


def cells(schema: Schema, properties: Mapping[str, Any]) -> dict[str, str]:
    """The properties of an event as cells of CSV by column; what the column's type does not allow is left out."""
    found: dict[str, str] = {}
    columns = {plain(field.name): field for field in schema.fields}
    for key, value in properties.items():
        field = columns.get(plain(key))
        cell = None if field is None or value is None else text_of(field, value)
        if field is not None and cell is not None:
            found[field.name] = cell
    return found


def text_of(field: Field, value: Any) -> str | None:
    """A value as a cell of the column; None when it is none of its type."""
    if field.type == "boolean":
        text = str(value).lower()
        return text if text in ("true", "false") else None
    if field.type not in NUMBERS:
        return value if isinstance(value, str) else json.dumps(value)
    number = None if isinstance(value, bool) else value
    if field.type in WHOLE and isinstance(number, str):
        whole = integer(number)
        return None if whole is None else str(whole)
    if isinstance(number, str):
        number = exact(number)
    if not isinstance(number, int | float):
        return None
    if field.type in WHOLE:
        whole = integer(number)
        return None if whole is None else str(whole)
    return str(number)
