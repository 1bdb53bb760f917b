"""Carrying what a generation has learned from to the next one: dataset export, new columns, dataset import.

The forwarder already sends every event to both generations when this starts, so nothing falls between them. What the
new generation got by itself since then is taken out of the old one's export again (as multisets), so that no event
counts twice. Events of a type that is observed by now stay behind. Import jobs cannot be deleted and their names are
unique: they carry a digest.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.naming import DATASETS, DatasetKind, Names
from personalize_local.data.csv_dialect import read_rows, write_row
from tools.deploy.base.personalize import created, ended
from tools.deploy.seeding.reshape import Columns, Row, learned_from, reshape, united, without
from tools.environment.connection import Connection

_PATIENCE_SECONDS = 12 * 3600
_INTERACTION = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
_FILE = "history.csv"
_DIGEST_LENGTH = 10


def carry_history(
    connection: Connection, source: int, target: int, seed_folder: Path, progress: Callable[[str], None]
) -> int:
    """Brings items and interactions of generation `source` into `target`; returns how many rows were imported.

    Does nothing for a dataset whose history is in already. Raises DeployError where a job fails or the new schema asks
    for what the old data do not have.
    """
    rows = 0
    for kind in reversed(DATASETS):  # items first: an interaction should find its item
        rows += _Carrier(connection, kind, source, target, seed_folder, progress).carry()
    return rows


class _Carrier:
    def __init__(
        self,
        connection: Connection,
        kind: DatasetKind,
        source: int,
        target: int,
        seed_folder: Path,
        progress: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._personalize = connection.client("personalize")
        self._s3 = connection.client("s3")
        self._names: Names = connection.settings.names
        self._kind = kind
        self._source = source
        self._target = target
        self._seed = seed_folder / kind / f"{kind}.csv"
        self._progress = progress

    def carry(self) -> int:
        dataset = self._names.dataset_arn(self._kind, self._target)
        if self._is_in(dataset):
            return 0
        with tempfile.TemporaryDirectory(prefix="history-") as folder:
            path = Path(folder) / _FILE
            rows = self._write(path)
            return rows if rows and self._import(dataset, path) else 0

    def _write(self, path: Path) -> int:
        """The rows for the new generation, in its columns; returns how many there are."""
        exported = self._export(self._source, "ALL", path.parent)
        rows: Iterable[Row]
        if self._kind == "items":
            rows = united(_read([self._seed]), _read(exported), "ITEM_ID")
        else:
            # Asked for after the old one: whatever is in the old export because of double forwarding is in this one.
            forwarded = self._export(self._target, "PUT", path.parent)
            rows = without(_read(exported), _read(forwarded), _INTERACTION)
            rows = learned_from(rows, self._connection.settings.observed_event_types)
        columns = self._columns()
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(write_row(columns.names))
            for row in reshape(rows, columns, dataset=self._kind):
                file.write(write_row(row.get(name, "") for name in columns.names))
                count += 1
        return count

    def _columns(self) -> Columns:
        dataset = self._personalize.describe_dataset(datasetArn=self._names.dataset_arn(self._kind, self._target))
        schema = self._personalize.describe_schema(schemaArn=dataset["dataset"]["schemaArn"])["schema"]
        return Columns.of_schema(schema["schema"])

    def _jobs(self, dataset: str) -> list[dict[str, Any]]:
        """The import jobs of the dataset as it stands; those of an earlier one of the same name do not count."""
        created = self._personalize.describe_dataset(datasetArn=dataset)["dataset"]["creationDateTime"]
        pages = self._personalize.get_paginator("list_dataset_import_jobs").paginate(datasetArn=dataset)
        jobs = [self._import_job(job["datasetImportJobArn"]) for page in pages for job in page["datasetImportJobs"]]
        return [job for job in jobs if job["creationDateTime"] >= created]

    def _is_in(self, dataset: str) -> bool:
        """Whether a history was imported; waits for an import that is under way."""
        return any(
            self._ends(job["datasetImportJobArn"]) == "ACTIVE"
            for job in self._jobs(dataset)
            if job["dataSource"]["dataLocation"].endswith(_FILE)
        )

    def _export(self, generation: int, mode: str, folder: Path) -> list[Path]:
        """The CSV files of a dataset export job (`ALL`, or `PUT`: what came through the API), fetched to `folder`."""
        self._progress(f"exporting the {self._kind} of generation {generation}")
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        prefix = f"{Names.EXPORT_PREFIX}{self._kind}/g{generation}-{mode}-{moment}/"
        bucket = self._names.bucket("seed")
        created(
            self._personalize,
            "dataset_export_job",
            **self._pace,
            jobName=f"{self._names.environment}-{self._kind}-g{generation}-{mode}-{moment}",
            datasetArn=self._names.dataset_arn(self._kind, generation),
            ingestionMode=mode,
            roleArn=self._names.role_arn("personalize"),
            jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/{prefix}"}},
        )
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(".csv")]
        files = [folder / f"{mode}-{generation}-{number}.csv" for number, _ in enumerate(keys)]
        for key, file in zip(sorted(keys), files, strict=True):
            self._s3.download_file(bucket, key, str(file))
        return files

    def _import(self, dataset: str, path: Path) -> bool:
        """Imports the file in place of what was imported before; False where that is the same data already."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_LENGTH]
        bucket, folder = self._names.bucket("seed"), self._names.seed_key(self._kind, digest, self._target)
        jobs = self._jobs(dataset)
        if any(_has(job, f"s3://{bucket}/{folder}") for job in jobs):
            return False
        self._progress(f"importing the {self._kind} into generation {self._target}")
        self._s3.upload_file(str(path), bucket, folder + _FILE)
        # A job that failed keeps its name: the next one of the same data needs another.
        attempt = hashlib.sha256(f"{digest} {len(jobs)}".encode()).hexdigest()[:_DIGEST_LENGTH]
        created(
            self._personalize,
            "dataset_import_job",
            **self._pace,
            jobName=self._names.import_job(self._kind, attempt, self._target),
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{bucket}/{folder}{_FILE}"},
            roleArn=self._names.role_arn("personalize"),
            importMode="FULL",
        )
        return True

    def _import_job(self, arn: str) -> dict[str, Any]:
        job: dict[str, Any] = self._personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"]
        return job

    def _ends(self, job: str) -> str:
        return str(ended(self._personalize, "dataset_import_job", job, **self._pace)["status"])

    @property
    def _pace(self) -> dict[str, float]:
        return {"every_seconds": 0.2 if self._connection.is_local else 30, "for_seconds": _PATIENCE_SECONDS}


def _has(job: dict[str, Any], location: str) -> bool:
    return job["status"] == "ACTIVE" and str(job["dataSource"]["dataLocation"]).startswith(location)


def _read(files: Iterable[Path]) -> Iterator[Row]:
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            rows = read_rows(file.read())
        names = next(rows, [])
        yield from (dict(zip(names, row, strict=False)) for row in rows if row)
