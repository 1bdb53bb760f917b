"""The CSV dialect of the guide: what is read, what is written, and that the one reads the other."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.data.csv_dialect import read_rows, write_export_row, write_row

CELLS = st.text(st.sampled_from('ab ",\\\r\n\x85\u2028ü|'), max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('a,"Calls himself \\"Rex\\", likes C:\\\\ drives"\n', ["a", 'Calls himself "Rex", likes C:\\ drives']),
        ('a,"Calls himself ""Rex"", at home"\n', ["a", 'Calls himself "Rex", at home']),
        ('a,"both ""here"" and \\"there\\""\n', ["a", 'both "here" and "there"']),
        ('a,"ends with a backslash\\\\",b\n', ["a", "ends with a backslash\\", "b"]),
        ('a,"two\nlines"\r\n', ["a", "two\nlines"]),
        ('a,"C:\\temp",C:\\temp\n', ["a", "C:\\temp", "C:\\temp"]),
        ('a,\\"Rex\\" and C:\\\\\n', ["a", '"Rex" and C:\\']),
        ('a,5" disk,\\\n', ["a", '5" disk', "\\"]),
        ("a,\u2028 \x85 \x1c\n", ["a", "\u2028 \x85 \x1c"]),
        ("a," + "x" * 200_000, ["a", "x" * 200_000]),
    ],
)
def test_cells_are_read_as_the_guide_and_most_programs_write_them(text: str, row: list[str]) -> None:
    """Backslash escapes and doubled quotes, line breaks in quotes, a backslash that escapes nothing, any length."""
    assert [row] == list(read_rows(text))


@pytest.mark.parametrize("text", ['a,"open\n', 'a,"open\\"\n', 'a,"b"c\n', 'a,"b\\\\"c\n'])
def test_broken_quotes_are_errors(text: str) -> None:
    """A quote that never closes, or closes amid a cell, is no cell."""
    with pytest.raises(csv.Error):
        list(read_rows(text))


def test_lines_are_counted_as_the_file_has_them() -> None:
    """The number of the last line read is the file's own, escapes and line breaks in cells or not."""
    rows = read_rows('h,k\na,"\\"1\\"\n2"\nb,3\n')
    assert [1, 3, 4] == [rows.line_num for _ in rows]


@given(ROWS)
def test_what_is_written_is_read(rows: list[list[str]]) -> None:
    """A round trip keeps every cell, and a reader that knows backslash escapes alone reads the same."""
    text = "".join(map(write_row, rows))
    assert rows == list(read_rows(text))
    guide = csv.reader(io.StringIO(text, newline=""), doublequote=False, escapechar="\\", strict=True)
    assert rows == list(guide)


@given(ROWS)
def test_exports_are_read_by_imports_and_by_any_reader(rows: list[list[str]]) -> None:
    """An export comes back whole; a reader of RFC 4180 sees the same wherever no two backslashes or quotes meet."""
    text = "".join(map(write_export_row, rows))
    assert rows == list(read_rows(text))
    simple = [[re.sub(r'\\(?=["\\]|$)', "", cell) for cell in row] for row in rows]
    plain = "".join(map(write_export_row, simple))
    assert simple == list(csv.reader(io.StringIO(plain, newline=""), strict=True))


@given(ROWS)
def test_doubled_quotes_are_read(rows: list[list[str]]) -> None:
    """What Python's own writer makes of cells without a backslash is read as it was."""
    plain = [[cell.replace("\\", "") for cell in row] for row in rows]
    text = io.StringIO()
    csv.writer(text).writerows(plain)
    assert plain == list(read_rows(text.getvalue()))
