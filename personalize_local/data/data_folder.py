"""What a data folder holds, for those who only read: the server itself, and batch jobs in processes of their own."""

import shutil
from pathlib import Path

from personalize_local.data.event_store import EventStore
from personalize_local.data.storage import Store
from personalize_local.model.clock import Clock
from personalize_local.model.errors import not_found
from personalize_local.model.resources import Resource
from personalize_local.model.schemas import Schema, parse_schema


class DataFolder:
    """Resources, events and files of one data folder."""

    def __init__(self, folder: Path, clock: Clock, *, synchronous: str = "NORMAL") -> None:
        self.folder, self.clock = folder, clock
        self.store = Store(folder / "resources.db", synchronous=synchronous)
        self.events = EventStore(self.events_path, synchronous=synchronous)
        self._datasets: tuple[int, dict[str, dict[str, Resource]]] = (-1, {})
        self._schemas: dict[str, Schema] = {}

    def close(self) -> None:
        """Release the files."""
        self.events.close()
        self.store.close()

    @property
    def events_path(self) -> Path:
        return self.folder / "events.db"

    def import_folder(self, job: int | str) -> Path:
        """Where the table of the import job with this id lies; what a data deletion job left of it has both ids."""
        return self.folder / "imports" / str(job)

    def bulk(self, dataset: Resource) -> list[str]:
        """The folders of the import jobs whose rows the dataset holds, in order."""
        return [str(self.import_folder(job)) for job in dataset.body["_imports"]]

    def model_folder(self, version: Resource) -> Path:
        """Where a solution version's snapshot lies."""
        return self.folder / "models" / str(version.id)

    def schema(self, arn: str) -> Schema:
        """The parsed schema with this ARN."""
        if arn not in self._schemas:
            resource = self.store.get(arn, "schema")
            if resource is None:
                raise not_found("schema", arn)
            self._schemas[arn] = parse_schema(resource.body["schema"])
        return self._schemas[arn]

    def forget_schema(self, arn: str) -> None:
        """A schema was deleted: another may take its name."""
        self._schemas.pop(arn, None)

    def datasets(self, group: str) -> dict[str, Resource]:
        """The datasets of a group by type (upper case)."""
        version, groups = self._datasets
        if version != self.store.version:
            version, groups = self.store.version, {}
            for dataset in self.store.every("dataset"):
                groups.setdefault(dataset.parent, {})[dataset.body["datasetType"]] = dataset
            self._datasets = (version, groups)
        return groups.get(group, {})

    def dataset_schemas(self, group: str) -> dict[str, Schema]:
        """The schemas of a group's datasets by dataset type."""
        return {kind: self.schema(dataset.body["schemaArn"]) for kind, dataset in self.datasets(group).items()}


def discard(folder: str) -> None:
    """Remove what an import or a training wrote; no error when nothing is there."""
    shutil.rmtree(folder, ignore_errors=True)
