"""Filters."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.errors import already_exists, in_use, limit_exceeded
from personalize_local.model.resources import CREATE_PENDING, CREATING, Resource
from personalize_local.model.validation import Json
from personalize_local.operations.batch import running_batch
from personalize_local.operations.tags import tagged
from personalize_local.serving.filter_expressions import MAXIMUM_FIELDS_OF_GROUP, parse_filter


def create_filter(core: ServiceContext, request: Json) -> Json:
    """CreateFilter: the expression is checked at once against the group's schemas."""
    group = request["datasetGroupArn"]
    with core.store.transaction() as changes:
        core.need(group, "dataset-group", active=True)
        arn, now = core.account.arn(f"filter/{request['name']}"), core.clock.now()
        if core.store.get(arn):
            raise already_exists(arn)
        fields = parse_filter(request["filterExpression"], core.dataset_schemas(group)).fields
        core.admit("filter", group)
        _admit_fields(core, group, fields)
        made = changes.add(
            Resource(
                arn=arn,
                kind="filter",
                name=request["name"],
                parent=group,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={"datasetGroupArn": group, "filterExpression": request["filterExpression"]},
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, made, "create", request)
    return {"filterArn": arn}


def delete_filter(core: ServiceContext, request: Json) -> None:
    """DeleteFilter: done at once."""
    arn = request["filterArn"]
    with core.store.transaction() as changes:
        if core.need(arn, "filter").status in CREATING:
            raise in_use(f"Filter {arn} is being created and cannot be deleted now.")
        job = running_batch(core, "filterArn", arn)
        if job is not None:
            raise in_use(f"Filter {arn} is used by {job.arn}, which has status {job.status}.")
        changes.delete(arn)
    core.runtime.allowed_items.forget(arn)


def _admit_fields(core: ServiceContext, group: str, fields: frozenset[tuple[str, str]]) -> None:
    """LimitExceededException when the filters of the group would read too many different columns."""
    schemas = core.dataset_schemas(group)
    for other in core.store.every("filter", group):
        fields |= parse_filter(other.body["filterExpression"], schemas).fields
    if len(fields) > MAXIMUM_FIELDS_OF_GROUP:
        raise limit_exceeded(
            f"The filters of a dataset group may use {MAXIMUM_FIELDS_OF_GROUP} distinct fields, not {len(fields)}."
        )
