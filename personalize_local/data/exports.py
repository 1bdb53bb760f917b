"""Dataset export jobs: a dataset's rows back as CSV in S3, in the schema's order, as imports can read it.

Source: developer guide, "Exporting a dataset". Mode BULK exports what import jobs brought, PUT what PutEvents, PutItems
and PutUsers brought, ALL both. An event without a user is exported under its session id, by which the service serves
such users.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from personalize_local.data.csv_dialect import write_export_row
from personalize_local.data.events import EventRow
from personalize_local.data.objects import ObjectError, Objects, folder_of
from personalize_local.data.properties import cells, text_of
from personalize_local.data.records import merged
from personalize_local.data.tables import Table
from personalize_local.model.schemas import Schema
from personalize_local.model.validation import Json

_ROWS_PER_FILE = 1_000_000


class ExportJobError(Exception):
    """Why an export ends in CREATE FAILED: its `failureReason`."""


def export_csv(objects: Objects, location: str, names: Iterable[str], rows: Iterable[list[str]]) -> int:
    """Write `rows` under a header of `names` to `location`, a million rows a file; returns how many there were."""
    folder = folder_of(location)
    written = 0
    source = iter(rows)
    part = 0
    while True:
        rows_of_part = list(islice(source, _ROWS_PER_FILE))
        before = written
        written += len(rows_of_part)
        if part and written == before:
            return written
        content = "".join(map(write_export_row, [names, *rows_of_part]))
        try:
            objects.write(f"{folder}part-{part:05d}.csv", content.encode())
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
    types = {field.name: field for field in schema.fields}
    for event in events:
        if event.item is None:
            continue
        extra: dict[str, Any] = json.loads(event.extra) if event.extra else {}
        own = {
            "USER_ID": event.user or event.session,
            "ITEM_ID": event.item,
            "TIMESTAMP": int(event.at),
            "EVENT_TYPE": event.type,
            "EVENT_VALUE": event.value,
            "RECOMMENDATION_ID": extra.get("recommendationId"),
            "IMPRESSION": "|".join(extra.get("impression", ())) or None,
            "EVENT_ATTRIBUTION_SOURCE": extra.get("metricAttribution", {}).get("eventAttributionSource"),
        }
        row = cells(schema, extra.get("properties", {}))
        for name in own.keys() & types.keys():
            if own[name] is not None:
                row[name] = text_of(types[name], own[name]) or ""
        yield [row.get(name, "") for name in types]
