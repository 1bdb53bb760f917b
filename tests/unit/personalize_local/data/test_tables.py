"""Columns: what is stored comes back, joins and loses its repetitions."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.data.tables import Table, TableBuilder, Text, concatenate
from personalize_local.model.schemas import Field, Schema

SCHEMA = Schema(
    "Items",
    (
        Field("ID", "string", False, False, False),
        Field("KIND", "string", True, True, False),
        Field("PRICE", "double", True, False, False),
        Field("AT", "long", True, False, False),
    ),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
        st.none() | st.floats(-1e6, 1e6),
        st.none() | st.integers(-(2**63), 2**63 - 1),
    ),
    max_size=30,
)


def _table(rows: list[tuple[str, str | None, float | None, int | None]]) -> Table:
    builder = TableBuilder(SCHEMA)
    for row in rows:
        builder.add(dict(zip(SCHEMA.names, row, strict=True)))
    return builder.table()


def _cells(table: Table) -> list[tuple[str, ...]]:
    return list(zip(*(column.cells() for column in table.columns.values()), strict=True))


def _shown(row: tuple[str, str | None, float | None, int | None]) -> tuple[str, ...]:
    return tuple("" if cell is None else cell if isinstance(cell, str) else repr(cell) for cell in row)


@given(ROWS)
def test_cells_come_back(rows: list[tuple[str, str | None, float | None, int | None]]) -> None:
    """Cells are the row's values as text, empty for null."""
    assert [_shown(row) for row in rows] == _cells(_table(rows))


@given(ROWS, ROWS)
def test_tables_are_joined_in_order(
    first: list[tuple[str, str | None, float | None, int | None]],
    second: list[tuple[str, str | None, float | None, int | None]],
) -> None:
    """Two tables one after the other are the table of all rows."""
    assert [_shown(row) for row in first + second] == _cells(concatenate([_table(first), _table(second)], SCHEMA))


@given(ROWS)
def test_the_first_of_equal_rows_stays(rows: list[tuple[str, str | None, float | None, int | None]]) -> None:
    """`distinct_by` keeps the first row of each key, and `last_of_each` the last, in order."""
    firsts: dict[tuple[str, int | None], tuple[str, ...]] = {}
    lasts: dict[str, int] = {}
    for place, row in enumerate(rows):
        firsts.setdefault((row[0], row[3]), _shown(row))
        lasts[row[0]] = place
    assert list(firsts.values()) == _cells(_table(rows).distinct_by(("ID", "AT")))
    assert [_shown(rows[place]) for place in sorted(lasts.values())] == _cells(_table(rows).last_of_each("ID"))


def test_tables_survive_the_disk(tmp_path: Path) -> None:
    """What is saved is loaded; a file without pickle."""
    table = _table([("a", "x|y", 1.5, 7), ("b", None, None, None)])
    table.save(tmp_path / "table")
    assert _cells(table) == _cells(Table.load(tmp_path / "table"))
    with np.load(tmp_path / "table" / "columns.npz", allow_pickle=False) as arrays:
        assert {"000", "001", "002", "003", "003-known"} == set(arrays.files)


def test_a_missing_column_is_null() -> None:
    """A table of an older schema has null in the columns that came since."""
    old = Schema("Items", SCHEMA.fields[:1])
    builder = TableBuilder(old)
    builder.add({"ID": "a"})
    assert [("a", "", "", "")] == _cells(concatenate([builder.table()], SCHEMA))


def test_columns_know_their_type() -> None:
    """Asking a column of numbers for text, or the other way round, is an error."""
    table = _table([("a", None, 1.0, 2)])
    with pytest.raises(TypeError, match="PRICE"):
        table.text("PRICE")
    with pytest.raises(TypeError, match="ID"):
        table.numbers("ID")


def test_tables_of_older_versions_are_read(tmp_path: Path) -> None:
    """Whole numbers lay there as doubles, with NaN for null; they join what came since."""
    folder = tmp_path / "table"
    folder.mkdir()
    described = [
        {"name": "ID", "values": ["a", "b"]},
        {"name": "KIND", "values": []},
        {"name": "PRICE", "whole": False},
        {"name": "AT", "whole": True},
    ]
    (folder / "columns.json").write_text(json.dumps(described))
    nulls = np.full(2, -1, np.int32)
    arrays = [np.array([0, 1], np.int32), nulls, np.array([1.5, np.nan]), np.array([1_700_000_000.0, np.nan])]
    np.savez(
        folder / "columns.npz", allow_pickle=False, **{f"{place:03d}": array for place, array in enumerate(arrays)}
    )
    old = Table.load(folder)
    assert [("a", "", "1.5", "1700000000"), ("b", "", "", "")] == _cells(old)
    new = _table([("c", None, None, 2**53 + 1)])
    assert ("c", "", "", "9007199254740993") == _cells(concatenate([old, new], SCHEMA))[-1]
    assert [1.7e9, None] == [None if at != at else at for at in old.numbers("AT").tolist()]


def test_reserved_columns_that_an_older_version_wrote_in_any_case_are_found(tmp_path: Path) -> None:
    """In capitals, as schemas have them now; a column of that name in another dataset keeps it."""
    for folder, names in (
        ("interactions", ("USER_ID", "ITEM_ID", "event_type", "creation_timestamp")),
        ("items", ("ITEM_ID", "event_type", "creation_timestamp")),
    ):
        Table({name: Text(np.array([0], np.int32), ("x",)) for name in names}).save(tmp_path / folder)
    assert ["USER_ID", "ITEM_ID", "EVENT_TYPE", "creation_timestamp"] == [
        *Table.load(tmp_path / "interactions").columns
    ]
    assert ["ITEM_ID", "event_type", "CREATION_TIMESTAMP"] == [*Table.load(tmp_path / "items").columns]
