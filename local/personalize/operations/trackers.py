"""Event trackers: one a dataset group."""

import uuid
from typing import TYPE_CHECKING

from local.personalize.errors import ServiceError, already_exists, in_use, invalid_input
from local.personalize.operations.removal import begin_deletion, deletable
from local.personalize.operations.tags import tagged
from local.personalize.resources import CREATE_PENDING, Resource, short_id
from local.personalize.validation import Json

if TYPE_CHECKING:
    from local.personalize.service import Personalize


def create_event_tracker(service: "Personalize", request: Json) -> Json:
    """CreateEventTracker: the group needs an Interactions dataset, which may be empty."""
    group = request["datasetGroupArn"]
    with service.store.transaction() as changes:
        service.need(group, "dataset-group", active=True)
        interactions = service.datasets(group).get("INTERACTIONS")
        if interactions is None:
            raise invalid_input(f"Dataset group {group} needs an Interactions dataset before an event tracker.")
        service.need(interactions.arn, "dataset", active=True)
        for tracker in service.store.every("event-tracker", group):
            raise _second(tracker)
        for tracker in service.store.every("event-tracker"):
            if tracker.name == request["name"]:
                raise already_exists(tracker.arn)
        tracking_id, now = str(uuid.uuid4()), service.clock.now()
        arn = service.account.arn(f"event-tracker/{short_id()}")
        tracker = changes.add(
            Resource(
                arn=arn,
                kind="event-tracker",
                name=request["name"],
                parent=group,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={"accountId": service.account.id, "trackingId": tracking_id, "datasetGroupArn": group},
            )
        )
        tagged(changes, arn, request)
        service.begin(changes, tracker, "create", request)
    return {"eventTrackerArn": arn, "trackingId": tracking_id}


def _second(tracker: Resource) -> ServiceError:
    if tracker.status.startswith("DELETE"):
        return in_use(f"The event tracker {tracker.arn} of the dataset group is being deleted.")
    return already_exists(tracker.arn)


def delete_event_tracker(service: "Personalize", request: Json) -> None:
    """DeleteEventTracker: the events that came through it stay."""
    with service.store.transaction() as changes:
        tracker = deletable(service, request["eventTrackerArn"], "event-tracker")
        begin_deletion(service, changes, tracker, request)
