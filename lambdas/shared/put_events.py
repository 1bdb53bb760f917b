"""PutEvents, for whoever calls it: an event as the API takes it, and calls that single out the event that is refused.

https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lambdas.shared.attempts import InvalidRequestError
from lambdas.shared.event import Event

T = TypeVar("T")

MOST_EVENTS_A_CALL = 10


def event_request(event: Event) -> dict[str, Any]:
    """The event as PutEvents takes it, but for its `eventId` and `sentAt`."""
    request: dict[str, Any] = {"eventType": event.event_type, "itemId": event.item_id}
    if event.event_value is not None:
        request["eventValue"] = event.event_value
    if event.recommendation_id is not None:
        request["recommendationId"] = event.recommendation_id
    if event.impression:
        request["impression"] = list(event.impression)
    if event.properties is not None:
        request["properties"] = event.properties
    return request


def put_in_halves(events: Sequence[T], put: Callable[[Sequence[T]], object]) -> list[tuple[T, InvalidRequestError]]:
    """The events that are refused, each with the reason; all others are put.

    `put` makes one call and raises InvalidRequestError when it can never succeed: such a call is halved until the
    guilty event stands alone. Whatever else it raises ends the matter.
    """
    try:
        put(events)
    except InvalidRequestError as error:
        if len(events) == 1:
            return [(events[0], error)]
        middle = len(events) // 2
        return put_in_halves(events[:middle], put) + put_in_halves(events[middle:], put)
    return []
