"""What the process of a job is told: one type for each kind of task, and how a task crosses the process boundary.

A member that is missing or misspelt is a TypeError where the task is made (and an error of mypy before that).
`encode` and `decode` carry the task through a pipe as one line of JSON, its kind in the member `kind`.
"""

from typing import Any

import msgspec

from personalize_local.model.errors import WorkError


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value; every member must be given."""


class S3Access(_Part, frozen=True, kw_only=True):
    """Where a task's objects are."""

    root: str | None
    """The folder whose sub-folders are the buckets; None: there is an S3."""
    endpoint: str | None
    """Where that S3 answers; None: as the environment says."""
    keys: dict[str, str] | None
    """The keys, as boto3 names them, of the job's role; None: the server's own."""


class DatasetContents(_Part, frozen=True, kw_only=True):
    """Where the rows of a dataset are."""

    dataset: int
    """The id under which the event store keeps what was put."""
    bulk: list[str]
    """The folders of what import jobs brought."""
    schema: str


class Attribution(_Part, frozen=True, kw_only=True):
    """A metric attribution that an import reports on."""

    location: str
    metrics: list[dict[str, Any]]


class AttributionReports(_Part, frozen=True, kw_only=True):
    """The reports of metric attributions that an import of interactions writes."""

    attributions: list[Attribution]
    mode: str
    """`importMode` of the job."""
    now: float
    items: DatasetContents | None
    events: str
    """The file of the event store."""


class _Task(_Part, frozen=True, kw_only=True, tag_field="kind"):
    """A task; its kind tells which."""


class ImportTask(_Task, frozen=True, kw_only=True, tag="import"):
    """Import CSV files, and write the reports of metric attributions on what they hold. Result: rows."""

    location: str
    s3: S3Access
    schema: str
    dataset_type: str
    folder: str
    """Where the table is to lie."""
    most_bytes: int
    least_interactions: int
    reports: AttributionReports | None


class ExportTask(_Task, frozen=True, kw_only=True, tag="export"):
    """Export a dataset. Result: rows."""

    location: str
    s3: S3Access
    contents: DatasetContents
    dataset_type: str
    events: str
    put: bool
    """Whether what was put is exported too."""


class DeletionTask(_Task, frozen=True, kw_only=True, tag="deletion"):
    """Delete users from imports. Result: users, changed, deleted."""

    location: str
    s3: S3Access
    most_bytes: int
    folders: dict[str, str]
    """Where what remains of each import is to lie, by the import's folder."""


class BatchTask(_Task, frozen=True, kw_only=True, tag="batch"):
    """Answer a batch inference job, or with `segments` a batch segment job. Result: lines."""

    data: str
    """The data folder."""
    now: float
    segments: bool
    version: str
    """ARN of the solution version."""
    filter: str | None
    """ARN of the filter."""
    num_results: int
    """0: the default."""
    input: str
    output: str
    s3: S3Access
    most_files: int
    most_bytes: int
    """Of a file."""
    most_lines: int
    """Of a file."""


class TrainingTask(_Task, frozen=True, kw_only=True, tag="training"):
    """Train a solution version. Result: metrics."""

    events: str
    interactions: DatasetContents
    items: DatasetContents | None
    event_type: str | None
    solution_config: dict[str, Any]
    added: dict[str, list[str]]
    """Columns that came into the schemas after the solution, by type of dataset."""
    recipe: str
    folder: str


Task = ImportTask | ExportTask | DeletionTask | BatchTask | TrainingTask

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


def kind_of(task: Task) -> str:
    """The task's kind: `import`, `export`, `deletion`, `batch` or `training`."""
    return str(task.__struct_config__.tag)


def encode(task: Task) -> bytes:
    """The task as one line of JSON."""
    return _ENCODER.encode(task)


def decode(line: bytes) -> Task:
    """The task on a line; WorkError says which kind is unknown, or which member is missing, unknown or of another type.

    Only another version of this program writes such a line.
    """
    try:
        return _DECODER.decode(line)
    except msgspec.MsgspecError as error:
        raise WorkError(
            f"The job's process cannot read its task, which another version of this program wrote: {error}."
        ) from error
