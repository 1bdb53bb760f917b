"""A dataset's rows by column, in memory and on disk: what imports write, and training, filters and exports read.

Text is coded by a vocabulary, with -1 for null. Numbers are doubles, with NaN for null; those of the types `int` and
`long` are 64-bit integers, of which every digit counts, with a mask of the nulls beside them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from personalize_local.model.schemas import NUMBERS, WHOLE, Field, Schema, column_name

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice


@dataclass(frozen=True, slots=True)
class Text:
    """A column of strings: codes [n] into `values`, -1 for null."""

    codes: Int32
    values: tuple[str, ...]

    def cells(self) -> list[str]:
        """The strings, empty for null."""
        named = (*self.values, "")
        return [named[code] for code in self.codes]

    def of(self, rows: Rows) -> "Text":
        return Text(self.codes[rows], self.values)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers [n], NaN for null."""

    values: Float64

    def cells(self) -> list[str]:
        """The numbers as text, empty for null."""
        return ["" if value != value else repr(value) for value in self.values.tolist()]

    def of(self, rows: Rows) -> "Numbers":
        return Numbers(self.values[rows])


@dataclass(frozen=True, slots=True)
class Integers:
    """A column of integers [n]; where `known` [n] is false there is none, and the value is 0."""

    values: Int64
    known: npt.NDArray[np.bool_]

    @classmethod
    def of_cells(cls, cells: Sequence[int | float | None]) -> "Integers":
        """The column of these cells; a float has no fraction."""
        return cls(
            np.array([0 if cell is None else int(cell) for cell in cells], np.int64),
            np.array([cell is not None for cell in cells], bool),
        )

    @classmethod
    def of_numbers(cls, values: Float64) -> "Integers":
        """The column that a table of an older version held as doubles."""
        known = ~np.isnan(values)
        return cls.of_cells([value if there else None for value, there in zip(values.tolist(), known, strict=True)])

    def cells(self) -> list[str]:
        """The integers as text, empty for null."""
        return [str(value) if there else "" for value, there in zip(self.values.tolist(), self.known, strict=True)]

    def of(self, rows: Rows) -> "Integers":
        return Integers(self.values[rows], self.known[rows])

    @property
    def numbers(self) -> Float64:
        """The nearest doubles, NaN for null."""
        return np.where(self.known, self.values.astype(np.float64), np.nan)


Column = Text | Numbers | Integers


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, in the schema's order."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return next((len(_arrays(column)[0]) for column in self.columns.values()), 0)

    def text(self, name: str) -> Text:
        column = self.columns[name]
        if not isinstance(column, Text):
            raise TypeError(f"{name} is a column of numbers")
        return column

    def numbers(self, name: str) -> Float64:
        """The numbers of a column, NaN for null; integers above 2**53 as the nearest doubles."""
        column = self.columns[name]
        if isinstance(column, Text):
            raise TypeError(f"{name} is a column of text")
        return column.values if isinstance(column, Numbers) else column.numbers

    def of(self, rows: Rows) -> "Table":
        """The rows that an index array or a mask chooses."""
        return Table({name: column.of(rows) for name, column in self.columns.items()})

    def distinct_by(self, names: Sequence[str]) -> "Table":
        """The table without rows that repeat an earlier one in these columns; the order stays."""
        keys = [np.nan_to_num(key, nan=-np.inf) for name in names for key in _arrays(self.columns[name])]
        order = np.lexsort(keys)  # stable: of equal rows the first comes first
        new = np.zeros(len(self), bool)
        for key in keys:
            ordered = key[order]
            new[1:] |= ordered[1:] != ordered[:-1]
        new[:1] = True
        return self.of(np.sort(order[new]))

    def last_of_each(self, name: str) -> "Table":
        """The last row of each value of a text column, as records that replace earlier ones."""
        codes = self.text(name).codes
        return self.of(np.sort(len(codes) - 1 - np.unique(codes[::-1], return_index=True)[1]))

    def without_unused(self, name: str) -> "Table":
        """The table with only those values in the vocabulary of a text column that some row has."""
        column = self.text(name)
        used = np.unique(column.codes[column.codes >= 0])
        places = np.full(len(column.values) + 1, -1, np.int32)
        places[used] = np.arange(len(used), dtype=np.int32)
        kept = Text(places[column.codes], tuple(column.values[code] for code in used))
        return Table({**self.columns, name: kept})

    def save(self, folder: Path) -> None:
        """Write the table into a new folder that appears at once or not at all."""
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{place:03d}{suffix}": array
            for place, column in enumerate(self.columns.values())
            for suffix, array in zip(("", _KNOWN), _arrays(column), strict=False)
        }
        with (partial / "columns.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        described: list[dict[str, Any]] = [
            {"name": name, "values": column.values}
            if isinstance(column, Text)
            else {"name": name, "whole": isinstance(column, Integers)}
            for name, column in self.columns.items()
        ]
        (partial / "columns.json").write_text(json.dumps(described), encoding="utf-8")
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "Table":
        """The table that `save` wrote."""
        described = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        with np.load(folder / "columns.npz", allow_pickle=False) as arrays:
            loaded = [_loaded(column, place, arrays) for place, column in enumerate(described)]
        # An older version wrote reserved columns as the schema did, in any case.
        written = [str(column["name"]) for column in described]
        dataset_type = "USERS" if "ITEM_ID" not in written else "INTERACTIONS" if "USER_ID" in written else "ITEMS"
        return cls({column_name(name, dataset_type): column for name, column in zip(written, loaded, strict=True)})


