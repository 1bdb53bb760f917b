"""The CSV dialect of the service, for whatever reads or writes CSV: imports, data deletions and exports.

Source: developer guide, "Common error messages" and "Preparing item metadata for training": text is wrapped in double
quotes, and a backslash escapes a double quote or a backslash in it. What the guide leaves open is read as most programs
write it: a doubled quote in quotes is a quote, a quoted cell may hold commas and line breaks, lines end with `\\n`,
`\\r\\n` or `\\r`. A backslash before anything else is a backslash.

The same escapes are read without quotes around the cell, as Python's and pandas' writers put them there.

What is to be imported is written in the guide's words (`write_row`). Of the dialect of exports the guide says nothing:
they are what any CSV reader takes (RFC 4180), and can be imported again (`write_export_row`).
"""

import csv
import io
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

csv.field_size_limit(sys.maxsize)  # of its own the module refuses a cell above 131,072 characters
_CELL = re.compile(
    r"""
    "(?:[^"\\]++|""|\\.?)*+"?  # quoted, up to its end or that of the text
    | [^",\r\n][^,\r\n]*+      # not quoted
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\])')
_QUOTED_ESCAPE = re.compile(r'\\(["\\])|""')
_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$')
_LIKE_AN_ESCAPE = re.compile(r'\\(?=["\\])')
_LIKE_AN_ESCAPE_IN_QUOTES = re.compile(r'\\(?=["\\]|\Z)')


def read_rows(text: str) -> "Reader":
    """A reader of the rows, each a list of cells; its `line_num` is the last line read. csv.Error where it cannot."""
    # Cells with escapes get the form that Python's reader knows: in quotes, and a quote doubled.
    plain = text if "\\" not in text else _CELL.sub(_doubled, text)
    return csv.reader(io.StringIO(plain, newline=""), strict=True)


def _doubled(cell: re.Match[str]) -> str:
    given = cell[0]
    if "\\" not in given:
        return given
    if given[0] != '"':
        found = _ESCAPE.sub(r"\1", given)
        return given if found == given else '"' + found.replace('"', '""') + '"'
    return _QUOTED_ESCAPE.sub(lambda pair: "\\" if pair[1] == "\\" else '""', given)


def write_row(cells: Iterable[str]) -> str:
    """The cells as a line for an import, with its end: backslashes escape quotes and backslashes."""
    return ",".join(map(_written, cells)) + "\n"


def write_export_row(cells: Iterable[str]) -> str:
    """The cells as a line of an export, with its end: quotes are doubled.

    A backslash is written as it is, and twice only where `read_rows` would take it for the beginning of an escape.
    """
    return ",".join(map(_exported, cells)) + "\n"


def _exported(cell: str) -> str:
    if not _NEEDS_QUOTES.search(cell):
        return cell if "\\" not in cell else _LIKE_AN_ESCAPE.sub(r"\\\\", cell)
    return '"' + _LIKE_AN_ESCAPE_IN_QUOTES.sub(r"\\\\", cell).replace('"', '""') + '"'


def _written(cell: str) -> str:
    if "\\" not in cell and not _NEEDS_QUOTES.search(cell):
        return cell
    return '"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"'
