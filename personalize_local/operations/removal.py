"""Deleting a resource: what is common to all kinds that pass through DELETE statuses."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.data.storage import Transaction
from personalize_local.model.errors import in_use
from personalize_local.model.resources import CREATING, DELETE_PENDING, DELETING, Kind, Resource
from personalize_local.model.validation import Json


def deletable(core: ServiceContext, arn: str, kind: Kind) -> Resource:
    """The resource, unless it is being made or deleted already: ResourceInUseException."""
    resource = core.need(arn, kind)
    if resource.status in CREATING | DELETING:
        raise in_use(f"Resource {arn} has status {resource.status} and cannot be deleted now.")
    return resource


def begin_deletion(core: ServiceContext, changes: Transaction, resource: Resource, request: Json) -> None:
    """Show DELETE PENDING and start the deletion."""
    leaving = resource.changed(core.clock.now(), status=DELETE_PENDING)
    changes.put(leaving)
    core.begin(changes, leaving, "delete", request)
