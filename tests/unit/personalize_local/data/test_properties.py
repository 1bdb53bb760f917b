"""The properties of the events API: which column a key means, and what an event says of itself there."""

import json
from typing import Any

import pytest

from personalize_local.data.properties import cells, own_members
from personalize_local.data.records import check_record
from personalize_local.model.errors import ServiceError
from personalize_local.model.schemas import Field, Schema

USERS = Schema(
    "Users",
    (
        Field("USER_ID", "string", False, False, False),
        Field("memberClass", "string", False, True, False),
        Field("numberOfSearchByUser", "int", True, False, False),
        Field("DSTCity", "string", True, True, False),
        Field("SELLER", "long", True, False, False),
        Field("RATING", "float", True, False, False),
        Field("ACTIVE", "boolean", True, False, False),
    ),
)


@pytest.mark.parametrize(
    ("properties", "own"),
    [
        ({"itemId": "choc", "eventValue": 4}, {"itemId": "choc", "eventValue": 4.0}),
        ({"itemId": "choc", "eventValue": "4"}, {"itemId": "choc", "eventValue": 4.0}),
        ({"item_id": "choc", "EVENT_VALUE": "0.5"}, {"itemId": "choc", "eventValue": 0.5}),
        ({"ITEM_ID": "choc", "eventvalue": 1e3}, {"itemId": "choc", "eventValue": 1000.0}),
        ({"itemId": 12, "numRatings": "13"}, {"itemId": "12"}),
        ({"itemId": "choc", "eventValue": "true"}, {"itemId": "choc"}),
        ({"itemId": "choc", "eventValue": True}, {"itemId": "choc"}),
        ({"itemId": "choc", "eventValue": 10**400}, {"itemId": "choc"}),
        ({"itemId": None, "eventValue": None}, {}),
        ({"itemId": "choc", "item_id": "choc"}, {"itemId": "choc"}),
    ],
)
def test_an_event_says_its_item_and_value_among_its_properties(properties: dict[str, Any], own: dict[str, Any]) -> None:
    """In the spellings of the guide, Amplify and notebooks; numbers as texts; the guide's own "true" is no value."""
    assert own == own_members(properties)


@pytest.mark.parametrize("item", ["", "x" * 257, 1.5, True, ["a"], {"a": 1}])
def test_what_can_be_no_item_is_refused(item: Any) -> None:
    """The event would be lost in silence."""
    with pytest.raises(ServiceError, match="itemId in properties must be a string of 1 to 256 characters"):
        own_members({"itemId": item})


def test_two_spellings_that_differ_are_refused() -> None:
    """Which of two values counts is nobody's guess."""
    with pytest.raises(ServiceError, match="itemId and item_id"):
        own_members({"itemId": "a", "item_id": "b"})
    with pytest.raises(ServiceError, match="deviceType and DEVICE_TYPE"):
        own_members({"deviceType": "a", "DEVICE_TYPE": "b"})
    with pytest.raises(ServiceError, match="memberClass and MEMBER_CLASS"):
        check_record(USERS, "USER_ID", {"memberClass": "a", "MEMBER_CLASS": "b"})


@pytest.mark.parametrize("key", ["memberClass", "memberclass", "MemberClass"])
def test_a_column_in_camel_case_is_found_by_every_spelling(key: str) -> None:
    """Its own, and what the rule of camel case makes of it."""
    assert {"memberClass": "gold"} == check_record(USERS, "USER_ID", {key: "gold"})
    assert {"memberClass": "gold"} == cells(USERS, {key: "gold"})


@pytest.mark.parametrize("key", ["DSTCity", "dstCity", "dSTCity", "dstcity"])
def test_capitals_in_a_row(key: str) -> None:
    """No spelling of `DSTCity` is unknown."""
    given = {"memberClass": "gold", "numberOfSearchByUser": 3, key: "Rome"}
    assert {"memberClass": "gold", "numberOfSearchByUser": 3, "DSTCity": "Rome"} == check_record(
        USERS, "USER_ID", given
    )


def test_a_key_is_the_name_of_its_column_or_camel_case() -> None:
    """`SHOE_SIZE` and `shoeSize` are the column SHOE_SIZE; `shoe_size` is neither, and would be a guess."""
    schema = Schema("Users", (USERS.fields[0], Field("SHOE_SIZE", "int", True, False, False)))
    for key in ("SHOE_SIZE", "shoeSize"):
        assert {"SHOE_SIZE": 42} == check_record(schema, "USER_ID", {key: 42})
    with pytest.raises(ServiceError, match="Property shoe_size is no column"):
        check_record(schema, "USER_ID", {"shoe_size": 42})


def test_unknown_properties_are_named_as_they_were_written() -> None:
    """With the columns as the guide writes their keys."""
    with pytest.raises(ServiceError) as caught:
        check_record(USERS, "USER_ID", {"memberClass": "a", "Shoe_Size": 3})
    assert (
        "Property Shoe_Size is no column of the schema; its columns are DSTCity, active, memberClass,"
        " numberOfSearchByUser, rating, seller." == caught.value.message
    )


def test_numbers_may_be_texts() -> None:
    """And 64-bit integers keep their digits, as numbers and as texts; a record's own id among them says nothing."""
    for seller in (2**63 - 1, str(2**63 - 1)):
        given = {"memberClass": "gold", "seller": seller, "rating": "4.5", "active": "True", "userId": "other"}
        row = check_record(USERS, "USER_ID", json.loads(json.dumps(given)))
        assert {"memberClass": "gold", "SELLER": 2**63 - 1, "RATING": 4.5, "ACTIVE": "true"} == row


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"seller": 2**63}, "seller must be a whole number of 64 bits"),
        ({"seller": "1.5"}, "seller must be a whole number"),
        ({"seller": "many"}, "seller must be a number"),
        ({"rating": True}, "rating must be a number"),
        ({"rating": "nan"}, "rating must be a number"),
        ({"active": "perhaps"}, "active must be true or false"),
        ({"DSTCity": 5}, "DSTCity must be a string"),
    ],
)
def test_values_have_the_type_of_their_column(properties: dict[str, Any], problem: str) -> None:
    """What an import would refuse is refused."""
    with pytest.raises(ServiceError, match=problem):
        check_record(USERS, "USER_ID", {"memberClass": "gold", **properties})


def test_properties_of_an_event_become_cells() -> None:
    """As an import would have them; a value that the column's type does not allow is left out."""
    given = {"number_of_search_by_user": "13", "SELLER": 2**53 + 1, "rating": "x", "active": True, "dstCity": 5}
    assert {
        "numberOfSearchByUser": "13",
        "SELLER": "9007199254740993",
        "ACTIVE": "true",
        "DSTCity": "5",
    } == cells(USERS, {**given, "unknown": 1, "memberClass": None})
