"""Event trackers: one a dataset group."""

import uuid

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.errors import ServiceError, already_exists, in_use, invalid_input
from personalize_local.model.resources import CREATE_PENDING, Resource, short_id
from personalize_local.model.validation import Json
from personalize_local.operations.removal import begin_deletion, deletable
from personalize_local.operations.tags import tagged


def create_event_tracker(core: ServiceContext, request: Json) -> Json:
    """CreateEventTracker: the group needs an Interactions dataset, which may be empty."""
    group = request["datasetGroupArn"]
    with core.store.transaction() as changes:
        core.need(group, "dataset-group", active=True)
        interactions = core.datasets(group).get("INTERACTIONS")
        if interactions is None:
            raise invalid_input(f"Dataset group {group} needs an Interactions dataset before an event tracker.")
        core.need(interactions.arn, "dataset", active=True, creating=True)
        for tracker in core.store.every("event-tracker", group):
            raise _second(tracker)
        for tracker in core.store.every("event-tracker"):
            if tracker.name == request["name"]:
                raise already_exists(tracker.arn)
        tracking_id, now = str(uuid.uuid4()), core.clock.now()
        arn = core.account.arn(f"event-tracker/{short_id()}")
        tracker = changes.add(
            Resource(
                arn=arn,
                kind="event-tracker",
                name=request["name"],
                parent=group,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={"accountId": core.account.id, "trackingId": tracking_id, "datasetGroupArn": group},
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, tracker, "create", request)
    return {"eventTrackerArn": arn, "trackingId": tracking_id}


def _second(tracker: Resource) -> ServiceError:
    if tracker.status.startswith("DELETE"):
        return in_use(f"The event tracker {tracker.arn} of the dataset group is being deleted.")
    return already_exists(tracker.arn)


def delete_event_tracker(core: ServiceContext, request: Json) -> None:
    """DeleteEventTracker: the events that came through it stay."""
    with core.store.transaction() as changes:
        tracker = deletable(core, request["eventTrackerArn"], "event-tracker")
        begin_deletion(core, changes, tracker, request)
