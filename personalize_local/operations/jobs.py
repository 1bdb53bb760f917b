"""Dataset import and export jobs, and data deletion jobs."""

from collections.abc import Callable

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.errors import already_exists, in_use, invalid_input
from personalize_local.model.resources import CREATE_PENDING, CREATING, PENDING, Kind, Resource
from personalize_local.model.validation import Json
from personalize_local.operations.tags import tagged


def create_dataset_import_job(core: ServiceContext, request: Json) -> Json:
    """CreateDatasetImportJob: the first import of a dataset must be FULL."""
    if "dataLocation" not in request["dataSource"]:
        raise invalid_input("dataSource.dataLocation is required.")
    mode = request.get("importMode", "FULL")
    dataset = core.need(request["datasetArn"], "dataset", active=True, creating=True)
    if mode == "INCREMENTAL" and not dataset.body["_imports"]:
        raise invalid_input("The first import of a dataset must have importMode FULL.")
    optional = ("roleArn", "publishAttributionMetricsToS3")
    body = {
        "datasetArn": dataset.arn,
        "dataSource": request["dataSource"],
        "importMode": mode,
        **{name: request[name] for name in optional if name in request},
    }
    return {"datasetImportJobArn": create_job(core, request, "dataset-import-job", dataset, body)}


def create_dataset_export_job(core: ServiceContext, request: Json) -> Json:
    """CreateDatasetExportJob: PUT when no ingestion mode is given."""
    dataset = core.need(request["datasetArn"], "dataset", active=True)
    body = {
        "datasetArn": dataset.arn,
        "ingestionMode": request.get("ingestionMode", "PUT"),
        "roleArn": request["roleArn"],
        "jobOutput": request["jobOutput"],
    }
    return {"datasetExportJobArn": create_job(core, request, "dataset-export-job", dataset, body)}


def create_data_deletion_job(core: ServiceContext, request: Json) -> Json:
    """CreateDataDeletionJob: removes users from every dataset of the group; models keep them until trained again."""
    if "dataLocation" not in request["dataSource"]:
        raise invalid_input("dataSource.dataLocation is required.")
    group = core.need(request["datasetGroupArn"], "dataset-group", active=True)
    datasets = core.datasets(group.arn)
    if not datasets:
        raise invalid_input(f"Dataset group {group.arn} has no dataset to delete from.")
    for dataset in datasets.values():
        for job in core.store.every("dataset-import-job", dataset.arn):
            if job.status in CREATING:
                raise in_use(f"The dataset import job {job.arn} has status {job.status}; wait until it has ended.")
    for job in core.store.every("data-deletion-job", group.arn):
        if job.status in CREATING:
            raise in_use(f"The data deletion job {job.arn} has status {job.status}; wait until it has ended.")
    body = {name: request[name] for name in ("datasetGroupArn", "dataSource", "roleArn")}
    return {"dataDeletionJobArn": create_job(core, request, "data-deletion-job", group, body, status=PENDING)}


def create_job(
    core: ServiceContext,
    request: Json,
    kind: Kind,
    parent: Resource,
    body: Json,
    *,
    status: str = CREATE_PENDING,
    check: Callable[[], None] = lambda: None,
) -> str:
    """Add a job of the request's name and begin its work; returns its ARN.

    `check` raises what else stands against it, once it is known that there is no job of that name.
    """
    core.need_s3()
    name, now = request["jobName"], core.clock.now()
    arn = core.account.arn(f"{kind}/{name}")
    with core.store.transaction() as changes:
        if core.store.get(arn):
            raise already_exists(arn)
        check()
        core.admit(kind)
        job = changes.add(
            Resource(
                arn=arn,
                kind=kind,
                name=name,
                parent=parent.arn,
                status=status,
                created=now,
                updated=now,
                body=body,
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, job, "create", request)
    return arn
