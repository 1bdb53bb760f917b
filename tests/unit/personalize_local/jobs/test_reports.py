"""Reports of metric attributions: which interactions they count, how they add up, where they are written."""

import csv
import io
from pathlib import Path

import pytest

from personalize_local.data.objects import FolderObjects
from personalize_local.data.tables import Table, TableBuilder
from personalize_local.jobs.reports import COLUMNS, ReportError, check_sources, publish, summed
from personalize_local.model.schemas import Field, Schema

CLICKS = {"metricName": "CLICKS", "eventType": "click", "expression": "SAMPLECOUNT()"}
SPENT = {"metricName": "SPENT", "eventType": "buy", "expression": "SUM(Items.PRICE)"}
WATCHED = {"metricName": "WATCHED", "eventType": "watch", "expression": "sum( interactions.event_value )"}


def _table(columns: dict[str, str], rows: list[tuple[str | float | None, ...]]) -> Table:
    builder = TableBuilder(
        Schema("Any", tuple(Field(name, kind, True, False, False) for name, kind in columns.items()))
    )
    for row in rows:
        builder.add(dict(zip(columns, row, strict=True)))
    return builder.table()


INTERACTIONS = _table(
    {
        "ITEM_ID": "string",
        "TIMESTAMP": "long",
        "EVENT_TYPE": "string",
        "EVENT_VALUE": "float",
        "EVENT_ATTRIBUTION_SOURCE": "string",
    },
    [
        ("a", 900, "Click", None, "mail"),
        ("a", 1799, "click", None, "mail"),
        ("b", 1800, "click", None, "mail"),
        ("b", 1000, "click", None, None),
        ("a", 1000, "buy", None, "mail"),
        ("b", 1000, "buy", None, "mail"),
        ("unpriced", 1000, "buy", None, "mail"),
        ("a", 1000, "watch", 2.5, "site"),
        ("b", 1000, "watch", None, "site"),
    ],
)
ITEMS = _table({"ITEM_ID": "string", "PRICE": "float"}, [("a", 3.0), ("b", 4.5)])


def _report(tmp_path: Path, metrics: list[dict[str, str]], items: Table | None = ITEMS) -> list[list[str]]:
    address = publish(
        FolderObjects(tmp_path),
        "s3://reports/daily",
        mode="INCREMENTAL",
        now=1_700_000_000.25,
        metrics=metrics,
        interactions=INTERACTIONS,
        items=items,
    )
    assert "s3://reports/daily/AggregatedAttributionMetrics - INCREMENTAL - 1700000000250.csv" == address
    (file,) = (tmp_path / "reports" / "daily").iterdir()
    header, *rows = csv.reader(io.StringIO(file.read_text()))
    assert list(COLUMNS) == header
    return rows


def test_samples_are_counted_by_source_and_window(tmp_path: Path) -> None:
    """Event types match without regard to case; who names no source has the documented name."""
    assert [
        ["CLICKS", "click", "2.0", "samplecount", "mail", "900"],
        ["CLICKS", "click", "1.0", "samplecount", "mail", "1800"],
        ["CLICKS", "click", "1.0", "samplecount", "SOURCE_NAME_UNDEFINED", "900"],
    ] == _report(tmp_path, [CLICKS])


def test_columns_are_summed(tmp_path: Path) -> None:
    """Of the item or of the interaction; what has no value adds nothing."""
    assert [
        ["SPENT", "buy", "7.5", "sum", "mail", "900"],
        ["WATCHED", "watch", "2.5", "sum", "site", "900"],
    ] == _report(tmp_path, [SPENT, WATCHED])


def test_without_items_their_sum_is_nothing(tmp_path: Path) -> None:
    """The rows are there, so that the reader sees that events came."""
    assert [["SPENT", "buy", "0.0", "sum", "mail", "900"]] == _report(tmp_path, [SPENT], items=None)


def test_a_metric_without_events_has_no_rows(tmp_path: Path) -> None:
    """The header alone."""
    assert [] == _report(tmp_path, [{**CLICKS, "eventType": "never"}])


def test_expressions() -> None:
    """A count, or a sum over a column of items or interactions."""
    assert (None, ("ITEMS", "PRICE")) == (summed(" samplecount( ) "), summed("SUM(Items.PRICE)"))
    for expression in ("COUNT()", "SUM(PRICE)", "SUM(Users.AGE)", ""):
        with pytest.raises(ValueError, match="neither"):
            summed(expression)


def test_a_hundred_sources_are_kept_apart() -> None:
    """One more is refused."""

    def named(count: int) -> Table:
        return _table({"EVENT_ATTRIBUTION_SOURCE": "string"}, [(f"s{number}",) for number in range(count)])

    check_sources(named(100))
    check_sources(_table({"ITEM_ID": "string"}, [("a",)]))
    with pytest.raises(ReportError, match="100 event attribution sources, not 101"):
        check_sources(named(101))


def test_a_bucket_that_cannot_be_written(tmp_path: Path) -> None:
    """Fails the import with the reason."""
    with pytest.raises(ReportError, match="Invalid Data location"):
        publish(
            FolderObjects(tmp_path),
            "s3://../outside",
            mode="FULL",
            now=0.0,
            metrics=[CLICKS],
            interactions=INTERACTIONS,
            items=None,
        )
