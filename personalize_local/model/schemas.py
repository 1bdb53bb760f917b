"""Avro schemas of datasets, by the rules of the developer guide ("Creating schema JSON files for custom datasets")."""

import json
from dataclasses import dataclass
from typing import Any

import regex

from personalize_local.model.errors import invalid_input

_NAME = regex.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPES = frozenset({"float", "double", "int", "long", "string", "boolean"})
NUMBERS = frozenset({"float", "double", "int", "long"})
WHOLE = frozenset({"int", "long"})

DATASET_TYPES = ("INTERACTIONS", "ITEMS", "USERS")
_REQUIRED: dict[str, dict[str, str]] = {
    "INTERACTIONS": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "ITEMS": {"ITEM_ID": "string"},
    "USERS": {"USER_ID": "string"},
}
_RESERVED: dict[str, dict[str, frozenset[str]]] = {
    "INTERACTIONS": {
        "EVENT_TYPE": frozenset({"string"}),
        "EVENT_VALUE": frozenset({"float", "double"}),
        "IMPRESSION": frozenset({"string"}),
        "RECOMMENDATION_ID": frozenset({"string"}),
        "EVENT_ATTRIBUTION_SOURCE": frozenset({"string"}),
    },
    "ITEMS": {"CREATION_TIMESTAMP": frozenset({"long"})},
    "USERS": {},
}

RESERVED_INTERACTIONS = frozenset({*_REQUIRED["INTERACTIONS"], *_RESERVED["INTERACTIONS"]})
"""Columns of an Interactions dataset that are no metadata (developer guide, "Item interactions dataset")."""
KEYWORDS = frozenset[str]().union(*_REQUIRED.values(), *_RESERVED.values())
"""Names that cannot be values of EVENT_TYPE (developer guide, "Custom datasets and schemas", "Reserved keywords")."""
_MOST_METADATA = {"INTERACTIONS": 5, "ITEMS": 100, "USERS": 25}
"""Metadata columns of a dataset, without reserved ones (developer guide, "Quotas")."""
_MOST_TYPES_AND_COLUMNS = 10


def plain(name: str) -> str:
    """A name without what does not count between columns of a schema: case and underscores."""
    return name.replace("_", "").lower()


@dataclass(frozen=True, slots=True)
class Field:
    """One column."""

    name: str
    type: str
    nullable: bool
    categorical: bool
    textual: bool

    @property
    def property_name(self) -> str:
        """The key of this column in `properties` of the events API: `CREATION_TIMESTAMP` is `creationTimestamp`.

        A name that is in camel case already, such as `memberClass`, stays as it is.
        """
        if "_" not in self.name and not (self.name.isupper() or self.name.islower()):
            return self.name
        head, *tail = self.name.lower().split("_")
        return head + "".join(word.capitalize() for word in tail)


