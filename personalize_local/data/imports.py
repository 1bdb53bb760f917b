"""Bulk imports: CSV files in S3 become a table on disk.

Source: developer guide, "Preparing training data" and "Error messages". The guide does not say what happens to single
rows that cannot be read; here the import fails and names the first one, which no correct file notices.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalize_local.data.cells import exact, integer
from personalize_local.data.csv_dialect import read_rows
from personalize_local.data.objects import ObjectError, Objects, at_most
from personalize_local.data.tables import Table, TableBuilder
from personalize_local.model.schemas import NUMBERS, WHOLE, Field, Schema

_ID_LENGTH = 256
_TEXT_LENGTH = 1000


class ImportJobError(Exception):
    """Why an import ends in CREATE FAILED: its `failureReason`."""


def import_csv(
    objects: Objects,
    location: str,
    schema: Schema,
    dataset_type: str,
    folder: Path,
    *,
    most_bytes: int,
    least_interactions: int,
) -> int:
    """Read the CSV at `location`, write its table to `folder`, and return the number of rows kept.

    Interactions that are equal in user, item, type and time collapse into one; the last of several items or users with
    one id is kept. Raises ImportJobError.
    """
    builder = TableBuilder(schema)
    try:
        for name, content in at_most(objects.read(location), most_bytes):
            _read(name, content, schema, builder)
    except ObjectError as error:
        raise ImportJobError(str(error)) from error
    table = _unique(builder.table(), dataset_type)
    if dataset_type == "INTERACTIONS" and len(table) < least_interactions:
        raise ImportJobError(
            f"An import of interactions needs at least {least_interactions} different rows; this one has {len(table)}."
        )
    if not folder.exists():  # an import that was interrupted after this line is run again
        table.save(folder)
    return len(table)


def _unique(table: Table, dataset_type: str) -> Table:
    if dataset_type != "INTERACTIONS":
        return table.last_of_each(KEYS[dataset_type])
    identity = [name for name in ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE") if name in table.columns]
    return table.distinct_by(identity)


KEYS = {"ITEMS": "ITEM_ID", "USERS": "USER_ID"}
"""The column that names a record, by dataset type."""


def _read(name: str, content: bytes, schema: Schema, builder: TableBuilder) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportJobError(f"{name} is not UTF-8: {error}") from error
    rows = read_rows(text)
    header = [cell.strip() for cell in _next_row(name, rows)]
    places = list(zip(column_places(name, header, schema.names), schema.fields, strict=True))
    while row := _next_row(name, rows):
        if len(row) != len(header):
            raise ImportJobError(f"{name}, line {rows.line_num}: {len(row)} cells under {len(header)} columns.")
        builder.add({field.name: _cell(name, rows.line_num, field, row[place]) for place, field in places})


def column_places(name: str, header: list[str], columns: tuple[str, ...]) -> list[int]:
    """Where the columns stand in a header; case does not matter, as little as in the names of filters.

    ImportJobError when a column is missing, or when two cells of the header could be it.
    """
    by_name: dict[str, list[int]] = {}
    for place, cell in enumerate(header):
        by_name.setdefault(cell.upper(), []).append(place)
    missing = [column for column in columns if column.upper() not in by_name]
    if missing:
        raise ImportJobError(f"Input CSV is missing the following columns:[{', '.join(missing)}].")
    for column in columns:
        found = by_name[column.upper()]
        if len(found) > 1:
            given = ", ".join(header[place] for place in found)
            raise ImportJobError(f"{name} has more than one column {column} (case does not matter): {given}.")
    return [by_name[column.upper()][0] for column in columns]


def _next_row(name: str, rows: Any) -> list[str]:
    """The next row that is not blank; an empty list at the end."""
    try:
        return next((row for row in rows if row), [])
    except csv.Error as error:
        raise ImportJobError(f"{name}, line {rows.line_num}: {error}.") from error


def _cell(name: str, line: int, field: Field, cell: str) -> str | float | None:
    if not cell:
        if not field.nullable:
            raise ImportJobError(f"{name}, line {line}: {field.name} is empty, and the schema does not allow null.")
        return None
    if field.type in NUMBERS:
        number = integer(cell) if field.type in WHOLE else exact(cell)
        if number is None:
            whole = "a whole number of 64 bits" if isinstance(exact(cell), int) else "a whole number"
            expected = whole if field.type in WHOLE else "a number"
            raise ImportJobError(f"{name}, line {line}: {field.name} must be {expected}, not {cell[:40]!r}.")
        return number
    limit = _ID_LENGTH if field.name in ("USER_ID", "ITEM_ID") else _TEXT_LENGTH
    if len(cell) > limit and not field.textual:
        raise ImportJobError(
            f"{name}, line {line}: Length cannot be more than {limit} characters for {field.name}. If no values exceed"
            " the character limit, make sure your data follows the formatting guidelines listed in"
            " https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html."
        )
    return cell


def tables(folders: list[str]) -> Iterator[Table]:
    """The tables of imports, in order."""
    return (Table.load(Path(folder)) for folder in folders)
