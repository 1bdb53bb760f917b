"""Exports: put events under a schema's columns, large exports in parts, and failures."""

import json
from pathlib import Path

import pytest

from personalize_local.data import exports
from personalize_local.data.events import EventRow
from personalize_local.data.exports import ExportJobError, event_rows, export_csv
from personalize_local.data.imports import import_csv
from personalize_local.data.objects import FolderObjects
from personalize_local.data.tables import Table
from personalize_local.model.schemas import Field, Schema


def _schema(**types: str) -> Schema:
    return Schema("Interactions", tuple(Field(name, kind, True, False, False) for name, kind in types.items()))


def test_events_fill_the_columns_of_the_schema() -> None:
    """Reserved columns from the event, others from its properties, in the schema's order; events on no item are left out."""
    schema = _schema(
        TIMESTAMP="long",
        USER_ID="string",
        ITEM_ID="string",
        DEVICE_TYPE="string",
        EVENT_VALUE="float",
        PRICE="float",
        LEVEL="int",
        IMPRESSION="string",
        RECOMMENDATION_ID="string",
        EVENT_ATTRIBUTION_SOURCE="string",
    )
    extra = {
        "properties": {"deviceType": "phone", "price": 2.0, "level": 3, "other": 1},
        "impression": ["a", "b"],
        "recommendationId": "RID-1",
        "metricAttribution": {"eventAttributionSource": "mail"},
    }
    events = [
        EventRow(1, "u", "s", "i", "View", 1.9, 0.5, None, json.dumps(extra)),
        EventRow(1, None, "s", "j", "View", 2.0, None, None, None),
        EventRow(1, "u", "s", None, "Login", 3.0, None, None, None),
    ]
    assert [
        ["1", "u", "i", "phone", "0.5", "2.0", "3", "a|b", "RID-1", "mail"],
        ["2", "s", "j", "", "", "", "", "", "", ""],
    ] == list(event_rows(schema, events))


@pytest.mark.parametrize(("rows", "parts"), [(0, [0]), (3, [3]), (4, [4]), (5, [4, 1]), (8, [4, 4])])
def test_large_exports_come_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, parts: list[int]
) -> None:
    """Each part has the header and at most so many rows; an export of nothing is a header."""
    monkeypatch.setattr(exports, "_ROWS_PER_FILE", 4)
    content = ([str(number)] for number in range(rows))
    assert rows == export_csv(FolderObjects(tmp_path), "s3://bucket/out", ["A"], content)
    written = [path.read_text().splitlines() for path in sorted((tmp_path / "bucket" / "out").iterdir())]
    assert [["A"]] * len(parts) == [lines[:1] for lines in written]
    assert parts == [len(lines) - 1 for lines in written]
    assert [str(number) for number in range(rows)] == [line for lines in written for line in lines[1:]]


def test_locations_outside_the_buckets_are_refused(tmp_path: Path) -> None:
    """An export goes where its address says, or nowhere."""
    with pytest.raises(ExportJobError, match="Invalid Data location"):
        export_csv(FolderObjects(tmp_path / "root"), "s3://bucket/../../out", ["A"], [])


def test_properties_fill_their_columns_in_every_spelling() -> None:
    """64-bit integers as they came, numbers from texts, nothing where the type does not allow the value."""
    schema = _schema(
        USER_ID="string", ITEM_ID="string", NUM_RATINGS="long", EVENT_VALUE="float", EVENT_ATTRIBUTION_SOURCE="string"
    )
    extras = (
        {"numRatings": 2**53 + 1, "eventAttributionSource": "mail"},
        {"NUM_RATINGS": "13", "eventValue": "0.5"},
        {"num_ratings": "many"},
    )
    events = [EventRow(1, "u", "s", "i", "View", 1.0, None, None, json.dumps({"properties": one})) for one in extras]
    assert [
        ["u", "i", "9007199254740993", "", "mail"],
        ["u", "i", "13", "0.5", ""],
        ["u", "i", "", "", ""],
    ] == list(event_rows(schema, events))


def test_an_export_can_be_imported_again(tmp_path: Path) -> None:
    """Quotes, backslashes, commas and line breaks come back as they were."""
    schema = Schema("Items", (Field("ITEM_ID", "string", False, False, False), Field("A", "string", True, True, False)))
    rows = [["a", 'Calls himself "Rex", likes C:\\ drives'], ["b", "two\nlines"], ["c", "ends\\"], ["d", " x "]]
    export_csv(FolderObjects(tmp_path), "s3://bucket/out", schema.names, rows)
    volumes = {"most_bytes": 1000, "least_interactions": 1}
    import_csv(FolderObjects(tmp_path), "s3://bucket/out/", schema, "ITEMS", tmp_path / "table", **volumes)
    assert rows == [list(row) for row in exports.table_rows(Table.load(tmp_path / "table"))]
