"""Rows of one generation in the columns of the next."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.deploy.base.errors import DeployError
from tools.deploy.seeding.reshape import Columns, learned_from, reshape, united, without

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Interactions",
        "fields": [
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "DEVICE", "type": ["null", "string"]},
        ],
    }
)
COLUMNS = Columns(("USER_ID", "ITEM_ID", "DEVICE"), frozenset({"DEVICE"}))


def test_columns_come_from_the_schema_in_its_order() -> None:
    """Personalize wants the columns of a file in the order of the schema, and takes null where its type admits it."""
    assert Columns.of_schema(SCHEMA) == COLUMNS


def test_old_columns_go_and_new_ones_are_empty() -> None:
    """A breed with spaces and hyphens stays as it is."""
    old = [{"TIMESTAMP": "7", "USER_ID": "u", "ITEM_ID": "1-domestic short hair-1-1"}]
    expected = [{"USER_ID": "u", "ITEM_ID": "1-domestic short hair-1-1", "DEVICE": ""}]
    assert expected == list(reshape(old, COLUMNS, dataset="interactions"))


def test_a_column_that_must_have_a_value_is_named() -> None:
    """A new column that the old data lack must be nullable; the message says so and where."""
    with pytest.raises(DeployError, match="column ITEM_ID of the new interactions schema has no value"):
        list(reshape([{"USER_ID": "u"}], COLUMNS, dataset="interactions"))


rows = st.lists(st.fixed_dictionaries({"U": st.sampled_from("ab"), "T": st.sampled_from("12")}))


@given(rows, rows)
def test_what_is_there_already_is_taken_out_once_for_each_time(
    first: list[dict[str, str]], more: list[dict[str, str]]
) -> None:
    """Subtraction of multisets: rows + what is there = what was exported, whatever the order."""
    left = list(without([*first, *more], first, ("U", "T")))
    assert sorted(map(str, more)) == sorted(map(str, left))


def test_rows_that_only_the_new_generation_has_change_nothing() -> None:
    """An event that reached the new tracker alone is no reason to drop another."""
    assert [{"U": "a"}] == list(without([{"U": "a"}], [{"U": "b"}], ("U",)))


def test_preferred_rows_win_and_others_are_added() -> None:
    """Items of the new seed stand as they are; items that only the old generation knows are kept."""
    new, old = [{"ID": "1", "V": "new"}], [{"ID": "1", "V": "old"}, {"ID": "2", "V": "old"}, {"ID": "2", "V": "again"}]
    assert [{"ID": "1", "V": "new"}, {"ID": "2", "V": "old"}] == list(united(new, old, "ID"))


def test_events_of_a_type_that_is_observed_by_now_stay_behind() -> None:
    """By the exact type; a row of a schema without types stays."""
    rows = [{"EVENT_TYPE": "DetailView"}, {"EVENT_TYPE": "Shown"}, {"EVENT_TYPE": "shown"}, {"USER_ID": "u"}]
    assert [rows[0], rows[2], rows[3]] == list(learned_from(rows, ("Shown", "LetterOpened")))
    assert rows == list(learned_from(rows, ()))
