"""PutEvents, PutItems and PutUsers."""

import json
from collections.abc import Awaitable

from personalize_local.control.service_context import ServiceContext
from personalize_local.data.properties import own_members, parse_properties
from personalize_local.data.records import check_record
from personalize_local.model.errors import in_use, invalid_input, not_found
from personalize_local.model.resources import ACTIVE, CREATING, DELETING, UPDATING
from personalize_local.model.schemas import plain
from personalize_local.model.validation import Json
from personalize_local.serving.exploration import IMPLICIT

EVENT_BYTES = 10 * 1024
_COLUMNS = frozenset({"eventId", "eventType", "itemId", "sentAt", "eventValue"})
"""Members of an event that need no look of their own."""
_TAKING = CREATING | {ACTIVE}
"""Published notebooks send events in the second in which they make the tracker: what is being made takes them."""
_FORBIDDEN = frozenset({"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"})


def put_events(core: ServiceContext, request: Json) -> Awaitable[None] | None:
    """PutEvents: one bad event refuses the whole call. Waits where `EventStore.append` says so."""
    found = core.tracker(request["trackingId"])
    if found is None or found[0].status not in _TAKING:
        raise invalid_input(f"No active event tracker has the tracking id {request['trackingId']}.")
    dataset, user, session = found[1], request.get("userId"), request["sessionId"]
    events = [event if event.keys() <= _COLUMNS else _checked(core, event) for event in request["eventList"]]
    return core.events.append(dataset, user, session, events)


def _checked(core: ServiceContext, event: Json) -> Json:
    """The event with `properties` as the object that they hold, and what was shown with its recommendation."""
    checked = dict(event)
    if "properties" in event:
        properties = checked["properties"] = parse_properties(event["properties"])
        for name in properties:
            if plain(name) in _FORBIDDEN:
                raise invalid_input(f"properties must not hold {name}: it is a member of the event or the request.")
        # What the event itself says counts more than what its properties say of it.
        own = own_members(properties)
        if own:
            checked = {**own, **checked}
    if "recommendationId" in event and "impression" not in event:  # explicit impressions count more, as documented
        shown = core.recent_answers.items(event["recommendationId"])
        if shown:
            checked[IMPLICIT] = shown
    if len(json.dumps(event, ensure_ascii=False).encode()) > EVENT_BYTES:
        raise invalid_input(f"An event can have {EVENT_BYTES} bytes.")
    return checked


def put_items(core: ServiceContext, request: Json) -> None:
    """PutItems: each item takes the place of the one with its id."""
    _put(core, request["datasetArn"], "ITEMS", "ITEM_ID", [(one["itemId"], one) for one in request["items"]])


def put_users(core: ServiceContext, request: Json) -> None:
    """PutUsers: each user takes the place of the one with its id."""
    _put(core, request["datasetArn"], "USERS", "USER_ID", [(one["userId"], one) for one in request["users"]])


def _put(core: ServiceContext, arn: str, kind: str, key: str, records: list[tuple[str, Json]]) -> None:
    dataset = core.store.get(arn, "dataset")
    if dataset is None:
        raise not_found("dataset", arn, status=404)
    if dataset.body["datasetType"] != kind:
        raise invalid_input(f"{arn} is no dataset of type {kind}.")
    if dataset.status in CREATING | DELETING:
        raise in_use(f"Dataset {arn} has status {dataset.status}; it must be ACTIVE.", status=409)
    if dataset.status not in UPDATING | {ACTIVE}:
        raise invalid_input(f"Dataset {arn} has status {dataset.status}; it must be ACTIVE.")
    schema = core.schema(dataset.body["schemaArn"])
    delay = core.options.record_delay
    core.events.put_records(
        dataset.id,
        [(name, check_record(schema, key, parse_properties(one.get("properties")))) for name, one in records],
        visible=core.clock.now() + delay if delay else None,
    )
    if delay:
        core.alarm.ring()  # the schedule waits for an earlier moment now