_KNOWN = "-known"


def _loaded(described: Mapping[str, Any], place: int, arrays: Mapping[str, npt.NDArray[Any]]) -> Column:
    name = f"{place:03d}"
    if "values" in described:
        return Text(arrays[name], tuple(described["values"]))
    if not described["whole"]:
        return Numbers(arrays[name])
    if f"{name}{_KNOWN}" not in arrays:
        return Integers.of_numbers(arrays[name])
    return Integers(arrays[name], arrays[f"{name}{_KNOWN}"])


def _arrays(column: Column) -> tuple[npt.NDArray[Any], ...]:
    """What the column is made of; rows that are equal in all of these have the same cell."""
    match column:
        case Text():
            return (column.codes,)
        case Numbers():
            return (column.values,)
        case Integers():
            return (column.values, column.known)


def concatenate(tables: Sequence[Table], schema: Schema) -> Table:
    """The tables one after the other, with the schema's columns; a column that a table lacks is null there."""
    return Table({field.name: _concatenate(field, tables) for field in schema.fields})


def _concatenate(field: Field, tables: Sequence[Table]) -> Column:
    if field.type in WHOLE:
        whole = [_integers(table, field.name) for table in tables] or [Integers.of_cells([])]
        return Integers(*(np.concatenate(arrays) for arrays in zip(*map(_arrays, whole), strict=True)))
    if field.type in NUMBERS:
        parts = [
            table.numbers(field.name) if field.name in table.columns else np.full(len(table), np.nan)
            for table in tables
        ]
        return Numbers(np.concatenate(parts) if parts else np.empty(0))
    places: dict[str, int] = {}
    codes = []
    for table in tables:
        if field.name not in table.columns:
            codes.append(np.full(len(table), -1, np.int32))
            continue
        column = table.text(field.name)
        moved = [places.setdefault(value, len(places)) for value in column.values]
        codes.append(np.array([*moved, -1], np.int32)[column.codes])
    return Text(np.concatenate(codes) if codes else np.empty(0, np.int32), tuple(places))


def _integers(table: Table, name: str) -> Integers:
    column = table.columns.get(name)
    if isinstance(column, Integers):
        return column
    return Integers.of_numbers(np.full(len(table), np.nan) if column is None else table.numbers(name))


class TableBuilder:
    """Collects rows of cells, and makes the table."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._places: dict[str, dict[str, int]] = {field.name: {} for field in schema.fields}
        self._cells: dict[str, list[Any]] = {field.name: [] for field in schema.fields}

    def add(self, row: Mapping[str, str | float | None]) -> None:
        """Add one row; numbers for the columns of numbers, strings for the others, None for null."""
        for field in self._schema.fields:
            cell = row.get(field.name)
            if field.type in WHOLE:
                self._cells[field.name].append(cell)
            elif field.type in NUMBERS:
                self._cells[field.name].append(np.nan if cell is None else cell)
            elif cell is None:
                self._cells[field.name].append(-1)
            else:
                places = self._places[field.name]
                self._cells[field.name].append(places.setdefault(str(cell), len(places)))

    def table(self) -> Table:
        """All rows so far."""
        return Table(
            {
                field.name: _built(field, self._cells[field.name], tuple(self._places[field.name]))
                for field in self._schema.fields
            }
        )


def _built(field: Field, cells: list[Any], values: tuple[str, ...]) -> Column:
    if field.type in WHOLE:
        return Integers.of_cells(cells)
    if field.type in NUMBERS:
        return Numbers(np.array(cells, np.float64))
    return Text(np.array(cells, np.int32), values)
