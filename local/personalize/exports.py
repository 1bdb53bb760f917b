"""Dataset export jobs: a dataset's rows back as CSV in S3, in the order of the schema's columns.

Source: developer guide, "Exporting a dataset". Mode BULK exports what import jobs brought, PUT what PutEvents, PutItems
and PutUsers brought, ALL both. An event without a user is exported under its session id, by which the service serves
such visitors.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from local.personalize.events import EventRow
from local.personalize.objects import ObjectError, Objects
from local.personalize.records import merged
from local.personalize.schemas import NUMBERS, Schema
from local.personalize.tables import Table
from local.personalize.validation import Json

_ROWS_PER_FILE = 1_000_000


class ExportJobError(Exception):
    """Why an export ends in CREATE FAILED: its `failureReason`."""


def export_csv(objects: Objects, location: str, names: Iterable[str], rows: Iterable[list[str]]) -> int:
    """Write `rows` under a header of `names` to `location`, a million rows a file; returns how many there were."""
    folder = location if location.endswith("/") else location + "/"
    written = 0
    source = iter(rows)
    part = 0
    while True:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        before = written
        for row in source:
            writer.writerow(row)
            written += 1
            if written - before == _ROWS_PER_FILE:
                break
        if part and written == before:
            return written
        try:
            objects.write(f"{folder}part-{part:05d}.csv", text.getvalue().encode())
        except ObjectError as error:
            raise ExportJobError(str(error)) from error
        part += 1
        if written - before < _ROWS_PER_FILE:
            return written


def table_rows(table: Table) -> Iterator[list[str]]:
    """The rows of a table as cells."""
    cells = [column.cells() for column in table.columns.values()]
    return map(list, zip(*cells, strict=True))


def record_rows(
    schema: Schema, key: str, bulk: Iterable[Table], put: Iterable[tuple[str, Json]]
) -> Iterator[list[str]]:
    """Items or users, one row an id."""
    return table_rows(merged(schema, key, bulk, put))


def event_rows(schema: Schema, events: Iterable[EventRow]) -> Iterator[list[str]]:
    """Put events under the columns of an Interactions schema."""
    by_property = {field.property_name: field.name for field in schema.fields}
    for event in events:
        if event.item is None:
            continue
        extra: dict[str, Any] = json.loads(event.extra) if event.extra else {}
        row = {by_property[name]: value for name, value in extra.get("properties", {}).items() if name in by_property}
        row |= {
            "USER_ID": event.user or event.session,
            "ITEM_ID": event.item,
            "TIMESTAMP": int(event.at),
            "EVENT_TYPE": event.type,
            "EVENT_VALUE": event.value,
            "RECOMMENDATION_ID": extra.get("recommendationId"),
            "IMPRESSION": "|".join(extra.get("impression", ())),
            "EVENT_ATTRIBUTION_SOURCE": extra.get("metricAttribution", {}).get("eventAttributionSource"),
        }
        yield ["" if row.get(field.name) is None else _text(field.type, row[field.name]) for field in schema.fields]


def _text(field_type: str, value: Any) -> str:
    if field_type in NUMBERS and isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) else json.dumps(value)
