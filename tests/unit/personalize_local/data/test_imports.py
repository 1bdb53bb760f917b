"""CSV files by the rules of the guide, and the reasons of those that fail."""

from pathlib import Path

import pytest

from personalize_local.data.imports import ImportJobError, import_csv
from personalize_local.data.objects import FolderObjects
from personalize_local.data.tables import Table
from personalize_local.model.schemas import Field, Schema

ITEMS = Schema(
    "Items",
    (
        Field("ITEM_ID", "string", False, False, False),
        Field("KIND", "string", True, True, False),
        Field("SIZE", "int", True, False, False),
    ),
)
INTERACTIONS = Schema(
    "Interactions",
    (
        Field("USER_ID", "string", False, False, False),
        Field("ITEM_ID", "string", False, False, False),
        Field("TIMESTAMP", "long", False, False, False),
    ),
)

LEAST = 1000
VOLUMES = {"most_bytes": 100_000, "least_interactions": LEAST}


def _import(tmp_path: Path, *files: str, schema: Schema = ITEMS, kind: str = "ITEMS") -> list[tuple[str, ...]]:
    folder = tmp_path / "s3" / "bucket" / "data"
    folder.mkdir(parents=True)
    for number, content in enumerate(files):
        (folder / f"{number}.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "below").mkdir()
    (folder / "below" / "not-read.csv").write_text("no such columns\n")
    import_csv(FolderObjects(tmp_path / "s3"), "s3://bucket/data/", schema, kind, tmp_path / "table", **VOLUMES)
    table = Table.load(tmp_path / "table")
    return list(zip(*(column.cells() for column in table.columns.values()), strict=True))


def test_all_files_of_the_first_level_are_read(tmp_path: Path) -> None:
    """Files in order, columns by name, quotes and blank lines as CSV has them, a byte order mark passed over."""
    rows = _import(
        tmp_path,
        '\ufeffITEM_ID,KIND,SIZE,MORE\na,"x, ""y""",1,-\n\nb,,,-\n',
        "SIZE,ITEM_ID,KIND\r\n2.0,c,ü\r\n",
    )
    assert [("a", 'x, "y"', "1"), ("b", "", ""), ("c", "ü", "2")] == rows


@pytest.mark.parametrize("header", ["item_id,kind,size", "Item_Id,KIND,Size", "SIZE,MORE,kind,iTEM_iD"])
def test_case_does_not_matter_in_headers(tmp_path: Path, header: str) -> None:
    """Columns are found by name however the file spells them, in any order, and are called as in the schema."""
    row = {"ITEM_ID": "a", "KIND": "x", "SIZE": "1", "MORE": "-"}
    line = ",".join(row[name] for name in header.upper().split(","))
    assert [("a", "x", "1")] == _import(tmp_path, f"{header}\n{line}\n")
    assert ["ITEM_ID", "KIND", "SIZE"] == list(Table.load(tmp_path / "table").columns)


@pytest.mark.parametrize("header", ["ITEM_ID,KIND,SIZE,kind", "ITEM_ID,KIND,SIZE,KIND", "item_id,Kind,SIZE,kIND"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str) -> None:
    """Which of them holds the values nobody can say."""
    first, second = (name for name in header.split(",") if name.upper() == "KIND")
    reason = rf"0\.csv has more than one column KIND \(case does not matter\): {first}, {second}"
    with pytest.raises(ImportJobError, match=reason):
        _import(tmp_path, f"{header}\na,x,1,y\n")


def test_columns_that_are_not_asked_for_may_be_there_twice(tmp_path: Path) -> None:
    """Only columns of the schema are read."""
    assert [("a", "x", "1")] == _import(tmp_path, "ITEM_ID,KIND,SIZE,NOTE,note\na,x,1,-,-\n")


def test_the_last_of_an_item_counts(tmp_path: Path) -> None:
    """An item that comes twice has the columns of its last row."""
    assert [("b", "y", "2"), ("a", "z", "3")] == _import(tmp_path, "ITEM_ID,KIND,SIZE\na,x,1\nb,y,2\na,z,3\n")


def test_equal_interactions_collapse(tmp_path: Path) -> None:
    """A thousand different rows are enough, and a repeated one is one."""
    lines = [f"u,i,{time}" for time in range(LEAST)]
    rows = _import(
        tmp_path, "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *lines, lines[3]]), schema=INTERACTIONS, kind="INTERACTIONS"
    )
    assert LEAST == len(rows)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "missing the following columns:[ITEM_ID, KIND, SIZE]"),
        ("ITEM_ID,SIZE\na,1\n", "Input CSV is missing the following columns:[KIND]."),
        ("ITEM_ID,KIND,SIZE\na,x\n", "0.csv, line 2: 2 cells under 3 columns"),
        ("ITEM_ID,KIND,SIZE\n,x,1\n", "line 2: ITEM_ID is empty"),
        ("ITEM_ID,KIND,SIZE\na,x,1.5\n", "line 2: SIZE must be a whole number, not '1.5'"),
        ("ITEM_ID,KIND,SIZE\na,x,nan\n", "SIZE must be a whole number"),
        (f"ITEM_ID,KIND,SIZE\n{'a' * 257},x,1\n", "Length cannot be more than 256 characters for ITEM_ID."),
        (f"ITEM_ID,KIND,SIZE\na,{'x' * 1001},1\n", "Length cannot be more than 1000 characters for KIND."),
        ('ITEM_ID,KIND,SIZE\na,"x,1\n', "line"),
        (b"ITEM_ID,KIND,SIZE\n\xff,x,1\n", "not UTF-8"),
    ],
)
def test_bad_files_fail_with_the_place(tmp_path: Path, content: str, reason: str) -> None:
    """The reason names the file, the line and the column."""
    with pytest.raises(ImportJobError) as caught:
        _import(tmp_path, content)
    assert reason in str(caught.value)
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize(
    "location", ["s3://bucket/nothing/", "s3://bucket/nothing.csv", "s3://bucket/../x", "http://a/b"]
)
def test_locations_without_objects_fail(tmp_path: Path, location: str) -> None:
    """The service's text when there is nothing to read."""
    with pytest.raises(ImportJobError, match=r"Invalid Data location\."):
        import_csv(FolderObjects(tmp_path), location, ITEMS, "ITEMS", tmp_path / "table", **VOLUMES)


