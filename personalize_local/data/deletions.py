"""Data deletion jobs: every trace of some users leaves the imported tables.

Source: developer guide, "Deleting users and their data". The files have one column, USER_ID, and are read in
sub-folders too.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from personalize_local.data.csv_dialect import read_rows
from personalize_local.data.objects import ObjectError, Objects, at_most
from personalize_local.data.tables import Table

_COLUMN = "USER_ID"


class DeletionError(Exception):
    """Why a data deletion job ends in FAILED: its `failureReason`."""


def users_to_delete(objects: Objects, location: str, *, most_bytes: int) -> list[str]:
    """The user ids in the CSV files at `location`, each once; DeletionError when they have more bytes together."""
    users: dict[str, None] = {}
    try:
        for name, content in at_most(objects.find(location), most_bytes):
            users |= dict.fromkeys(_column(name, content))
    except ObjectError as error:
        raise DeletionError(str(error)) from error
    return list(users)


def _column(name: str, content: bytes) -> list[str]:
    try:
        rows = list(read_rows(content.decode("utf-8-sig")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DeletionError(f"{name} cannot be read: {error}") from error
    if not rows or [cell.strip().upper() for cell in rows[0]] != [_COLUMN]:
        raise DeletionError(f"{name} must have the single column {_COLUMN}.")
    return [row[0] for row in rows[1:] if row]


def delete_from_tables(users: list[str], folders: Mapping[str, str]) -> tuple[list[str], int]:
    """Write each table (folder) without the users to the other folder, if they are in it.

    `folders` maps where a table lies to where its rest goes. Returns the folders that were replaced, and how many rows
    left in all.
    """
    changed: list[str] = []
    deleted = 0
    leaving = set(users)
    for source, target in folders.items():
        table = Table.load(Path(source))
        if _COLUMN not in table.columns:
            continue
        column = table.text(_COLUMN)
        gone = np.array([value in leaving for value in column.values] + [False], bool)[column.codes]
        if gone.any():
            if not Path(target).exists():  # a deletion that was interrupted after this line is run again
                table.of(~gone).without_unused(_COLUMN).save(Path(target))
            changed.append(source)
            deleted += int(gone.sum())
    return changed, deleted
