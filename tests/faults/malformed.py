"""The twenty kinds of malformed record in the storm, and where quarantine is to find each of them wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.events.malformed import KINDS, Event

MOST_RECORD_BYTES = 1_048_576
"""Limit of a record of Kinesis: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""


@dataclass(frozen=True, slots=True)
class Malformation:
    """How a valid event is spoiled; `field` and `says` (a part of the message) are the right reason."""

    spoil: Callable[[Event], bytes]
    field: str
    says: str


def _longest(event: Event) -> bytes:
    """A record as long as the stream takes one."""
    text = KINDS["no session"](event)[:-1] + b',"note":"'
    return text + b"x" * (MOST_RECORD_BYTES - len(text) - 2) + b'"}'


def _deep(event: Event) -> bytes:
    return KINDS["no session"](event)[:-1] + b',"note":' + b"[" * 5000 + b"]" * 5000 + b"}"


_REASONS: Mapping[str, tuple[str, str]] = {
    "not JSON": ("record", "must be JSON"),
    "not an object": ("record", "must be a JSON object"),
    "invalid UTF-8": ("record", "must be UTF-8"),
    "no session": ("sessionId", "is missing"),
    "no event type": ("eventType", "is missing"),
    "no animal": ("animalMetadata", "is missing"),
    "session of the wrong type": ("sessionId", "must be a text"),
    "overlong user": ("userId", "at most 256 characters, has 300"),
    "control character": ("userId", "printable"),
    "unknown species": ("animalMetadata.animal_species_id", "must be 1"),
    "size out of range": ("animalMetadata.animal_size_id", "from 1 to 5"),
    "age of the wrong type": ("animalMetadata.animal_age_id", "from 1 to 5"),
    "empty breed": ("animalMetadata.animal_primary_breed_id", "must not be empty"),
    "time that is no time": ("timestamp", "ISO 8601"),
    "time far ahead": ("timestamp", "between the year 2000 and a day after"),
    "NaN": ("record", "NaN is not a number of JSON"),
    "huge number": ("eventValue", "finite"),
    "envelope of something else": ("Data", "must be JSON"),
}

MALFORMATIONS: Mapping[str, Malformation] = {
    **{kind: Malformation(KINDS[kind], *reason) for kind, reason in _REASONS.items()},
    "1 MiB": Malformation(_longest, "record", "must have at most 65536 bytes"),
    "deep nesting": Malformation(_deep, "record", "must not be nested deeper"),
}
"""By name; the last two are made here because no site sends them by mistake."""

LARGE = frozenset({"1 MiB"})
"""Kinds of which a run has a few only, whatever its size: they weigh as much as 3000 events."""

REFUSED = Malformation(lambda event: b"", "event", "refused by Amazon Personalize (InvalidInputException)")
"""An event that is well formed and that Amazon Personalize does not take."""

REFUSED_TYPE = "RefusedOnOrder"
REFUSES = {
    "operation": "PutEvents",
    "match": f'"{REFUSED_TYPE}"',
    "share": 1.0,
    "outcome": {"error": {"code": "InvalidInputException", "message": "Refused on order.", "status": 400}},
}
"""What the embedded Personalize is told: what the forwarder's reader takes, it has no reason of its own to refuse."""


def refused_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event, of a type that makes Amazon Personalize refuse it as invalid, and with it the call that it is in."""
    return {**event, "eventType": REFUSED_TYPE}