def test_an_import_that_ran_already_stays(tmp_path: Path) -> None:
    """An import that is run again after an interruption keeps the table that it had finished."""
    first = _import(tmp_path, "ITEM_ID,KIND,SIZE\na,x,1\n")
    import_csv(FolderObjects(tmp_path / "s3"), "s3://bucket/data/", ITEMS, "ITEMS", tmp_path / "table", **VOLUMES)
    assert [("a", "x", "1")] == first


def test_an_import_has_an_end(tmp_path: Path) -> None:
    """All its files together must not be larger than the quota."""
    large = "ITEM_ID,KIND,SIZE\n" + "".join(f"item{number:030},cat,1\n" for number in range(1500))
    assert 1500 == len(_import(tmp_path / "one", large))
    with pytest.raises(ImportJobError, match="more than 100000 bytes"):
        _import(tmp_path / "two", large, large)


def test_text_is_read_in_the_dialect_of_the_guide(tmp_path: Path) -> None:
    """Escaped quotes and backslashes, doubled quotes, line breaks in quotes."""
    rows = _import(
        tmp_path,
        'ITEM_ID,KIND,SIZE\na,"Calls himself \\"Rex\\", likes C:\\\\ drives",1\nb,"a ""b"" c",2\nc,"two\nlines",3\n',
    )
    assert [
        ("a", 'Calls himself "Rex", likes C:\\ drives', "1"),
        ("b", 'a "b" c', "2"),
        ("c", "two\nlines", "3"),
    ] == rows


def test_whole_numbers_keep_every_digit(tmp_path: Path) -> None:
    """Up to the ends of 64 bits, and as a data frame with nulls writes them; beyond is an error."""
    schema = Schema("Items", (*ITEMS.fields[:2], Field("SIZE", "long", True, False, False)))
    lines = "ITEM_ID,KIND,SIZE\na,,9007199254740993\nb,,-9223372036854775808\nc,,9007199254740993.0\nd,,\n"
    rows = _import(tmp_path, lines, schema=schema)
    assert ["9007199254740993", "-9223372036854775808", "9007199254740993", ""] == [row[2] for row in rows]
    with pytest.raises(ImportJobError, match="SIZE must be a whole number of 64 bits, not '9223372036854775808'"):
        _import(tmp_path / "beyond", "ITEM_ID,KIND,SIZE\na,,9223372036854775808\n", schema=schema)
