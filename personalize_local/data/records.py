"""Items and users: the imported rows and the put records together, newest by id."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from personalize_local.data.cells import exact, integer
from personalize_local.data.properties import Property, by_plain_name, text_of
from personalize_local.data.tables import Table, TableBuilder, concatenate
from personalize_local.model.errors import invalid_input
from personalize_local.model.schemas import NUMBERS, WHOLE, Field, Schema, plain
from personalize_local.model.validation import Json


def check_record(schema: Schema, key: str, properties: Mapping[str, Any]) -> Json:
    """The properties of a put item or user by column name, or InvalidInputException naming the property.

    The record's own id among them counts for nothing: the member of the request does.
    """
    given = by_plain_name(properties)
    given.pop(plain(key), None)
    columns = {plain(field.name): field for field in schema.fields if field.name != key}
    unknown = sorted(one.key for name, one in given.items() if not _names(columns.get(name), one.key))
    if unknown:
        known = ", ".join(sorted(field.property_name for field in columns.values()))
        raise invalid_input(f"Property {unknown[0]} is no column of the schema; its columns are {known}.")
    row = {
        field.name: _cell(given.get(name, Property(field.property_name, None)), field)
        for name, field in columns.items()
    }
    return {name: cell for name, cell in row.items() if cell is not None}


def _names(field: Field | None, key: str) -> bool:
    """Whether the key is the column's own name, or camel case of it in any case: `DSTCity` and `dstCity` alike."""
    return field is not None and (key == field.name or "_" not in key)


def _cell(given: Property, field: Field) -> str | float | None:
    name, value = given
    if value is None:
        if not field.nullable:
            raise invalid_input(f"Property {name} is missing; the schema does not allow null for {field.name}.")
        return None
    if field.type in NUMBERS:
        return _number(name, field, value)
    if field.type == "boolean":
        text = text_of(field, value)
        if text is None:
            raise invalid_input(f"Property {name} must be true or false, not {json.dumps(value)}.")
        return text
    if not isinstance(value, str):
        raise invalid_input(f"Property {name} must be a string, not {json.dumps(value)}.")
    if len(value) > 1000 and not field.textual:
        raise invalid_input(f"Length cannot be more than 1000 characters for {field.name}.")
    return value


def _number(name: str, field: Field, value: Any) -> float:
    """The number, which a text may hold (service model, `Item$properties`: `{"numberOfRatings": "12"}`)."""
    number = exact(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise invalid_input(f"Property {name} must be a number, not {json.dumps(value)}.")
    if field.type not in WHOLE:
        if not abs(number) <= sys.float_info.max:
            raise invalid_input(f"Property {name} is too large a number.")
        return float(number)
    whole = integer(value if isinstance(value, str) else number)
    if whole is None:
        raise invalid_input(f"Property {name} must be a whole number of 64 bits, not {json.dumps(value)}.")
    return whole


def merged(schema: Schema, key: str, bulk: Iterable[Table], put: Iterable[tuple[str, Json]]) -> Table:
    """One row an id: what was imported, in order of the imports, and then what was put; the last one counts."""
    builder = TableBuilder(schema)
    for name, row in put:
        builder.add({**row, key: name})
    return concatenate([*bulk, builder.table()], schema).last_of_each(key)
