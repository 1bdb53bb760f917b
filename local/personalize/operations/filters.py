"""Filters."""

from typing import TYPE_CHECKING

from local.personalize.errors import already_exists, in_use
from local.personalize.filters import parse_filter
from local.personalize.operations.tags import tagged
from local.personalize.resources import CREATE_PENDING, CREATING, Resource
from local.personalize.validation import Json

if TYPE_CHECKING:
    from local.personalize.service import Personalize


def create_filter(service: "Personalize", request: Json) -> Json:
    """CreateFilter: the expression is checked at once against the group's schemas."""
    group = request["datasetGroupArn"]
    with service.store.transaction() as changes:
        service.need(group, "dataset-group", active=True)
        arn, now = service.account.arn(f"filter/{request['name']}"), service.clock.now()
        if service.store.get(arn):
            raise already_exists(arn)
        parse_filter(request["filterExpression"], service.dataset_schemas(group))
        service.admit("filter", group)
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
        service.begin(changes, made, "create", request)
    return {"filterArn": arn}


def delete_filter(service: "Personalize", request: Json) -> None:
    """DeleteFilter: done at once."""
    arn = request["filterArn"]
    with service.store.transaction() as changes:
        if service.need(arn, "filter").status in CREATING:
            raise in_use(f"Filter {arn} is being created and cannot be deleted now.")
        changes.delete(arn)
    service.serving.forget_filter(arn)
