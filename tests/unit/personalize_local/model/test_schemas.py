"""Avro schemas by the rules of the guide."""

import json
from typing import Any

import pytest

from personalize_local.model.errors import ServiceError
from personalize_local.model.schemas import Field, Schema, check_dataset_type, parse_schema

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


@pytest.mark.parametrize("kind", ["Interactions", "interactions", "com.example.Interactions"])
def test_reserved_columns_are_known_in_any_case(kind: str) -> None:
    """However the schema writes them, all that reads the dataset finds them; another type's are columns like others."""
    names = ("USER_ID", "ITEM_ID", "TIMESTAMP", "event_type", "Event_Value", "impression", "creation_timestamp")
    types = {"TIMESTAMP": "long", "Event_Value": "float"}
    fields = [{"name": name, "type": types.get(name, "string")} for name in names]
    schema = parse_schema(_text(*fields, name=kind))
    check_dataset_type(schema, "INTERACTIONS")
    expected = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", "IMPRESSION", "creation_timestamp")
    assert expected == schema.names


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


USER, TIME = {"name": "USER_ID", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}
KEYS: dict[str, list[Any]] = {"INTERACTIONS": [USER, ITEM, TIME], "USERS": [USER], "ITEMS": [ITEM]}
RESERVED: dict[str, list[Any]] = {
    "INTERACTIONS": [
        {"name": "EVENT_TYPE", "type": "string"},
        *({"name": name, "type": ["string", "null"]} for name in ("IMPRESSION", "RECOMMENDATION_ID")),
    ],
    "USERS": [],
    "ITEMS": [{"name": "CREATION_TIMESTAMP", "type": "long"}],
}


def _record(kind: str, *fields: Any, name: str | None = None) -> Schema:
    return parse_schema(json.dumps({"type": "record", "name": name or kind.title(), "fields": fields}))


@pytest.mark.parametrize(("kind", "most"), [("INTERACTIONS", 5), ("USERS", 25), ("ITEMS", 100)])
def test_metadata_columns_have_a_maximum(kind: str, most: int) -> None:
    """As many as the guide allows beside the required and reserved ones, and not one more."""
    extra = [
        {"name": f"EXTRA{chr(65 + number // 26)}{chr(65 + number % 26)}", "type": ["null", "int"]}
        for number in range(most + 1)
    ]
    check_dataset_type(_record(kind, *KEYS[kind], *RESERVED[kind], *extra[:most]), kind)
    with pytest.raises(ServiceError, match=f"can have {most} metadata fields, not {most + 1}"):
        check_dataset_type(_record(kind, *KEYS[kind], *RESERVED[kind], *extra), kind)


@pytest.mark.parametrize("name", ["Items", "ITEMS", "items", "com.amazonaws.personalize.schema.Items"])
def test_the_record_has_the_name_of_its_dataset_type(name: str) -> None:
    """In any case, as dataset types are named, and with Avro's namespace or without."""
    fields = [ITEM, {"name": "SIZE", "type": "int"}]
    check_dataset_type(_record("ITEMS", *fields, name=name), "ITEMS")
    with pytest.raises(ServiceError, match="The name of the schema must be Items, not Users"):
        check_dataset_type(_record("ITEMS", *fields, name="Users"), "ITEMS")


@pytest.mark.parametrize("name", ["EVENT_TYPE", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"])
def test_reserved_strings_are_not_categorical(name: str) -> None:
    """None of the four."""
    field = {"name": name, "type": "string", "categorical": True}
    with pytest.raises(ServiceError, match=f"Field {name} is reserved and cannot be categorical"):
        check_dataset_type(_record("INTERACTIONS", *KEYS["INTERACTIONS"], field), "INTERACTIONS")


def test_textual_fields_are_strings_and_required_ones_have_their_very_name() -> None:
    """A number has no text, and `user_id` is not `USER_ID`."""
    with pytest.raises(ServiceError, match="PRICE is textual and must have type string"):
        check_dataset_type(_record("ITEMS", ITEM, {"name": "PRICE", "type": "float", "textual": True}), "ITEMS")
    other = {"name": "AGE", "type": "int"}
    with pytest.raises(ServiceError, match="needs the field USER_ID"):
        check_dataset_type(_record("USERS", {"name": "user_id", "type": "string"}, other), "USERS")
