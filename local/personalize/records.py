"""Items and users: the imported rows and the put records together, newest by id."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from local.personalize.errors import invalid_input
from local.personalize.schemas import NUMBERS, WHOLE, Field, Schema
from local.personalize.tables import Table, TableBuilder, concatenate
from local.personalize.validation import Json


def parse_properties(text: str | None) -> Json:
    """The object in a `properties` member; the service's own text when it is none."""
    if text is None:
        return {}
    try:
        parsed = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise invalid_input("Error parsing properties json")
    return parsed


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def check_record(schema: Schema, key: str, properties: Mapping[str, Any]) -> Json:
    """The properties of a put item or user by column name, or InvalidInputException naming the property."""
    columns = {field.property_name: field for field in schema.fields if field.name != key}
    unknown = sorted(properties.keys() - columns.keys())
    if unknown:
        raise invalid_input(
            f"Property {unknown[0]} is no column of the schema; its columns are {', '.join(sorted(columns))}."
        )
    row = {field.name: _cell(name, field, properties.get(name)) for name, field in columns.items()}
    return {name: cell for name, cell in row.items() if cell is not None}


def _cell(name: str, field: Field, value: Any) -> str | float | None:
    if value is None:
        if not field.nullable:
            raise invalid_input(f"Property {name} is missing; the schema does not allow null for {field.name}.")
        return None
    if field.type in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid_input(f"Property {name} must be a number, not {json.dumps(value)}.")
        if not abs(value) <= sys.float_info.max:
            raise invalid_input(f"Property {name} is too large a number.")
        if field.type in WHOLE and value != int(value):
            raise invalid_input(f"Property {name} must be a whole number, not {json.dumps(value)}.")
        return float(value)
    if field.type == "boolean":
        if not isinstance(value, bool):
            raise invalid_input(f"Property {name} must be true or false, not {json.dumps(value)}.")
        return "true" if value else "false"
    if not isinstance(value, str):
        raise invalid_input(f"Property {name} must be a string, not {json.dumps(value)}.")
    if len(value) > 1000 and not field.textual:
        raise invalid_input(f"Length cannot be more than 1000 characters for {field.name}.")
    return value


def merged(schema: Schema, key: str, bulk: Iterable[Table], put: Iterable[tuple[str, Json]]) -> Table:
    """One row an id: what was imported, in order of the imports, and then what was put; the last one counts."""
    builder = TableBuilder(schema)
    for name, row in put:
        builder.add({**row, key: name})
    return concatenate([*bulk, builder.table()], schema).last_of_each(key)
