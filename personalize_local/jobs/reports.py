"""Reports of metric attributions: what recommendations led to, counted from imported interactions.

Source: developer guide, "Publishing metric attribution reports to Amazon S3" (name, columns and the window of 15
minutes of a report) and "Event metrics and attribution reports" (what a source is called). The guide does not say which
moment of a window TIMESTAMP is, nor how imports are named: here its beginning, and by their mode.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import regex

from personalize_local.data.objects import ObjectError, Objects, folder_of
from personalize_local.data.tables import Table, Text
from personalize_local.engine.base.data import Float64
from personalize_local.model.validation import Json

COLUMNS = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", "EVENT_ATTRIBUTION_SOURCE", "TIMESTAMP")
MAXIMUM_SOURCES = 100
WINDOW = 900
"""Seconds that one value sums up."""
_UNDEFINED = "SOURCE_NAME_UNDEFINED"
_SUM = regex.compile(r"SUM\(\s*(Interactions|Items)\.(\w+)\s*\)", regex.IGNORECASE)
_COUNT = regex.compile(r"SAMPLECOUNT\(\s*\)", regex.IGNORECASE)


class ReportError(Exception):
    """Why no report could be written: the import's `failureReason`."""


def summed(expression: str) -> tuple[str, str] | None:
    """Dataset type (upper case) and column that `SUM(...)` adds up, None for `SAMPLECOUNT()`; ValueError for others."""
    text = expression.strip()
    if _COUNT.fullmatch(text):
        return None
    found = _SUM.fullmatch(text)
    if found is None:
        raise ValueError(f"{expression!r} is neither SAMPLECOUNT() nor SUM(DatasetType.COLUMN_NAME)")
    return found[1].upper(), found[2]


def publish(
    objects: Objects,
    location: str,
    *,
    mode: str,
    now: float,
    metrics: Iterable[Json],
    interactions: Table,
    items: Table | None,
) -> str:
    """Write the report of one import below `location`, and return its address; raises ReportError."""
    folder = folder_of(location)
    address = f"{folder}AggregatedAttributionMetrics - {mode} - {int(now * 1000)}.csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for metric in metrics:
        writer.writerows(_rows(metric, interactions, items))
    try:
        objects.write(address, text.getvalue().encode())
    except ObjectError as error:
        raise ReportError(str(error)) from error
    return address


def check_sources(interactions: Table) -> None:
    """ReportError when there are more sources than the service keeps apart."""
    sources = _sources(interactions).values
    if len(sources) > MAXIMUM_SOURCES:
        raise ReportError(f"There can be {MAXIMUM_SOURCES} event attribution sources, not {len(sources)}.")


def _rows(metric: Mapping[str, str], interactions: Table, items: Table | None) -> Iterator[Sequence[str | float | int]]:
    """The values of one metric by source and window, in the order of both."""
    column = summed(metric["expression"])
    chosen = np.array([value.lower() == metric["eventType"].lower() for value in (*_types(interactions).values, "")])
    rows = np.flatnonzero(chosen[_types(interactions).codes])
    values = np.ones(len(rows)) if column is None else np.nan_to_num(_values(column, interactions, items)[rows])
    windows = interactions.numbers("TIMESTAMP")[rows] // WINDOW
    sources = _sources(interactions)
    named = (*sources.values, _UNDEFINED)
    keys, places = np.unique(
        np.stack([sources.codes[rows] % len(named), windows.astype(np.int64)]), axis=1, return_inverse=True
    )
    totals = np.bincount(places.ravel(), weights=values, minlength=keys.shape[1])
    function = "samplecount" if column is None else "sum"
    for (source, window), total in zip(keys.T.tolist(), totals.tolist(), strict=True):
        yield metric["metricName"], metric["eventType"], total, function, named[source], window * WINDOW


def _types(interactions: Table) -> Text:
    return _text(interactions, "EVENT_TYPE")


def _sources(interactions: Table) -> Text:
    return _text(interactions, "EVENT_ATTRIBUTION_SOURCE")


def _text(interactions: Table, name: str) -> Text:
    """The column, or one of nulls."""
    if name in interactions.columns:
        return interactions.text(name)
    return Text(np.full(len(interactions), -1, np.int32), ())


def _values(column: tuple[str, str], interactions: Table, items: Table | None) -> Float64:
    """What is to be summed, one value an interaction; NaN where there is none."""
    kind, wanted = column
    table = interactions if kind == "INTERACTIONS" else items
    if table is None:
        return np.zeros(len(interactions))
    name = next(name for name in table.columns if name.upper() == wanted.upper())
    if kind == "INTERACTIONS":
        return table.numbers(name)
    ids, numbers = table.text("ITEM_ID"), table.numbers(name)
    of_item = {ids.values[code]: value for code, value in zip(ids.codes.tolist(), numbers.tolist(), strict=True)}
    bought = interactions.text("ITEM_ID")
    worth = np.array([of_item.get(value, np.nan) for value in bought.values])
    return worth[bought.codes]
