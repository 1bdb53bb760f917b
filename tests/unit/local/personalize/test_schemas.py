"""Avro schemas by the rules of the guide."""

import json
from typing import Any

import pytest

from local.personalize.errors import ServiceError
from local.personalize.schemas import Field, check_dataset_type, parse_schema

ITEM = {"name": "ITEM_ID", "type": "string"}


def _text(*fields: Any, **more: Any) -> str:
    return json.dumps({"type": "record", "name": "Items", "fields": list(fields), **more})


def test_fields_keep_their_order_and_attributes() -> None:
    """Null in a union comes first or last; categorical and textual are kept."""
    schema = parse_schema(
        _text(
            ITEM,
            {"name": "GENRES", "type": ["null", "string"], "categorical": True},
            {"name": "PRICE", "type": ["float", "null"]},
            {"name": "DESCRIPTION", "type": "string", "textual": True},
        )
    )
    assert schema.fields == (
        Field("ITEM_ID", "string", False, False, False),
        Field("GENRES", "string", True, True, False),
        Field("PRICE", "float", True, False, False),
        Field("DESCRIPTION", "string", False, False, True),
    )
    assert schema.field("genres") == schema.fields[1]


def test_property_names_are_camel_case() -> None:
    """The events API names a column in camel case."""
    names = ["GENRES", "CREATION_TIMESTAMP", "category_l1", "A_b_C"]
    assert ["genres", "creationTimestamp", "categoryL1", "aBC"] == [
        Field(name, "string", True, False, False).property_name for name in names
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "Avro record"),
        ('{"type": "record"}', "no name"),
        ('{"type": "record", "name": "Items"}', "no fields"),
        (_text(), "no fields"),
        (_text({"name": "1A", "type": "string"}), "letters, digits"),
        (_text("ITEM_ID"), "letters, digits"),
        (_text({"name": "A", "type": "array"}), '"array"'),
        (_text({"name": "A", "type": ["string", "float"]}), "a union of one"),
        (_text({"name": "A", "type": {"type": "array"}}), "has type"),
        (_text(ITEM, {"name": "GENRES_1", "type": "int"}, {"name": "GENRES1", "type": "int"}), "GENRES1 is not unique"),
    ],
)
def test_what_is_no_schema_is_refused(text: str, problem: str) -> None:
    """The message says which rule is broken."""
    with pytest.raises(ServiceError) as caught:
        parse_schema(text)
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        ("INTERACTIONS", [ITEM], "USER_ID of type string"),
        ("ITEMS", [{"name": "ITEM_ID", "type": ["string", "null"]}, {"name": "A", "type": "int"}], "ITEM_ID"),
        ("ITEMS", [ITEM], "at least one metadata field"),
        ("ITEMS", [ITEM, {"name": "CREATION_TIMESTAMP", "type": "string"}], "must have type long"),
        (
            "ITEMS",
            [ITEM, {"name": "A", "type": "string", "textual": True}, {"name": "B", "type": "string", "textual": True}],
            "one textual",
        ),
        (
            "USERS",
            [{"name": "USER_ID", "type": "string"}, {"name": "BIO", "type": "string", "textual": True}],
            "Items datasets only",
        ),
    ],
)
def test_schemas_fit_their_dataset(kind: str, fields: list[Any], problem: str) -> None:
    """Each dataset type has its required fields, and its reserved ones their types."""
    with pytest.raises(ServiceError, match=problem):
        check_dataset_type(parse_schema(_text(*fields)), kind)
