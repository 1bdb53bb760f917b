"""Dataset export jobs."""

from pathlib import Path

from personalize_local.data import exports, imports
from personalize_local.data.events import EventReader
from personalize_local.jobs.access import objects_of
from personalize_local.jobs.tasks.tasks import ExportTask
from personalize_local.model.schemas import parse_schema
from personalize_local.model.validation import Json


def run(task: ExportTask) -> Json:
    """Export the dataset; ExportJobError."""
    contents = task.contents
    schema = parse_schema(contents.schema)
    reader = EventReader(Path(task.events))
    try:
        bulk = list(imports.tables(contents.bulk))
        if task.dataset_type == "INTERACTIONS":
            rows = [row for table in bulk for row in exports.table_rows(table)]
            if task.put:
                rows.extend(exports.event_rows(schema, reader.events(contents.dataset)))
        else:
            put = reader.records(contents.dataset) if task.put else iter(())
            rows = list(exports.record_rows(schema, imports.KEYS[task.dataset_type], bulk, put))
    finally:
        reader.close()
    return {"rows": exports.export_csv(objects_of(task.s3), task.location, schema.names, rows)}
