"""The event that a site sends: somebody viewed, favourited or enquired about an animal.

Fields, limits and the meaning of each are in docs/develop/payloads.md; those of PutEvents in
https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import (
    EARLIEST_TIME,
    elements,
    identifier,
    instant,
    is_finite_scalar,
    members,
    number,
    parse_json,
    text,
)
from lambdas.shared.names import Names

LONGEST_RECORD = 65_536
"""Bytes of one stream record; what Personalize takes of an event is at most 10 KB."""

CLOCK_TOLERANCE_SECONDS = 86_400.0
"""How far a visitor's clock may run ahead of the record's arrival."""

LONGEST_PROPERTIES = 1024
LONGEST_RECOMMENDATION_ID = 40
MOST_IMPRESSIONS = 25
"""Of 86 bytes at most each: what room that leaves in the 10 KB that Personalize takes of an event, the rest fits."""

FIELDS = Names(
    "userId", "sessionId", "eventType", "animalMetadata", "animal_id", "timestamp", "eventId", "eventValue",
    "recommendationId", "impression", "context", "properties", "redriven",
)  # fmt: skip
_REDRIVEN = Names("record", "arrival")
ENVELOPE = Names("Data")
"""Its other member says nothing of the event: every spelling of it is taken (`Partitionkey`, `PartitionKey`)."""

_RESERVED_PROPERTIES = frozenset(
    # In any case, with underscores or without. An `itemId` in there would be taken for the event's own.
    ("userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression", "itemid")
)
EVERY_ID_IS_A_DIGEST = -math.inf
"""`digests_from` of an environment that never sent the site's own ids as they are."""

_DIGEST_CHARACTERS = 32
_SEPARATOR = "\x1f"
"""Between the parts of a digest; no field may hold it, so different parts never give the same text."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """Where an event was first: when its record arrived and, for one without a time of its own, the record's name."""

    arrival: float
    record: str | None = None


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
    redriven: Redriven | None = None

    def identity(self, record: str, *, arrival: float = 0.0, digests_from: float = EVERY_ID_IS_A_DIGEST) -> str:
        """The id under which Personalize counts this event once, however often it is sent.

        A digest of user, session and the site's own `eventId`, because the service's ids are global and the site's need
        not be; without one a digest of user, session, type, animal and time. So it is equal for a retry, a redrive and
        a replay. For an event without a time, `record` (what identifies the stream record) stands for the time.

        Events that arrived (`arrival`, epoch seconds) before `digests_from` were sent under the site's own id as it is,
        and still are.
        """
        if self.redriven is not None:
            arrival = self.redriven.arrival
        if self.event_id is None:
            return self._digest_of_content(record)
        # An earlier redrive wrote the digest that an event was first sent under into it.
        if arrival < digests_from or (
            len(self.event_id) == _DIGEST_CHARACTERS and self.event_id == self._digest_of_content(record)
        ):
            return self.event_id
        return _digest(self.user_id or "", self.session_id, self.event_id)

    def _digest_of_content(self, record: str) -> str:
        if self.redriven is not None and self.redriven.record is not None:
            moment = self.redriven.record  # its time is that of its arrival, which redrive gave it
        else:
            moment = record if self.occurred_at is None else f"{self.occurred_at:.3f}"
        return _digest(self.user_id or "", self.session_id, self.event_type, self.animal_id or self.item_id, moment)