@dataclass(frozen=True, slots=True)
class Schema:
    """A dataset's columns in the order of the schema."""

    record: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The column of this name, without regard to case (as filters name columns)."""
        return next((field for field in self.fields if field.name.upper() == name.upper()), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def parse_schema(text: str) -> Schema:
    """The schema that an Avro record describes; InvalidInputException says what is wrong with it."""
    try:
        avro = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid_input(f"The schema is not valid JSON: {error}") from None
    if not isinstance(avro, dict) or avro.get("type") != "record":
        raise invalid_input('The schema must be an Avro record: an object with "type": "record".')
    record, fields = avro.get("name"), avro.get("fields")
    if not isinstance(record, str) or not record:
        raise invalid_input("The schema has no name.")
    if not isinstance(fields, list) or not fields:
        raise invalid_input("The schema has no fields.")
    dataset_type = record_type(record)
    parsed = tuple(_field(field, dataset_type) for field in fields)
    seen: set[str] = set()
    for field in parsed:
        if plain(field.name) in seen:
            raise invalid_input(f"Field {field.name} is not unique; underscores and case do not count.")
        seen.add(plain(field.name))
    return Schema(record, parsed)


def record_type(record: str) -> str:
    """The dataset type that a record is of, as its name says: Avro allows the namespace before it, in any case."""
    return record.rpartition(".")[2].upper()


def column_name(name: str, dataset_type: str) -> str:
    """A column's name; a reserved one, which a schema may write in any case, in capitals.

    So imports, training, filters and exports find it, however the schema writes it.
    """
    return name.upper() if name.upper() in _RESERVED.get(dataset_type, ()) else name


def _field(avro: Any, dataset_type: str) -> Field:
    if not isinstance(avro, dict) or not isinstance(avro.get("name"), str) or not _NAME.fullmatch(avro["name"]):
        raise invalid_input("Each field of the schema needs a name of letters, digits and underscores.")
    name = avro["name"]
    union = avro.get("type")
    types = union if isinstance(union, list) else [union]
    plain = [one for one in types if one != "null"]
    if len(plain) != 1 or not isinstance(plain[0], str) or plain[0] not in _TYPES:
        raise invalid_input(
            f"Field {name} has type {json.dumps(union)}; allowed are {', '.join(sorted(_TYPES))}, and a union of one"
            " of them with null."
        )
    name = column_name(name, dataset_type)
    return Field(name, plain[0], "null" in types, avro.get("categorical") is True, avro.get("textual") is True)


def metadata_of(schema: Schema, dataset_type: str) -> tuple[Field, ...]:
    """The columns of a dataset that are neither required nor reserved."""
    known = {*_REQUIRED[dataset_type], *_RESERVED[dataset_type]}
    return tuple(field for field in schema.fields if field.name.upper() not in known)


def too_many_types(schema: Schema, distinct: int) -> str | None:
    """Why an Interactions dataset with so many distinct event types cannot be trained on; None when it can.

    Source: developer guide, "Item interactions dataset schema requirements": EVENT_TYPE and EVENT_VALUE count among the
    optional columns.
    """
    counted = [field.name for field in schema.fields if field.name.upper() in ("EVENT_TYPE", "EVENT_VALUE")]
    columns = len(counted) + len(metadata_of(schema, "INTERACTIONS"))
    if distinct + columns <= _MOST_TYPES_AND_COLUMNS:
        return None
    return (
        f"An Interactions dataset can have {_MOST_TYPES_AND_COLUMNS} distinct event types and optional columns"
        f" together, not {distinct} types and {columns} columns (EVENT_TYPE and EVENT_VALUE among them)."
    )


def check_dataset_type(schema: Schema, dataset_type: str) -> None:
    """InvalidInputException unless the schema fits a dataset of this type (upper case)."""
    fields = {field.name: field for field in schema.fields}
    for name, expected in _REQUIRED[dataset_type].items():
        field = fields.get(name)
        if field is None or field.type != expected or field.nullable:
            raise invalid_input(f"A schema of an {dataset_type} dataset needs the field {name} of type {expected}.")
    for name, allowed in _RESERVED[dataset_type].items():
        field = schema.field(name)
        if field is not None and field.type not in allowed:
            raise invalid_input(f"Field {name} must have type {' or '.join(sorted(allowed))}, not {field.type}.")
        if field is not None and field.categorical:
            raise invalid_input(f"Field {name} is reserved and cannot be categorical.")
    metadata, most = metadata_of(schema, dataset_type), _MOST_METADATA[dataset_type]
    if len(metadata) > most:
        raise invalid_input(
            f"A schema of an {dataset_type} dataset can have {most} metadata fields, not {len(metadata)}."
        )
    for field in schema.fields:
        if field.textual and field.type != "string":
            raise invalid_input(f"Field {field.name} is textual and must have type string, not {field.type}.")
    if dataset_type != "INTERACTIONS":
        if len(schema.fields) < 2:
            raise invalid_input(f"A schema of an {dataset_type} dataset needs at least one metadata field.")
        if dataset_type != "ITEMS" and any(field.textual for field in schema.fields):
            raise invalid_input("Textual fields are allowed in Items datasets only.")
    if sum(field.textual for field in schema.fields) > 1:
        raise invalid_input("A schema may have one textual field.")
    if record_type(schema.record) != dataset_type:
        raise invalid_input(f"The name of the schema must be {dataset_type.title()}, not {schema.record}.")


def check_replacement(old: Schema, new: Schema) -> None:
    """InvalidInputException unless `new` has every field of `old` as it was, and its other fields allow null."""
    fields = {field.name: field for field in new.fields}
    for field in old.fields:
        if fields.get(field.name) != field:
            raise invalid_input(f"Field {field.name} must stay with its type and attributes when a schema is replaced.")
    known = set(old.names)
    for field in new.fields:
        if field.name not in known and not field.nullable:
            raise invalid_input(f"Field {field.name} is new in the schema and must allow null.")
