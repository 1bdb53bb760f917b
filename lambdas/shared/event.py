"""The event that a site sends: somebody viewed, favourited or enquired about an animal.

Fields, limits and the meaning of each are in docs/payloads.md; those of PutEvents in
https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import elements, identifier, instant, is_finite_scalar, members, number, parse_json, text

LONGEST_RECORD = 65_536
"""Bytes of one stream record; what Personalize takes of an event is at most 10 KB."""

CLOCK_TOLERANCE_SECONDS = 86_400.0
"""How far a visitor's clock may run ahead of the record's arrival."""

LONGEST_IMPRESSION_BYTES = 7_000
"""Leaves room for the other fields in the 10 KB that Personalize takes of an event."""
LONGEST_PROPERTIES = 1024
LONGEST_RECOMMENDATION_ID = 40
MOST_IMPRESSIONS = 25

_RESERVED_PROPERTIES = frozenset(
    ("userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression")  # in any case
)
_SEPARATOR = "\x1f"
"""Between the parts of a digest; no field may hold it, so different parts never give the same text."""


@dataclass(frozen=True, slots=True)
class Event:
    """A valid event.

    `occurred_at` is the event's own time in epoch seconds, None when the site sent none. `properties` is the JSON text
    that PutEvents takes. `animal_id` (the very animal) has no column in the Interactions schema: it tells events apart
    and stays readable in the archive.
    """

    user_id: str | None
    session_id: str
    event_type: str
    item_id: str
    animal_id: str | None = None
    event_id: str | None = None
    occurred_at: float | None = None
    event_value: float | None = None
    recommendation_id: str | None = None
    impression: tuple[str, ...] = ()
    properties: str | None = None

    def identity(self, record: str) -> str:
        """The id under which Personalize counts this event once, however often it is sent.

        The site's own `eventId`; else a digest of user, session, type, animal and time, equal for a retry, a redrive
        and a replay; for an event without a time, `record` (what identifies the stream record) stands for the time.
        """
        if self.event_id is not None:
            return self.event_id
        moment = record if self.occurred_at is None else f"{self.occurred_at:.3f}"
        parts = (self.user_id or "", self.session_id, self.event_type, self.animal_id or self.item_id, moment)
        return hashlib.blake2b(_SEPARATOR.join(parts).encode(), digest_size=16).hexdigest()


def decode_event(data: bytes, *, arrival: float) -> Event:
    """The event in a stream record's data: the flat object, or the `{"Partitionkey", "Data"}` envelope around it.

    `arrival` is when the stream took the record, in epoch seconds. Raises PayloadError.
    """
    payload = members(parse_json(data, "record", longest=LONGEST_RECORD), "record")
    return parse_event(_opened(payload), arrival=arrival)


def parse_event(payload: dict[str, Any], *, arrival: float) -> Event:
    """The event of a flat payload. Raises PayloadError naming the first field that cannot be used."""
    get = payload.get
    session_id = identifier(_required(payload, "sessionId"), "sessionId")
    event_type = text(_required(payload, "eventType"), "eventType")
    group = AnimalGroup.from_metadata(_required(payload, "animalMetadata"))
    user_id = None if (value := get("userId")) is None else identifier(value, "userId")
    return Event(
        user_id=user_id,
        session_id=session_id,
        event_type=event_type,
        item_id=group.item_id,
        animal_id=None if (value := get("animal_id")) is None else identifier(value, "animal_id"),
        event_id=None if (value := get("eventId")) is None else identifier(value, "eventId"),
        occurred_at=None
        if (value := get("timestamp")) is None
        else instant(value, "timestamp", latest=arrival + CLOCK_TOLERANCE_SECONDS),
        event_value=None if (value := get("eventValue")) is None else number(value, "eventValue"),
        recommendation_id=None
        if (value := get("recommendationId")) is None
        else text(value, "recommendationId", longest=LONGEST_RECOMMENDATION_ID),
        impression=() if (value := get("impression")) is None else _impression(value),
        properties=_properties(get("properties"), get("context")),
    )


def _opened(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload itself, or what lies in its envelope; `Data` is an object or its JSON text."""
    if "Data" not in payload or "sessionId" in payload:
        return payload
    data = payload["Data"]
    if isinstance(data, str):
        data = parse_json(data, "Data", longest=LONGEST_RECORD)
    return members(data, "Data")


def _required(payload: dict[str, Any], field: str) -> Any:
    value = payload.get(field)
    if value is None:
        raise PayloadError(field, value, "is missing")
    return value


def _impression(value: object) -> tuple[str, ...]:
    items = elements(value, "impression", most=MOST_IMPRESSIONS)
    if not items:
        raise PayloadError("impression", value, f"must have 1 to {MOST_IMPRESSIONS} elements")
    impression = tuple(AnimalGroup.parse(item, f"impression[{place}]").item_id for place, item in enumerate(items))
    if len(json.dumps(impression)) > LONGEST_IMPRESSION_BYTES:
        raise PayloadError("impression", value, f"must have at most {LONGEST_IMPRESSION_BYTES} bytes as JSON")
    return impression


def _properties(properties: object, context: object) -> str | None:
    """`properties` (named as PutEvents wants them) and `context` (named as the columns are) as one JSON text."""
    if properties is None and context is None:
        return None
    if isinstance(properties, str):
        properties = parse_json(properties, "properties", longest=LONGEST_PROPERTIES)
    merged: dict[str, object] = {}
    for field, given in (("properties", properties), ("context", context)):
        for name, value in members(given, field).items() if given is not None else ():
            place = f"{field}.{text(name, field)}"
            column = name if field == "properties" else _camel_case(name)
            if column.lower() in _RESERVED_PROPERTIES:
                raise PayloadError(place, value, "is a name that PutEvents reserves")
            if column in merged:
                raise PayloadError(place, value, "is given in properties as well")
            if not is_finite_scalar(value):
                raise PayloadError(place, value, "must be a text, a truth value or a finite number")
            merged[column] = value
    if not merged:
        return None
    result = json.dumps(merged, separators=(",", ":"))
    if len(result) > LONGEST_PROPERTIES:
        raise PayloadError("properties", merged, f"must have at most {LONGEST_PROPERTIES} characters as JSON")
    return result


def _camel_case(column: str) -> str:
    """`DEVICE_TYPE` -> `deviceType`: how PutEvents names a column of the schema."""
    first, *rest = column.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)
