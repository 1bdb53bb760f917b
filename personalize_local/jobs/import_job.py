"""Dataset import jobs, with the reports of metric attributions on what they bring."""

from pathlib import Path

from personalize_local.data.events import EventReader
from personalize_local.data.imports import import_csv, tables
from personalize_local.data.objects import Objects
from personalize_local.data.records import merged
from personalize_local.data.tables import Table
from personalize_local.jobs import reports
from personalize_local.jobs.access import objects_of
from personalize_local.jobs.tasks.tasks import AttributionReports, ImportTask
from personalize_local.model.schemas import parse_schema
from personalize_local.model.validation import Json


def run(task: ImportTask) -> Json:
    """Import the files; ImportJobError, ReportError."""
    objects, folder = objects_of(task.s3), Path(task.folder)
    rows = import_csv(
        objects,
        task.location,
        parse_schema(task.schema),
        task.dataset_type,
        folder,
        most_bytes=task.most_bytes,
        least_interactions=task.least_interactions,
    )
    if task.reports is not None:
        _report(objects, Table.load(folder), task.reports)
    return {"rows": rows}


def _report(objects: Objects, interactions: Table, wanted: AttributionReports) -> None:
    reports.check_sources(interactions)
    items = wanted.items
    catalogue = None
    if items is not None:
        reader = EventReader(Path(wanted.events))
        try:
            schema = parse_schema(items.schema)
            catalogue = merged(schema, "ITEM_ID", tables(items.bulk), reader.records(items.dataset))
        finally:
            reader.close()
    for attribution in wanted.attributions:
        reports.publish(
            objects,
            attribution.location,
            mode=wanted.mode,
            now=wanted.now,
            metrics=attribution.metrics,
            interactions=interactions,
            items=catalogue,
        )
