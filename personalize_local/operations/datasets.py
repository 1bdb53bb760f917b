"""Schemas, dataset groups and datasets."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.errors import already_exists, in_use, invalid_input
from personalize_local.model.resources import CREATE_PENDING, CREATING, UPDATE_PENDING, UPDATING, Kind, Resource
from personalize_local.model.schemas import DATASET_TYPES, check_dataset_type, check_replacement, parse_schema
from personalize_local.model.validation import Json
from personalize_local.operations.removal import begin_deletion, deletable
from personalize_local.operations.tags import tagged


def create_schema(core: ServiceContext, request: Json) -> Json:
    """CreateSchema: done at once, a schema has no status."""
    if "domain" in request:
        raise invalid_input("Domain dataset groups are not supported by the local Personalize.")
    parse_schema(request["schema"])
    arn, now = core.account.arn(f"schema/{request['name']}"), core.clock.now()
    with core.store.transaction() as changes:
        if core.store.get(arn):
            raise already_exists(arn)
        core.admit("schema")
        body = {"schema": request["schema"]}
        changes.add(Resource(arn=arn, kind="schema", name=request["name"], created=now, updated=now, body=body))
    return {"schemaArn": arn}


def delete_schema(core: ServiceContext, request: Json) -> None:
    """DeleteSchema: after every dataset that uses it."""
    arn = request["schemaArn"]
    with core.store.transaction() as changes:
        core.need(arn, "schema")
        users = [one.arn for one in core.store.every("dataset") if arn in (one.body["schemaArn"], updating_to(one))]
        if users:
            raise in_use(f"Schema {arn} is used by the dataset {users[0]}.")
        changes.delete(arn)
    core.forget_schema(arn)


def create_dataset_group(core: ServiceContext, request: Json) -> Json:
    """CreateDatasetGroup, for custom resources: without a domain."""
    if "domain" in request:
        raise invalid_input("Domain dataset groups are not supported by the local Personalize.")
    if ("kmsKeyArn" in request) != ("roleArn" in request):
        raise invalid_input("kmsKeyArn and roleArn must be given together.")
    arn, now = core.account.arn(f"dataset-group/{request['name']}"), core.clock.now()
    with core.store.transaction() as changes:
        if core.store.get(arn):
            raise already_exists(arn)
        core.admit("dataset-group")
        group = changes.add(
            Resource(
                arn=arn,
                kind="dataset-group",
                name=request["name"],
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={name: request[name] for name in ("roleArn", "kmsKeyArn") if name in request},
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, group, "create", request)
    return {"datasetGroupArn": arn}


def delete_dataset_group(core: ServiceContext, request: Json) -> None:
    """DeleteDatasetGroup: after its trackers, solutions, filters, metric attributions and datasets."""
    arn = request["datasetGroupArn"]
    with core.store.transaction() as changes:
        group = deletable(core, arn, "dataset-group")
        kinds: tuple[Kind, ...] = ("event-tracker", "solution", "metric-attribution", "dataset", "filter")
        for kind in kinds:
            for one in core.store.every(kind, arn):
                raise in_use(f"Dataset group {arn} still has the resource {one.arn}.")
        begin_deletion(core, changes, group, request)


def create_dataset(core: ServiceContext, request: Json) -> Json:
    """CreateDataset: one of each type in a group."""
    kind = request["datasetType"].upper()
    if kind not in DATASET_TYPES:
        raise invalid_input(
            f"datasetType must be one of Interactions, Items and Users, not {request['datasetType']}"
            " (action datasets are not supported by the local Personalize)."
        )
    group_arn, schema_arn = request["datasetGroupArn"], request["schemaArn"]
    with core.store.transaction() as changes:
        group = core.need(group_arn, "dataset-group", active=True)
        core.need(schema_arn, "schema")
        check_dataset_type(core.schema(schema_arn), kind)
        arn, now = core.account.arn(f"dataset/{group.name}/{kind}"), core.clock.now()
        if core.store.get(arn):
            raise already_exists(arn)
        dataset = changes.add(
            Resource(
                arn=arn,
                kind="dataset",
                name=request["name"],
                parent=group_arn,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={"datasetGroupArn": group_arn, "datasetType": kind, "schemaArn": schema_arn, "_imports": []},
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, dataset, "create", request)
    return {"datasetArn": arn}


def updating_to(dataset: Resource) -> str | None:
    """The schema that the dataset is about to get; None when no update is under way."""
    update = dataset.body.get("latestDatasetUpdate")
    return str(update["schemaArn"]) if update and update["status"] in CREATING | UPDATING else None


def update_dataset(core: ServiceContext, request: Json) -> Json:
    """UpdateDataset: another schema that holds all of the old one; what it adds must allow null.

    Source: developer guide, "Replacing a dataset's schema". Solutions that exist never train on the added columns.
    The dataset itself shows UPDATE PENDING and UPDATE IN_PROGRESS, as recorded of the service (October 2023).
    """
    arn, schema_arn = request["datasetArn"], request["schemaArn"]
    with core.store.transaction() as changes:
        dataset = core.need(arn, "dataset", active=True)
        core.need(schema_arn, "schema")
        kind = dataset.body["datasetType"]
        if kind not in ("ITEMS", "USERS"):
            raise invalid_input(f"The schema of an {kind} dataset cannot be replaced; those of Items and Users can.")
        for job in core.store.every("dataset-import-job", arn):
            if job.status in CREATING:
                raise in_use(f"Dataset {arn} is used by {job.arn}, which has status {job.status}.")
        schema = core.schema(schema_arn)
        check_dataset_type(schema, kind)
        check_replacement(core.schema(dataset.body["schemaArn"]), schema)
        now = core.clock.now()
        shown = {
            "schemaArn": schema_arn,
            "status": UPDATE_PENDING,
            "creationDateTime": now,
            "lastUpdatedDateTime": now,
        }
        updating = dataset.changed(now, status=UPDATE_PENDING, latestDatasetUpdate=shown)
        changes.put(updating)
        core.begin(changes, updating, "update", request)
    return {"datasetArn": arn}


def delete_dataset(core: ServiceContext, request: Json) -> None:
    """DeleteDataset: not while something is made from it; an event tracker needs the interactions."""
    arn = request["datasetArn"]
    with core.store.transaction() as changes:
        dataset = deletable(core, arn, "dataset")
        if updating_to(dataset):
            raise in_use(f"Dataset {arn} is being updated and cannot be deleted now.")
        busy = [
            *core.store.every("dataset-import-job", arn),
            *core.store.every("dataset-export-job", arn),
            *(
                version
                for solution in core.store.every("solution", dataset.parent)
                for version in core.store.every("solution-version", solution.arn)
            ),
        ]
        for one in busy:
            if one.status in CREATING:
                raise in_use(f"Dataset {arn} is used by {one.arn}, which has status {one.status}.")
        if dataset.body["datasetType"] == "INTERACTIONS":
            for tracker in core.store.every("event-tracker", dataset.parent):
                raise in_use(f"Dataset {arn} is used by the event tracker {tracker.arn}.")
        begin_deletion(core, changes, dataset, request)
