"""The filter language: the guide's examples, other spellings, and errors that say where."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.model.errors import ServiceError
from personalize_local.model.schemas import Field, Schema
from personalize_local.serving.filter_expressions import (
    Condition,
    Expression,
    Filter,
    Parameter,
    Reference,
    parse_filter,
    parse_values,
)


def _schema(name: str, **columns: str) -> Schema:
    return Schema(name, tuple(Field(column, kind, True, kind == "string", False) for column, kind in columns.items()))


SCHEMAS = {
    "INTERACTIONS": _schema("Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long", EVENT_TYPE="string"),
    "ITEMS": Schema(
        "Items",
        (
            *_schema(
                "Items",
                ITEM_ID="string",
                GENRE="string",
                PRICE="float",
                CATEGORY_L1="string",
                CATEGORY_L2="string",
                CREATION_TIMESTAMP="long",
                READY="boolean",
                **{f"F{number}": "float" for number in range(12)},
            ).fields,
            Field("DESCRIPTION", "string", True, False, True),
        ),
    ),
    "USERS": _schema("Users", USER_ID="string", AGE="int", CITY="string"),
}


def _parsed(text: str) -> Filter:
    return parse_filter(text, SCHEMAS)


def _items(column: str, operator: str, *values: object) -> Condition:
    return Condition("Items", column, operator, values)  # type: ignore[arg-type]


EXAMPLES = {
    "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)": Filter(
        (Expression(False, ((Condition("Interactions", "EVENT_TYPE", "IN", (Parameter("EVENT_TYPE"),)),),), ()),)
    ),
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")': Filter(
        (Expression(False, ((Condition("Interactions", "EVENT_TYPE", "IN", ("click", "stream")),),), ()),)
    ),
    "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)": Filter(
        (Expression(True, ((_items("GENRE", "IN", Parameter("GENRE")),),), ()),)
    ),
    'EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoe") AND Items.CATEGORY_L2 NOT IN ("boot")': Filter(
        (Expression(False, ((_items("CATEGORY_L1", "IN", "shoe"), _items("CATEGORY_L2", "NOT IN", "boot")),), ()),)
    ),
    "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < $DATE": Filter(
        (Expression(True, ((_items("CREATION_TIMESTAMP", "<", Parameter("DATE")),),), ()),)
    ),
    "EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE": Filter(
        (
            Expression(
                False,
                ((_items("GENRE", "IN", Parameter("GENRE")),),),
                (Condition("CurrentUser", "AGE", "=", (Parameter("AGE"),)),),
            ),
        )
    ),
    'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("watch") AND Items.CATEGORY_L2 IN ("luxury")'
    " IF CurrentUser.AGE > 18": Filter(
        (
            Expression(
                True,
                ((_items("CATEGORY_L1", "IN", "watch"), _items("CATEGORY_L2", "IN", "luxury")),),
                (Condition("CurrentUser", "AGE", ">", (18.0,)),),
            ),
        )
    ),
    'INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")': Filter(
        (
            Expression(True, ((_items("GENRE", "IN", Parameter("GENRE")),),), ()),
            Expression(False, ((Condition("Interactions", "EVENT_TYPE", "IN", ("click",)),),), ()),
        )
    ),
}


EXAMPLES["INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE"] = Filter(
    (Expression(True, ((_items("PRICE", "<", Reference("PRICE")), _items("GENRE", "IN", Reference("GENRE"))),), ()),)
)
EXAMPLES["INCLUDE UserID WHERE Users.CITY IN ($CITY)"] = Filter(
    (Expression(True, ((Condition("Users", "CITY", "IN", (Parameter("CITY"),)),),), (), "UserID"),)
)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_guide(text: str) -> None:
    """Each example of the developer guide is read as it says."""
    assert EXAMPLES[text] == _parsed(text)


def test_spelling_is_free_where_the_samples_are() -> None:
    """Keywords, datasets and columns in any case, single quotes, any white space; names come out as in the schema."""
    loose = "exclude itemid where ITEMS.category_l1 in ('shoe')\n and items.Category_L2 not\tin ('boot')"
    assert EXAMPLES[
        'EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoe") AND Items.CATEGORY_L2 NOT IN ("boot")'
    ] == _parsed(loose)


def test_and_binds_more_tightly_than_or() -> None:
    """a OR b AND c is a OR (b AND c)."""
    a, b, c = _items("PRICE", "<", 1.0), _items("PRICE", ">", 2.0), _items("GENRE", "IN", "x")
    text = 'INCLUDE ItemID WHERE Items.PRICE < 1 OR Items.PRICE > 2 AND Items.GENRE IN ("x")'
    assert (((a,), (b, c))) == _parsed(text).expressions[0].any_of


def test_a_parameter_may_stand_in_parentheses() -> None:
    """The guide writes both `> $VALUE` and `> ($VALUE)`."""
    assert _parsed("INCLUDE ItemID WHERE Items.PRICE > ($VALUE)") == _parsed(
        "INCLUDE ItemID WHERE Items.PRICE > $VALUE"
    )


def test_values_may_hold_what_the_language_uses() -> None:
    """Quoted text is kept as it is, keywords, bars and non-ASCII included."""
    (condition,) = (
        _parsed('INCLUDE ItemID WHERE Items.GENRE IN ("a | AND IN (b)", "Größe", " x ")').expressions[0].any_of[0]
    )
    assert ("a | AND IN (b)", "Größe", " x ") == condition.values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "column 1: unexpected end of text"),
        ("INCLUDE", "column 8: unexpected end of text"),
        ("INCLUDE ItemID WHERE", "column 21: unexpected end of text"),
        ("INCLUDE ItemID WHERE Items.GENRE LIKE 7", "column 34: unexpected 'LIKE 7'"),
        ("INCLUDE ItemID WHERE Items.GENRE IN ()", "column 38"),
        ('INCLUDE ItemID WHERE Items.GENRE IN ("a"', "unexpected end of text"),
        ('INCLUDE ItemID WHERE Items.GENRE IN ("a") EXCLUDE', "column 43"),
        ('INCLUDE ItemID WHERE (Items.GENRE IN ("a"))', "column 22"),
        ('INCLUDE ActionID WHERE Items.GENRE IN ("a")', "column 9: ActionID cannot be filtered"),
        (
            'INCLUDE UserID WHERE Items.GENRE IN ("a")',
            "column 22: UserID is filtered by Users or Interactions, not by Items",
        ),
        ('INCLUDE ItemID WHERE Users.CITY IN ("a")', "column 22: ItemID is filtered by Items or Interactions"),
        ('INCLUDE UserID WHERE Users.CITY IN ("a") IF CurrentUser.AGE > 1', "column 45: After IF only CurrentUser"),
        (
            'INCLUDE ItemID WHERE Items.GENRE IN ("a") | INCLUDE UserID WHERE Users.CITY IN ("a")',
            "ItemID and UserID cannot be used in one filter",
        ),
        ('INCLUDE ItemID WHERE Animals.GENRE IN ("a")', "column 22: Animals is no dataset"),
        ('INCLUDE ItemID WHERE Items.COLOUR IN ("a")', "column 22: Items.COLOUR is no column"),
        (
            'INCLUDE ItemID WHERE Interactions.TIMESTAMP IN ("a")',
            "column 22: Interactions.TIMESTAMP: of Interactions only EVENT_TYPE",
        ),
        ('INCLUDE ItemID WHERE CurrentUser.CITY IN ("a")', "column 22: CurrentUser can only be used after IF"),
        ('INCLUDE ItemID WHERE Items.GENRE IN ("a") IF Items.PRICE > 1', "column 46: After IF only CurrentUser"),
        (
            'INCLUDE ItemID WHERE Items.GENRE IN ("a") AND Interactions.EVENT_TYPE IN ("b")',
            "column 47: Items and Interactions cannot be used in one expression",
        ),
        (
            "INCLUDE ItemID WHERE Items.GENRE NOT IN ($GENRE)",
            "Could not create filter. Invalid input symbol: $GENRE. Placeholders are not allowed with NOT_IN operator. It"
            " stands at column 42.",
        ),
        (
            "INCLUDE ItemID WHERE Items.GENRE = 7",
            "column 22: Items.GENRE: = compares numbers; use IN or NOT IN for strings",
        ),
        ('INCLUDE ItemID WHERE Items.PRICE IN ("cheap")', "column 38: Items.PRICE is a number; 'cheap' is not"),
        ("INCLUDE ItemID WHERE Items.GENRE IN (7)", "column 38: Items.GENRE is a string; put the value in quotes"),
        (
            'INCLUDE ItemID WHERE Items.GENRE IN ("*")',
            'column 38: Items.GENRE: "*" stands for any value of Interactions.EVENT_TYPE only',
        ),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.GENRE", "column 36: Items.PRICE and CurrentItem.GENRE must"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.COLOUR", "column 36: CurrentItem.COLOUR is no column"),
        ("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN CurrentItem.GENRE", "column 49: CurrentItem cannot be"),
        ("INCLUDE ItemID WHERE Items.GENRE IN $GENRE", "column 37: unexpected '$GENRE'"),
        ("INCLUDE ItemID WHERE Items.PRICE < 1 IF CurrentUser.AGE > 1 OR CurrentUser.AGE < 9", "column 61: unexpected"),
        ("INCLUDE ItemID WHERE Items.PRICE < 1 IF CurrentUser.AGE > 1 IF CurrentUser.AGE < 9", "column 61: unexpected"),
        ("INCLUDE ItemID WHERE Items.PRICE < Items.PRICE", "column 36: a value may be CurrentItem"),
        ('INCLUDE ItemID WHERE Items.DESCRIPTION IN ("a")', "textual and boolean"),
        ('INCLUDE ItemID WHERE Items.READY IN ("true")', "textual and boolean"),
    ],
)
def test_errors_say_where_and_what(text: str, problem: str) -> None:
    """A wrong expression is refused with the column of the text, or the name that is wrong."""
    with pytest.raises(ServiceError) as caught:
        _parsed(text)
    assert problem in caught.value.message
    assert "InvalidInputException" == caught.value.code


def test_ten_fields_are_the_limit() -> None:
    """Ten different columns are taken, eleven refused, whatever the number of conditions."""
    conditions = [f"Items.F{number} > 1 OR Items.F{number} < 0" for number in range(11)]
    assert _parsed("INCLUDE ItemID WHERE " + " OR ".join(conditions[:10]))
    with pytest.raises(ServiceError, match="10 distinct fields, not 11"):
        _parsed("INCLUDE ItemID WHERE " + " OR ".join(conditions))


def test_what_a_filter_reads() -> None:
    """A filter knows whether it needs the user or what the user did, and its distinct fields."""
    item = _parsed("include itemid where items.price < currentitem.price")
    done = _parsed('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    user = _parsed("INCLUDE ItemID WHERE Items.PRICE > 1 AND Items.price < 9 IF CurrentUser.AGE > 1")
    assert [(False, False), (True, True), (False, True)] == [
        (one.reads_interactions, one.reads_user) for one in (item, done, user)
    ]
    assert {("Items", "PRICE"), ("CurrentUser", "AGE")} == user.fields


def test_columns_count_the_whole_text() -> None:
    """In a text of several lines the column counts from its first character, line breaks too."""
    with pytest.raises(ServiceError, match=r"column 27: Items\.COLOUR"):
        _parsed('INCLUDE ItemID\n    WHERE\n Items.COLOUR IN ("a")')


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail otherwise than by its own error."""
    with contextlib.suppress(ServiceError):
        assert _parsed("INCLUDE ItemID WHERE " + text).expressions


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"Comedy","Drama"', ("Comedy", "Drama")),
        ("'a, b'", ("a, b",)),
        (' "x" , "y" ', ("x", "y")),
        ("1589495200", ("1589495200",)),
        ('"20"', ("20",)),
        ("1.5,-2", ("1.5", "-2")),
    ],
)
def test_values_carry_their_quotes(text: str, values: tuple[str, ...]) -> None:
    """`filterValues` hold quoted strings or bare numbers, separated by commas."""
    assert values == parse_values("P", text)


@pytest.mark.parametrize("text", ["", "Comedy", '"a', '"a" "b"', '"a",', ","])
def test_values_without_quotes_are_refused(text: str) -> None:
    """Anything else is refused with the parameter's name."""
    with pytest.raises(ServiceError, match="filter parameter P"):
        parse_values("P", text)
