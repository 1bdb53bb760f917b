"""Records that a site should never send and sooner or later does: every kind ends in quarantine.

Each kind spoils one valid event. Data never hold a line feed, so that one record stays one line of the archive.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]


def _json(event: Event) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _without(name: str) -> Callable[[Event], bytes]:
    return lambda event: _json({key: value for key, value in event.items() if key != name})


def _with(**changes: Any) -> Callable[[Event], bytes]:
    return lambda event: _json({**event, **changes})


def _animal(**changes: Any) -> Callable[[Event], bytes]:
    return lambda event: _json({**event, "animalMetadata": {**event["animalMetadata"], **changes}})


def _raw(name: str, text: bytes) -> Callable[[Event], bytes]:
    """The event with one more member whose value is this text, be it JSON or not."""
    return lambda event: _json(event)[:-1] + b',"' + name.encode() + b'":' + text + b"}"


KINDS: Mapping[str, Callable[[Event], bytes]] = {
    "not JSON": lambda event: _json(event)[: len(_json(event)) // 2],
    "not an object": lambda event: b"[" + _json(event) + b"]",
    "invalid UTF-8": lambda event: _json(event)[:-1] + b',"note":"\xff\xfe"}',
    "no session": _without("sessionId"),
    "no event type": _without("eventType"),
    "no animal": _without("animalMetadata"),
    "session of the wrong type": _with(sessionId=["s-1"]),
    "overlong user": _with(userId="u" * 300),
    "control character": _with(userId="user\u0000"),
    "unknown species": _animal(animal_species_id="7"),
    "size out of range": _animal(animal_size_id=9),
    "age of the wrong type": _animal(animal_age_id="young"),
    "empty breed": _animal(animal_primary_breed_id=""),
    "time that is no time": _with(timestamp="yesterday"),
    "time far ahead": _with(timestamp=32_000_000_000),
    "NaN": _raw("eventValue", b"NaN"),
    "huge number": _raw("eventValue", b"1e400"),
    "envelope of something else": lambda event: _json({"Partitionkey": "1", "Data": "nothing"}),
}
"""Name of the kind -> what it makes of a valid event."""