def _digest(*parts: str) -> str:
    return hashlib.blake2b(_SEPARATOR.join(parts).encode(), digest_size=_DIGEST_CHARACTERS // 2).hexdigest()


def decode_event(data: bytes, *, arrival: float, breeds: Breeds = LATIN) -> Event:
    """The event in a stream record's data, taken for one that Personalize gets, whatever its type.

    `arrival` is when the stream took the record, in epoch seconds. Raises PayloadError. Whoever reads the stream or the
    archive of an environment calls `lambdas.shared.observed.decode_record`, which knows the observed types.
    """
    return parse_event(flat_payload(data), arrival=arrival, breeds=breeds)


def flat_payload(data: bytes) -> dict[str, Any]:
    """The members of an event: the flat object, or what lies in the `{"Partitionkey", "Data"}` envelope around it.

    Raises PayloadError.
    """
    return opened(members(parse_json(data, "record", longest=LONGEST_RECORD), "record"))


def parse_event(payload: dict[str, Any], *, arrival: float, breeds: Breeds = LATIN) -> Event:
    """The event of a flat payload. Raises PayloadError naming the first field that cannot be used."""
    FIELDS.check(payload)
    session_id = identifier(required(payload, "sessionId"), "sessionId")
    event_type = _event_type(required(payload, "eventType"))
    group = AnimalGroup.from_metadata(required(payload, "animalMetadata"), breeds=breeds)
    return Event(
        session_id=session_id,
        event_type=event_type,
        item_id=group.item_id,
        **optional_fields(payload, arrival=arrival, breeds=breeds),
    )


def optional_fields(payload: dict[str, Any], *, arrival: float, breeds: Breeds = LATIN) -> dict[str, Any]:
    """What any event may say beside session, type and animal group, by the names of `Event`. Raises PayloadError."""
    get = payload.get
    user_id = None if (value := get("userId")) is None else identifier(value, "userId")
    redriven = None if (value := get("redriven")) is None else _redriven(value, arrival)
    return {
        "user_id": user_id,
        "animal_id": None if (value := get("animal_id")) is None else identifier(value, "animal_id"),
        "event_id": None if (value := get("eventId")) is None else identifier(value, "eventId"),
        "occurred_at": None
        if (value := get("timestamp")) is None
        else instant(value, "timestamp", latest=arrival + CLOCK_TOLERANCE_SECONDS),
        "event_value": None if (value := get("eventValue")) is None else number(value, "eventValue"),
        "recommendation_id": None
        if (value := get("recommendationId")) is None
        else text(value, "recommendationId", longest=LONGEST_RECOMMENDATION_ID),
        "impression": () if (value := get("impression")) is None else _impression(value, breeds),
        "properties": _properties(get("properties"), get("context")),
        "redriven": redriven,
    }


def opened(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload itself, or what lies in its envelope; `Data` is an object or its JSON text. Raises PayloadError."""
    if "sessionId" in payload:
        return payload
    if "Data" not in payload:
        if "eventType" not in payload:
            ENVELOPE.check(payload)
        return payload
    FIELDS.check(payload)
    for name in ("userId", "sessionId", "eventType", "animalMetadata"):
        if name in payload:
            raise PayloadError(name, payload[name], "must stand in Data, with the rest of the event")
    data = payload["Data"]
    if isinstance(data, str):
        data = parse_json(data, "Data", longest=LONGEST_RECORD)
    return members(data, "Data")


def _event_type(value: object) -> str:
    event_type = text(value, "eventType")
    if "<" in event_type or ">" in event_type:
        raise PayloadError("eventType", value, "must not hold < or >")
    return event_type


def _redriven(value: object, arrival: float) -> Redriven:
    """The mark that `tools/events/redrive.py` sets. It can only move an event back in time, never ahead."""
    given = members(value, "redriven")
    _REDRIVEN.check(given, "redriven")
    first = number(given.get("arrival"), "redriven.arrival")
    if not EARLIEST_TIME <= first <= arrival:
        raise PayloadError("redriven.arrival", first, "must be between the year 2000 and the record's arrival")
    record = given.get("record")
    return Redriven(first, None if record is None else text(record, "redriven.record"))


def required(payload: dict[str, Any], field: str) -> Any:
    """The member's value. Raises PayloadError where it is missing or null."""
    value = payload.get(field)
    if value is None:
        raise PayloadError(field, value, "is missing")
    return value


def _impression(value: object, breeds: Breeds) -> tuple[str, ...]:
    items = elements(value, "impression", most=MOST_IMPRESSIONS)
    if not items:
        raise PayloadError("impression", value, f"must have 1 to {MOST_IMPRESSIONS} elements")
    return tuple(
        AnimalGroup.parse(item, f"impression[{place}]", breeds=breeds).item_id for place, item in enumerate(items)
    )


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
            if column.replace("_", "").replace("-", "").casefold() in _RESERVED_PROPERTIES:
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
