"""The lifecycles of every kind of resource: their statuses (service documentation of each `Describe`) and work."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial

from personalize_local.control.lifecycle import Plan, Plans
from personalize_local.control.service_context import ServiceContext
from personalize_local.data.data_folder import discard
from personalize_local.data.storage import Transaction
from personalize_local.jobs.tasks.tasks import (
    Attribution,
    AttributionReports,
    BatchTask,
    DatasetContents,
    DeletionTask,
    ExportTask,
    ImportTask,
    S3Access,
    TrainingTask,
)
from personalize_local.model.errors import WorkError
from personalize_local.model.recipes import recipe_of
from personalize_local.model.resources import (
    ACTIVE,
    COMPLETED,
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    DELETE_IN_PROGRESS,
    DELETE_PENDING,
    FAILED,
    IN_PROGRESS,
    PENDING,
    UPDATE_IN_PROGRESS,
    UPDATE_PENDING,
    Resource,
    latest_full,
)
from personalize_local.model.validation import Json
from personalize_local.serving import exploration
from personalize_local.serving.snapshots import forget

_CREATE = (CREATE_PENDING, CREATE_IN_PROGRESS)
_DELETE = (DELETE_PENDING, DELETE_IN_PROGRESS)


def plans(core: ServiceContext) -> Plans:
    """All plans, with their work bound to `core`."""
    work = _Work(core)
    plain = Plan(_CREATE)
    gone = Plan(_DELETE, deletes=True)
    return {
        ("dataset-group", "create"): plain,
        ("dataset-group", "delete"): Plan((DELETE_PENDING,), deletes=True),
        ("dataset", "create"): plain,
        ("dataset", "delete"): Plan(_DELETE, work.delete_dataset, work.end_delete_dataset, deletes=True),
        ("dataset-import-job", "create"): Plan(_CREATE, work.import_data, work.end_import, after=_parent),
        ("dataset-export-job", "create"): Plan(_CREATE, work.export_data),
        ("dataset", "update"): Plan(
            (UPDATE_PENDING, UPDATE_IN_PROGRESS),
            end=work.end_update_dataset,
            shown_in="latestDatasetUpdate",
            shows_itself=True,
        ),
        ("data-deletion-job", "create"): Plan(
            (PENDING, IN_PROGRESS), work.delete_users, work.end_delete_users, done=COMPLETED, failed=FAILED
        ),
        ("batch-inference-job", "create"): Plan(_CREATE, work.infer),
        ("batch-segment-job", "create"): Plan(_CREATE, work.infer),
        ("metric-attribution", "create"): plain,
        ("metric-attribution", "delete"): gone,
        ("event-tracker", "create"): Plan(_CREATE, after=work.interactions_of),
        ("event-tracker", "delete"): gone,
        ("filter", "create"): plain,
        ("solution", "create"): plain,
        ("solution", "update"): Plan(_CREATE, end=work.end_update_solution, shown_in="latestSolutionUpdate"),
        ("solution", "delete"): Plan(_DELETE, end=work.end_delete_solution, deletes=True),
        ("solution-version", "create"): Plan(_CREATE, work.train, work.end_training, after=_parent),
        ("campaign", "create"): Plan(_CREATE, work.load_first, work.end_create_campaign),
        ("campaign", "update"): Plan(
            _CREATE, work.load_update, work.end_update_campaign, shown_in="latestCampaignUpdate"
        ),
        ("campaign", "delete"): gone,
    }


def _parent(resource: Resource) -> str:
    return resource.parent


@contextlib.contextmanager
def _stored_by_any_version(resource: Resource) -> Iterator[None]:
    """Around the making of a task; WorkError when what is stored of the resource lacks what the task needs.

    Tasks are not stored: work that a restart has interrupted gets a new one, made from the resource, which another
    version of this program may have written.
    """
    try:
        yield
    except KeyError as error:
        raise WorkError(
            f"{resource.arn} was stored without {error.args[0]} by another version of this program; create it anew."
        ) from error


class _Work:
    """What is done while a resource is IN_PROGRESS, and what then becomes of it."""

    def __init__(self, core: ServiceContext) -> None:
        self._core = core

    def _s3(self, job: Resource) -> S3Access:
        """Where the job's objects are, and the keys of its role."""
        root, role_keys = self._core.options.s3_root, self._core.options.role_keys
        role = job.body.get("roleArn")
        return S3Access(
            root=str(root) if root else None,
            endpoint=self._core.options.s3_endpoint,
            keys=dict(role_keys(role)) if role_keys and role else None,
        )

    def _dataset(self, arn: str) -> Resource:
        dataset = self._core.store.get(arn, "dataset")
        if dataset is None:
            raise WorkError(f"Dataset {arn} was deleted.")
        return dataset

    def interactions_of(self, tracker: Resource) -> str | None:
        """ARN of the dataset that the tracker's events go to."""
        interactions = self._core.datasets(tracker.parent).get("INTERACTIONS")
        return interactions.arn if interactions else None

    def import_data(self, job: Resource, stop: threading.Event) -> Json:
        dataset, quotas = self._dataset(job.parent), self._core.options.quotas
        with _stored_by_any_version(job):
            incremental = job.body["importMode"] == "INCREMENTAL"
            task = ImportTask(
                location=job.body["dataSource"]["dataLocation"],
                s3=self._s3(job),
                schema=self._schema_text(dataset),
                dataset_type=dataset.body["datasetType"],
                folder=str(self._core.import_folder(job.id)),
                most_bytes=quotas.incremental_import_bytes if incremental else quotas.full_import_bytes,
                least_interactions=quotas.interactions_per_import,
                reports=self._reports(job, dataset),
            )
        return self._core.carry_out(task, stop)

    def _reports(self, job: Resource, dataset: Resource) -> AttributionReports | None:
        """What the reports of an import of interactions need; None when none are to be written."""
        if dataset.body["datasetType"] != "INTERACTIONS" or not job.body.get("publishAttributionMetricsToS3"):
            return None
        attributions = [
            Attribution(
                location=one.body["metricsOutputConfig"]["s3DataDestination"]["path"],
                metrics=one.body["_metrics"],
            )
            for one in self._core.store.every("metric-attribution", dataset.parent)
            if one.status == ACTIVE and "s3DataDestination" in one.body["metricsOutputConfig"]
        ]
        return AttributionReports(
            attributions=attributions,
            mode=job.body["importMode"],
            now=self._core.clock.now(),
            items=self._items(dataset.parent),
            events=str(self._core.events_path),
        )

    def _items(self, group: str) -> DatasetContents | None:
        """What a task needs to read the group's items; None when it has no such dataset."""
        items = self._core.datasets(group).get("ITEMS")
        return None if items is None else self._contents(items)

    def _contents(self, dataset: Resource, *, bulk: bool = True) -> DatasetContents:
        """Where the rows of the dataset are; without `bulk` those that were put alone."""
        return DatasetContents(
            dataset=dataset.id,
            bulk=self._core.bulk(dataset) if bulk else [],
            schema=self._schema_text(dataset),
        )

    def end_import(self, changes: Transaction, job: Resource, result: Json) -> Resource:
        """FULL takes the place of all earlier imports, INCREMENTAL joins them."""
        dataset = self._core.store.get(job.parent, "dataset")
        if dataset is not None:
            before = dataset.body["_imports"] if job.body["importMode"] == "INCREMENTAL" else []
            imports = [*before, job.id]
            changes.put(dataset.changed(self._core.clock.now(), _imports=imports))
        return job

    def export_data(self, job: Resource, stop: threading.Event) -> Json:
        dataset = self._dataset(job.parent)
        with _stored_by_any_version(job):
            mode = job.body["ingestionMode"]
            task = ExportTask(
                location=job.body["jobOutput"]["s3DataDestination"]["path"],
                s3=self._s3(job),
                contents=self._contents(dataset, bulk=mode in ("BULK", "ALL")),
                dataset_type=dataset.body["datasetType"],
                events=str(self._core.events_path),
                put=mode in ("PUT", "ALL"),
            )
        return self._core.carry_out(task, stop)

    def end_update_dataset(self, changes: Transaction, dataset: Resource, result: Json) -> Resource:
        """Show the new schema; the solutions that exist leave its new columns out of training."""
        now, schema_arn = self._core.clock.now(), dataset.body["latestDatasetUpdate"]["schemaArn"]
        old, new = self._core.schema(dataset.body["schemaArn"]), self._core.schema(schema_arn)
        added = [name for name in new.names if name not in old.names]
        kind = dataset.body["datasetType"]
        for solution in self._core.store.every("solution", dataset.parent):
            known = solution.body.get("_added", {})
            changes.put(solution.changed(solution.updated, _added={**known, kind: [*known.get(kind, ()), *added]}))
        return dataset.changed(now, schemaArn=schema_arn)

    def delete_users(self, job: Resource, stop: threading.Event) -> Json:
        datasets = self._core.datasets(job.parent)
        of_users = [datasets[kind] for kind in ("INTERACTIONS", "USERS") if kind in datasets]
        folders = {
            str(self._core.import_folder(part)): str(self._core.import_folder(f"{part}-{job.id}"))
            for dataset in of_users
            for part in dataset.body["_imports"]
        }
        with _stored_by_any_version(job):
            task = DeletionTask(
                location=job.body["dataSource"]["dataLocation"],
                s3=self._s3(job),
                most_bytes=self._core.options.quotas.deletion_bytes,
                folders=folders,
            )
        result = self._core.carry_out(task, stop)
        deleted = self._core.events.forget_users(
            result["users"],
            interactions=datasets["INTERACTIONS"].id if "INTERACTIONS" in datasets else None,
            records=datasets["USERS"].id if "USERS" in datasets else None,
        )
        self._forget_histories(job.parent, set(result["users"]))
        return {"changed": result["changed"], "numDeleted": result["deleted"] + deleted}

    def _forget_histories(self, group: str, users: set[str]) -> None:
        """Let no version serve, or put into a segment, what it remembers of the users."""
        for solution in self._core.store.every("solution", group):
            for version in self._core.store.every("solution-version", solution.arn):
                folder = self._core.model_folder(version)
                if folder.exists() and forget(folder, users):
                    self._core.runtime.versions.refresh(version.arn)

    def end_delete_users(self, changes: Transaction, job: Resource, result: Json) -> Resource:
        """What remains of the changed imports takes their places; the sweep of the next start removes the old files."""
        now = self._core.clock.now()
        for dataset in self._core.store.every("dataset", job.parent):
            imports = dataset.body["_imports"]
            kept = [
                f"{part}-{job.id}" if str(self._core.import_folder(part)) in result["changed"] else part
                for part in imports
            ]
            if kept != imports:
                changes.put(dataset.changed(now, _imports=kept))
        changes.after_commit.append(self._core.events.touch)
        return job.changed(now, numDeleted=result["numDeleted"])

    def infer(self, job: Resource, stop: threading.Event) -> Json:
        quotas = self._core.options.quotas
        with _stored_by_any_version(job):
            task = BatchTask(
                data=str(self._core.folder),
                now=self._core.clock.now(),
                segments=job.kind == "batch-segment-job",
                version=job.body["solutionVersionArn"],
                filter=job.body.get("filterArn"),
                num_results=job.body.get("numResults", 0),
                input=job.body["jobInput"]["s3DataSource"]["path"],
                output=job.body["jobOutput"]["s3DataDestination"]["path"],
                s3=self._s3(job),
                most_files=quotas.batch_files,
                most_bytes=quotas.batch_file_bytes,
                most_lines=quotas.batch_file_lines,
            )
        return self._core.carry_out(task, stop)

    def _schema_text(self, dataset: Resource) -> str:
        schema = self._core.store.get(dataset.body["schemaArn"], "schema")
        if schema is None:
            raise WorkError(f"Schema {dataset.body['schemaArn']} was deleted.")
        return str(schema.body["schema"])

    def delete_dataset(self, dataset: Resource, stop: threading.Event) -> Json:
        self._core.events.forget(dataset.id)
        return {}

    def end_delete_dataset(self, changes: Transaction, dataset: Resource, result: Json) -> Resource:
        for kind in ("dataset-import-job", "dataset-export-job"):
            for job in self._core.store.every(kind, dataset.arn):
                changes.delete(job.arn)
        changes.after_commit.extend(partial(discard, folder) for folder in self._core.bulk(dataset))
        return dataset

    def train(self, version: Resource, stop: threading.Event) -> Json:
        began = time.monotonic()
        result = self._update(version) if version.body["trainingMode"] == "UPDATE" else self._trained(version, stop)
        return {**result, "hours": (time.monotonic() - began) / 3600}

    def _update(self, version: Resource) -> Json:
        """The model of the latest version that was trained in full, with the items that came since among its answers.

        Source: service model, `CreateSolutionVersion.trainingMode`: no training, and no automatic updates afterwards.
        """
        full = latest_full(self._core.store.every("solution-version", version.parent))
        if full is None:
            raise WorkError("There is no version any more that was trained in full.")
        folder = self._core.model_folder(version)
        partial = folder.with_name(f"{folder.name}.partial")
        discard(str(partial))
        shutil.copytree(self._core.model_folder(full), partial)
        discard(str(folder))
        partial.rename(folder)
        exploration.update(self._core, version, self._core.clock.now())
        return {"metrics": full.body["_metrics"]}

    def _trained(self, version: Resource, stop: threading.Event) -> Json:
        recipe = recipe_of(version.body["recipeArn"])
        datasets = self._core.datasets(version.body["datasetGroupArn"])
        interactions = datasets.get("INTERACTIONS")
        if recipe is None or interactions is None:
            raise WorkError("The dataset group has no Interactions dataset.")
        with _stored_by_any_version(version):
            task = TrainingTask(
                events=str(self._core.events_path),
                interactions=self._contents(interactions),
                items=self._items(version.body["datasetGroupArn"]),
                event_type=version.body.get("eventType"),
                solution_config=version.body.get("solutionConfig", {}),
                added=version.body.get("_added", {}),
                recipe=recipe.name,
                folder=str(self._core.model_folder(version)),
            )
        return self._core.carry_out(task, stop)

    def end_training(self, changes: Transaction, version: Resource, result: Json) -> Resource:
        changes.after_commit.append(self._core.alarm.ring)
        return version.changed(
            self._core.clock.now(), trainingHours=round(result["hours"], 6), _metrics=result["metrics"]
        )

    def load_first(self, campaign: Resource, stop: threading.Event) -> Json:
        self._core.runtime.versions.load(campaign.body["_requested"])
        return {}

    def end_create_campaign(self, changes: Transaction, campaign: Resource, result: Json) -> Resource:
        changes.after_commit.append(self._core.alarm.ring)
        return campaign.changed(self._core.clock.now(), _serving=campaign.body["_requested"], _requested=None)

    def load_update(self, campaign: Resource, stop: threading.Event) -> Json:
        self._core.runtime.versions.load(campaign.body["_requested"])
        return {}

    def end_update_campaign(self, changes: Transaction, campaign: Resource, result: Json) -> Resource:
        changes.after_commit.append(self._core.alarm.ring)
        update = campaign.body["latestCampaignUpdate"]
        wanted = {
            name: update[name]
            for name in ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")
            if name in update
        }
        return campaign.changed(
            self._core.clock.now(),
            status=ACTIVE,
            **{"failureReason": None, **wanted, "_serving": campaign.body["_requested"], "_requested": None},
        )

    def end_update_solution(self, changes: Transaction, solution: Resource, result: Json) -> Resource:
        update = solution.body["latestSolutionUpdate"]
        wanted = {name: update[name] for name in ("performAutoTraining", "performIncrementalUpdate") if name in update}
        config = {**solution.body.get("solutionConfig", {}), **update.get("solutionUpdateConfig", {})}
        return solution.changed(self._core.clock.now(), solutionConfig=config or None, **wanted)

    def end_delete_solution(self, changes: Transaction, solution: Resource, result: Json) -> Resource:
        for version in self._core.store.every("solution-version", solution.arn):
            changes.delete(version.arn)
            changes.after_commit.append(partial(discard, str(self._core.model_folder(version))))
        return solution
