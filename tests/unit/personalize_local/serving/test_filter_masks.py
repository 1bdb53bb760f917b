"""Filters applied to a handful of items whose right answers are plain."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.data.tables import Numbers, Table, TableBuilder, Text
from personalize_local.model.errors import ServiceError
from personalize_local.model.schemas import Field, Schema
from personalize_local.serving.filter_expressions import Condition, parse_filter
from personalize_local.serving.filter_masks import FilterRequest, ItemColumns, UserInteractions

ITEMS = ("boot", "shoe", "hat", "absent")
SCHEMAS = {
    "ITEMS": Schema(
        "Items",
        (
            Field("ITEM_ID", "string", False, False, False),
            Field("KIND", "string", True, True, False),
            Field("PRICE", "float", True, False, False),
        ),
    ),
    "INTERACTIONS": Schema("Interactions", (Field("EVENT_TYPE", "string", True, False, False),)),
    "USERS": Schema("Users", (Field("AGE", "int", True, False, False), Field("CITY", "string", True, True, False))),
}
TABLE = Table(
    {
        "ITEM_ID": Text(np.array([1, 0, 2], np.int32), ("shoe", "boot", "hat")),  # boot, shoe, hat
        "KIND": Text(np.array([0, 1, -1], np.int32), ("foot|winter", "foot")),
        "PRICE": Numbers(np.array([90.0, 50.0, np.nan])),
    }
)


def _allowed(
    text: str,
    values: dict[str, str] | None = None,
    *,
    interactions: UserInteractions | None = None,
    user: dict[str, Any] | None = None,
    table: Table | None = TABLE,
    current_item: dict[str, Any] | None = None,
) -> set[str]:
    mask = FilterRequest(
        parse_filter(text, SCHEMAS),
        values or {},
        columns=lambda: ItemColumns(table, ITEMS),
        interactions=lambda: interactions or UserInteractions((), ()),
        user=lambda: user or {},
        n_items=len(ITEMS),
        current_item=lambda: current_item,
    ).mask()
    return {name for name, allowed in zip(ITEMS, mask, strict=True) if allowed}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('INCLUDE ItemID WHERE Items.KIND IN ("foot")', {"boot", "shoe"}),
        ('INCLUDE ItemID WHERE Items.KIND IN ("winter", "summer")', {"boot"}),
        ('INCLUDE ItemID WHERE Items.KIND IN ("foot|winter")', set()),
        ('INCLUDE ItemID WHERE Items.KIND IN ("FOOT")', set()),
        ('INCLUDE ItemID WHERE Items.KIND NOT IN ("winter")', {"shoe"}),
        ('EXCLUDE ItemID WHERE Items.KIND IN ("winter")', {"shoe", "hat", "absent"}),
        ("INCLUDE ItemID WHERE Items.PRICE < 90", {"shoe"}),
        ("INCLUDE ItemID WHERE Items.PRICE <= 90", {"boot", "shoe"}),
        ("INCLUDE ItemID WHERE Items.PRICE > 50", {"boot"}),
        ("INCLUDE ItemID WHERE Items.PRICE >= 50", {"boot", "shoe"}),
        ("INCLUDE ItemID WHERE Items.PRICE = 50", {"shoe"}),
        ("INCLUDE ItemID WHERE Items.PRICE != 50", {"boot"}),
        ("INCLUDE ItemID WHERE Items.PRICE IN (50, 90)", {"boot", "shoe"}),
        ("INCLUDE ItemID WHERE Items.PRICE NOT IN (50)", {"boot"}),
        ('INCLUDE ItemID WHERE Items.PRICE > 60 OR Items.PRICE < 55 AND Items.KIND IN ("foot")', {"boot", "shoe"}),
        ('INCLUDE ItemID WHERE Items.PRICE > 60 AND Items.KIND IN ("summer")', set()),
    ],
)
def test_conditions_on_items(text: str, allowed: set[str]) -> None:
    """Multi-valued cells match by value, strings by case, numbers by order; null and absent items fulfil nothing."""
    assert allowed == _allowed(text)


def test_includes_and_excludes_unite() -> None:
    """(Union of the includes) minus (union of the excludes), in either order."""
    one, two = "INCLUDE ItemID WHERE Items.PRICE = 50", "INCLUDE ItemID WHERE Items.PRICE = 90"
    out = 'EXCLUDE ItemID WHERE Items.KIND IN ("winter")'
    assert {"boot", "shoe"} == _allowed(f"{one} | {two}")
    assert {"shoe"} == _allowed(f"{one} | {two} | {out}") == _allowed(f"{out} | {two} | {one}")


def test_interactions_match_without_case() -> None:
    """Event types match whatever their case, `*` stands for all, and items that the model lacks are passed over."""
    done = UserInteractions((0, 1, -1), ("click", "buy", "buy"))
    assert {"shoe", "hat", "absent"} == _allowed(
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Click")', interactions=done
    )
    assert {"hat", "absent"} == _allowed('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', interactions=done)
    assert {"shoe"} == _allowed('INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("click")', interactions=done)


@pytest.mark.parametrize(
    ("condition", "user", "in_force"),
    [
        ("CurrentUser.AGE > 18", {"AGE": 19.0}, True),
        ("CurrentUser.AGE > 18", {"AGE": 18.0}, False),
        ("CurrentUser.AGE > 18", {}, False),
        ('CurrentUser.CITY IN ("Rome")', {"CITY": "Rome"}, True),
        ('CurrentUser.CITY NOT IN ("Rome")', {"CITY": "Rome"}, False),
        ('CurrentUser.CITY NOT IN ("Rome")', {"CITY": "Oslo"}, True),
        ('CurrentUser.AGE > 18 AND CurrentUser.CITY IN ("Rome")', {"AGE": 20.0, "CITY": "Oslo"}, False),
    ],
)
def test_conditions_on_the_user(condition: str, user: dict[str, Any], in_force: bool) -> None:
    """An expression counts only for users who fulfil all its conditions."""
    text = f'EXCLUDE ItemID WHERE Items.KIND IN ("foot") IF {condition}'
    assert ({"hat", "absent"} if in_force else set(ITEMS)) == _allowed(text, user=user)


def test_parameters() -> None:
    """An include needs its values, an exclude without them is switched off, unknown names are refused."""
    include = "INCLUDE ItemID WHERE Items.KIND IN ($KIND)"
    assert {"boot"} == _allowed(include, {"KIND": '"winter"'})
    assert {"boot", "shoe"} == _allowed(include, {"KIND": '"winter","foot"'})
    assert {"shoe"} == _allowed("INCLUDE ItemID WHERE Items.PRICE < $P", {"P": "60"})
    exclude = 'EXCLUDE ItemID WHERE Items.KIND IN ($KIND, "x")'
    assert set(ITEMS) == _allowed(exclude)
    assert {"hat", "absent"} == _allowed(exclude, {"KIND": '"foot"'})
    for text, values, problem in (
        (include, {}, "needs a value for the parameter KIND"),
        (include, {"KIND": '"a"', "kind": '"a"'}, "no parameter kind"),
        ("INCLUDE ItemID WHERE Items.PRICE < $P", {"P": "1,2"}, "takes one value"),
        ("INCLUDE ItemID WHERE Items.PRICE < $P", {"P": '"cheap"'}, "which is none"),
    ):
        with pytest.raises(ServiceError, match=problem):
            _allowed(text, values)


def test_without_items_dataset_nothing_is_fulfilled() -> None:
    """A group without Items rows includes nothing and excludes nothing."""
    assert set() == _allowed('INCLUDE ItemID WHERE Items.KIND IN ("foot")', table=None)
    assert set(ITEMS) == _allowed('EXCLUDE ItemID WHERE Items.KIND IN ("foot")', table=None)


@pytest.mark.parametrize(
    ("condition", "item", "allowed"),
    [
        ("Items.PRICE < CurrentItem.PRICE", {"PRICE": 60.0}, {"shoe"}),
        ("Items.KIND IN CurrentItem.KIND", {"KIND": "winter|summer"}, {"boot"}),
        ("Items.KIND NOT IN CurrentItem.KIND", {"KIND": "winter"}, {"shoe"}),
        ("Items.PRICE IN CurrentItem.PRICE", {"PRICE": 50.0}, {"shoe"}),
        ("Items.PRICE < CurrentItem.PRICE", {}, set()),
        ("Items.KIND NOT IN CurrentItem.KIND", {}, set()),
    ],
)
def test_conditions_with_the_current_item(condition: str, item: dict[str, Any], allowed: set[str]) -> None:
    """CurrentItem stands for the cells of the item asked about, each of several values; null fulfils nothing."""
    assert allowed == _allowed(f"INCLUDE ItemID WHERE {condition}", current_item=item)


def test_the_current_item_must_be_named() -> None:
    """A filter that reads CurrentItem is refused where no item was named."""
    with pytest.raises(ServiceError, match=r"itemId is required: the filter reads CurrentItem\.PRICE"):
        _allowed("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE")


def test_users_of_a_segment() -> None:
    """A filter on UserID chooses among users by the columns of the Users dataset."""
    users = Table(
        {
            "USER_ID": Text(np.array([0, 1, 2], np.int32), ("ann", "bob", "cem")),
            "AGE": Numbers(np.array([17.0, 30.0, np.nan])),
            "CITY": Text(np.array([0, 0, -1], np.int32), ("Rome",)),
        }
    )
    parsed = parse_filter(
        'INCLUDE UserID WHERE Users.AGE >= $AGE | EXCLUDE UserID WHERE Users.CITY IN ("Oslo")', SCHEMAS
    )
    mask = FilterRequest(
        parsed,
        {"AGE": "18"},
        columns=lambda: ItemColumns(users, ("cem", "bob", "ann", "new"), key="USER_ID"),
        interactions=lambda: UserInteractions((), ()),
        user=dict,
        n_items=4,
    ).mask()
    assert [False, True, False, False] == mask.tolist()


def test_kept_masks_are_not_spoiled() -> None:
    """The same columns answer the same, whatever was asked between; and one condition is computed once."""
    columns = ItemColumns(TABLE, ITEMS)

    def allowed(text: str, **values: str) -> list[bool]:
        mask = FilterRequest(
            parse_filter(text, SCHEMAS),
            values,
            columns=lambda: columns,
            interactions=lambda: UserInteractions((1,), ("click",)),
            user=dict,
            n_items=len(ITEMS),
        ).mask()
        return [bool(one) for one in mask]

    dear = "INCLUDE ItemID WHERE Items.PRICE > $P"
    first = allowed(dear, P="60")
    assert [True, False, False, False] == first
    assert [True, True, False, False] == allowed(dear + " | INCLUDE ItemID WHERE Items.PRICE < 60", P="60")
    assert [True, False, False, False] == allowed(dear + ' AND Items.KIND IN ("foot")', P="60")
    assert [True, False, False, False] == allowed(
        dear + ' | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', P="60"
    )
    assert first == allowed(dear, P="60")
    (condition,) = parse_filter(dear, SCHEMAS).expressions[0].any_of[0]
    assert columns.matches(condition, ["60"]) is columns.matches(condition, ["60"])


@given(
    st.lists(st.one_of(st.none(), st.sets(st.sampled_from("abcd"), min_size=1)), min_size=1, max_size=8),
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=3),
    st.booleans(),
)
def test_strings_match_as_sets_do(cells: list[set[str] | None], wanted: list[str], negated: bool) -> None:
    """For any cells and values the mask is what sets of values say, one item at a time."""
    names = [f"i{number}" for number in range(len(cells))]
    builder = TableBuilder(SCHEMAS["ITEMS"])
    for name, cell in zip(names, cells, strict=True):
        builder.add({"ITEM_ID": name, "KIND": "|".join(sorted(cell)) if cell else None, "PRICE": None})
    mask = ItemColumns(builder.table(), names[::-1]).matches(
        Condition("Items", "KIND", "NOT IN" if negated else "IN", tuple(wanted)), wanted
    )
    assert [cell is not None and bool(cell & set(wanted)) != negated for cell in cells[::-1]] == mask.tolist()


LONGS = st.integers(-(2**63), 2**63 - 1)
NEAR = st.sampled_from([2**53 + 1, 2**53 + 2, -(2**53) - 1, 2**63 - 1, 0, 1])


@given(
    st.lists(st.none() | LONGS | NEAR, min_size=1, max_size=6),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    LONGS | NEAR | st.integers() | st.floats(-1e15, 1e15),
)
def test_integers_are_compared_to_the_last_digit(cells: list[int | None], compare: str, wanted: float) -> None:
    """Literal, placeholder and current item alike, as Python compares; null fulfils nothing."""
    schema = Schema("Items", (Field("ITEM_ID", "string", False, False, False), Field("AT", "long", True, False, False)))
    builder = TableBuilder(schema)
    names = [f"i{number}" for number in range(len(cells))]
    for name, cell in zip(names, cells, strict=True):
        builder.add({"ITEM_ID": name, "AT": cell})
    columns = ItemColumns(builder.table(), names)
    holds = {"=": "==", **{one: one for one in ("!=", "<", "<=", ">", ">=")}}[compare]
    expected = [cell is not None and eval(f"cell {holds} wanted", {"cell": cell, "wanted": wanted}) for cell in cells]  # noqa: S307
    in_items = f"INCLUDE ItemID WHERE Items.AT {compare} "
    for text, values, item in (
        (f"{in_items}{wanted!r}", {}, {}),
        (f"{in_items}$AT", {"AT": repr(wanted)}, {}),
        (f"{in_items}CurrentItem.AT", {}, {"AT": wanted}),
    ):
        mask = FilterRequest(
            parse_filter(text, {"ITEMS": schema}),
            values,
            columns=lambda: columns,
            interactions=lambda: UserInteractions((), ()),
            user=dict,
            n_items=len(names),
            current_item=lambda item=item: item,  # type: ignore[misc]
        ).mask()
        assert expected == mask.tolist()


@pytest.mark.parametrize(
    ("below", "literal", "above"),
    [
        (123456789012345678, "123456789012345678.5", 123456789012345679),
        (-123456789012345679, "-123456789012345678.5", -123456789012345678),
        (2**53 - 2, "9007199254740990.6", 2**53 - 1),
        (2**63 - 2, "9223372036854775806.000000001", 2**63 - 1),
        (0, "0.99999999999999999999", 1),
        (0, "1e-999999999", 1),
        (-1, "-1e-400", 0),
    ],
)
def test_fractions_that_a_double_loses_are_compared_as_written(below: int, literal: str, above: int) -> None:
    """Between two neighbours, for literals, placeholders and the user: equal to none, above the one, below the other."""
    schema = Schema("Items", (Field("ITEM_ID", "string", False, False, False), Field("AT", "long", True, False, False)))
    users = Schema("Users", (Field("SHOP", "long", True, False, False),))
    builder = TableBuilder(schema)
    for name, cell in (("boot", below), ("shoe", above), ("hat", None)):
        builder.add({"ITEM_ID": name, "AT": cell})
    columns = ItemColumns(builder.table(), ITEMS)

    def allowed(text: str, user: int = 0, **values: str) -> set[str]:
        mask = FilterRequest(
            parse_filter(text, {"ITEMS": schema, "USERS": users}),
            values,
            columns=lambda: columns,
            interactions=lambda: UserInteractions((), ()),
            user=lambda: {"SHOP": user},
            n_items=len(ITEMS),
        ).mask()
        return {name for name, one in zip(ITEMS, mask, strict=True) if one}

    for compare, expected in {
        "=": set(),
        "!=": {"boot", "shoe"},
        "<": {"boot"},
        "<=": {"boot"},
        ">": {"shoe"},
        ">=": {"shoe"},
    }.items():
        assert expected == allowed(f"INCLUDE ItemID WHERE Items.AT {compare} {literal}")
        assert expected == allowed(f"INCLUDE ItemID WHERE Items.AT {compare} $AT", AT=literal)
    assert set() == allowed(f"INCLUDE ItemID WHERE Items.AT IN ({literal})")
    assert {"boot", "shoe"} == allowed(f"INCLUDE ItemID WHERE Items.AT NOT IN ({literal})")
    only = f"EXCLUDE ItemID WHERE Items.AT > -9223372036854775808 IF CurrentUser.SHOP > {literal}"
    assert set(ITEMS) == allowed(only, below)
    assert {"hat", "absent"} == allowed(only, above)


def test_a_column_of_doubles_is_compared_as_doubles() -> None:
    """A cell lost the same digits when it was read: the literal that stands in the file finds it."""
    builder = TableBuilder(SCHEMAS["ITEMS"])
    for name, cell in (("boot", 123456789012345678.5), ("shoe", 0.1)):
        builder.add({"ITEM_ID": name, "KIND": None, "PRICE": cell})
    columns = ItemColumns(builder.table(), ["boot", "shoe"])
    for literal, expected in (("123456789012345678.5", [True, False]), ("0.1", [False, True])):
        parsed = parse_filter(f"INCLUDE ItemID WHERE Items.PRICE = {literal}", SCHEMAS)
        request = FilterRequest(
            parsed, {}, columns=lambda: columns, interactions=lambda: UserInteractions((), ()), user=dict, n_items=2
        )
        assert expected == request.mask().tolist()


def test_lists_of_integers_and_the_user_are_exact_too() -> None:
    """IN and NOT IN of integers above 2**53, and a CurrentUser with one."""
    schema = Schema("Items", (Field("ITEM_ID", "string", False, False, False), Field("AT", "long", True, False, False)))
    users = Schema("Users", (Field("SHOP", "long", True, False, False),))
    builder = TableBuilder(schema)
    for name, cell in (("boot", 2**53 + 1), ("shoe", 2**53), ("hat", None)):
        builder.add({"ITEM_ID": name, "AT": cell})
    columns = ItemColumns(builder.table(), ITEMS)

    def allowed(text: str, **user: int) -> set[str]:
        mask = FilterRequest(
            parse_filter(text, {"ITEMS": schema, "USERS": users}),
            {},
            columns=lambda: columns,
            interactions=lambda: UserInteractions((), ()),
            user=lambda: user,
            n_items=len(ITEMS),
        ).mask()
        return {name for name, one in zip(ITEMS, mask, strict=True) if one}

    assert {"boot"} == allowed("INCLUDE ItemID WHERE Items.AT IN (9007199254740993, 1e30)")
    assert {"shoe"} == allowed("INCLUDE ItemID WHERE Items.AT NOT IN (9007199254740993)")
    only = "EXCLUDE ItemID WHERE Items.AT > 0 IF CurrentUser.SHOP = 9007199254740993"
    assert {"hat", "absent"} == allowed(only, SHOP=2**53 + 1)
    assert set(ITEMS) == allowed(only, SHOP=2**53)


def test_users_of_a_segment_by_what_they_did() -> None:
    """A filter on UserID reads Interactions: every user with an interaction of the type, in any case."""
    did = UserInteractions((0, 1, 1, 2), ("click", "view", "rating", "view"))

    def allowed(text: str, **values: str) -> list[bool]:
        mask = FilterRequest(
            parse_filter(text, SCHEMAS),
            values,
            columns=lambda: ItemColumns(None, ("a", "b", "c", "d"), key="USER_ID"),
            interactions=lambda: did,
            user=dict,
            n_items=4,
        ).mask()
        return [bool(one) for one in mask]

    assert [True, True, False, False] == allowed('INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("Click", "rating")')
    excluding = "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)"
    assert [True, False, False, True] == allowed(excluding, EVENT_TYPE='"view"')
    assert [True] * 4 == allowed(excluding)
    assert [False, False, False, True] == allowed('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")')
