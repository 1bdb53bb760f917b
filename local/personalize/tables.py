"""A dataset's rows by column, in memory and on disk: what imports write, and training, filters and exports read.

Text is coded by a vocabulary, numbers are doubles (whole numbers up to 2**53 are exact); -1 and NaN stand for null.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from local.personalize.schemas import NUMBERS, WHOLE, Field, Schema

Int32 = npt.NDArray[np.int32]
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
    whole: bool

    def cells(self) -> list[str]:
        """The numbers as text, empty for null."""
        if self.whole:
            return ["" if value != value else str(int(value)) for value in self.values.tolist()]
        return ["" if value != value else repr(value) for value in self.values.tolist()]

    def of(self, rows: Rows) -> "Numbers":
        return Numbers(self.values[rows], self.whole)


Column = Text | Numbers


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, in the schema's order."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return next((len(_array(column)) for column in self.columns.values()), 0)

    def text(self, name: str) -> Text:
        column = self.columns[name]
        if not isinstance(column, Text):
            raise TypeError(f"{name} is a column of numbers")
        return column

    def numbers(self, name: str) -> Float64:
        column = self.columns[name]
        if not isinstance(column, Numbers):
            raise TypeError(f"{name} is a column of text")
        return column.values

    def of(self, rows: Rows) -> "Table":
        """The rows that an index array or a mask chooses."""
        return Table({name: column.of(rows) for name, column in self.columns.items()})

    def distinct_by(self, names: Sequence[str]) -> "Table":
        """The table without rows that repeat an earlier one in these columns; the order stays."""
        keys = [_key(self.columns[name]) for name in names]
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
        arrays = {f"{place:03d}": _array(column) for place, column in enumerate(self.columns.values())}
        with (partial / "columns.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        described: list[dict[str, Any]] = [
            {"name": name, "values": column.values}
            if isinstance(column, Text)
            else {"name": name, "whole": column.whole}
            for name, column in self.columns.items()
        ]
        (partial / "columns.json").write_text(json.dumps(described), encoding="utf-8")
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "Table":
        """The table that `save` wrote."""
        described = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        with np.load(folder / "columns.npz", allow_pickle=False) as arrays:
            return cls(
                {
                    column["name"]: Text(arrays[f"{place:03d}"], tuple(column["values"]))
                    if "values" in column
                    else Numbers(arrays[f"{place:03d}"], column["whole"])
                    for place, column in enumerate(described)
                }
            )


def _array(column: Column) -> npt.NDArray[Any]:
    return column.codes if isinstance(column, Text) else column.values


def _key(column: Column) -> Float64:
    return column.codes.astype(np.float64) if isinstance(column, Text) else np.nan_to_num(column.values, nan=-np.inf)


def concatenate(tables: Sequence[Table], schema: Schema) -> Table:
    """The tables one after the other, with the schema's columns; a column that a table lacks is null there."""
    return Table({field.name: _concatenate(field, tables) for field in schema.fields})


def _concatenate(field: Field, tables: Sequence[Table]) -> Column:
    if field.type in NUMBERS:
        parts = [
            table.numbers(field.name) if field.name in table.columns else np.full(len(table), np.nan)
            for table in tables
        ]
        return Numbers(np.concatenate(parts) if parts else np.empty(0), field.type in WHOLE)
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
            if field.type in NUMBERS:
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
                field.name: Numbers(np.array(self._cells[field.name], np.float64), field.type in WHOLE)
                if field.type in NUMBERS
                else Text(np.array(self._cells[field.name], np.int32), tuple(self._places[field.name]))
                for field in self._schema.fields
            }
        )
