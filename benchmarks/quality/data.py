"""Interaction logs for the quality benchmark: any CSV of USER_ID,ITEM_ID,TIMESTAMP, and the MovieLens formats."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float64, Int32

_HEADERS = (("USER_ID", "ITEM_ID", "TIMESTAMP"), ("userId", "movieId", "timestamp"))
"""The columns of the API's CSV, and those of MovieLens' ratings.csv; there may be other columns too."""
_WITHOUT_HEADER = {"u.data": "\t", "ratings.dat": "::"}
"""MovieLens' older files by name, with their separators: user, item, rating, time."""


class LogError(ValueError):
    """The benchmark cannot read the file as a log of interactions."""


@dataclass(frozen=True, slots=True)
class Log:
    """`n` interactions, sorted by user, then time, then item; users and items are numbered by their ids."""

    user: Int32
    """Shape [n]: the user of each interaction."""
    item: Int32
    """Shape [n]: the item of each interaction."""
    time: Float64
    """Shape [n]: the time of each interaction, as in the file."""
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.item)


def read_log(path: Path, *, core: int = 5) -> Log:
    """The log in `path`, first without the items, then without the users that have fewer than `core` events.

    That is the filter behind LlamaRec's table (arXiv:2311.02089): on ml-latest-small 610 users, 3,650 items and 90,274
    events are left. Ids that are all whole numbers are ordered as numbers, others as text; the order of items breaks
    ties in time. LogError when a column is missing or a time is no number.
    """
    rows = list(_rows(path)) if path.stat().st_size else []
    if not rows:
        raise LogError(f"{path.name} holds no interaction")
    users, items, times = zip(*rows, strict=True)
    _, user = np.unique(_ids(users), return_inverse=True)
    _, item = np.unique(_ids(items), return_inverse=True)
    time = np.array(times, np.float64)
    kept = np.bincount(item)[item] >= core
    user, item, time = user[kept], item[kept], time[kept]
    kept = np.bincount(user)[user] >= core if len(user) else np.zeros(0, bool)
    user, item, time = user[kept], item[kept], time[kept]
    if not len(user):
        raise LogError(f"{path.name} has no user and item with {core} events or more")
    names, user = np.unique(user, return_inverse=True)
    catalogue, item = np.unique(item, return_inverse=True)
    order = np.lexsort((item, time, user))
    return Log(
        user[order].astype(np.int32),
        item[order].astype(np.int32),
        time[order],
        n_users=len(names),
        n_items=len(catalogue),
    )


def _rows(path: Path) -> Iterator[tuple[str, str, float]]:
    separator = _WITHOUT_HEADER.get(path.name)
    with path.open(encoding="utf-8", newline="") as file:
        if separator is not None:
            lines: Iterable[Sequence[str]] = (line.rstrip("\n").split(separator) for line in file)
            places: Sequence[int] = (0, 1, 3)
        else:
            lines = csv.reader(file)
            header = next(iter(lines))
            places = _places(path, header)
        for number, row in enumerate(lines, start=1 if separator else 2):
            try:
                user, item, time = (row[place] for place in places)
                yield user, item, float(time)
            except (IndexError, ValueError) as error:
                raise LogError(f"{path.name}, line {number}: expected user, item and time, found {row}") from error


def _places(path: Path, header: Sequence[str]) -> Sequence[int]:
    for columns in _HEADERS:
        if all(column in header for column in columns):
            return [header.index(column) for column in columns]
    raise LogError(
        f"{path.name} has the columns {','.join(header)};"
        f" expected {' or '.join(','.join(columns) for columns in _HEADERS)}, or a file named u.data or ratings.dat"
    )


def _ids(values: Sequence[str]) -> npt.NDArray[np.int64] | npt.NDArray[np.str_]:
    if all(value.isascii() and value.isdigit() for value in values):
        return np.array(values, np.int64)
    return np.array(values)
