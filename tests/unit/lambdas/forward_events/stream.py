"""Lambda invocations with Kinesis records, for tests."""

import base64
import json
from typing import Any

from lambdas.shared.event import Event

ARRIVAL = 1_700_000_000.25


def site_event(**changes: Any) -> dict[str, Any]:
    """The event of the documentation, with fields changed; None takes a field away."""
    event = {
        "userId": "12345",
        "sessionId": "s1",
        "eventType": "DetailView",
        "animal_id": "98765",
        "animalMetadata": {
            "animal_species_id": "1",
            "animal_primary_breed_id": "Russian_Blue",
            "animal_size_id": "1",
            "animal_age_id": "2",
        },
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def sent_id(event_id: str, user: str | None = "12345", session: str = "s1") -> str:
    """Under which id an event with an id of its own is sent."""
    return Event(user, session, "any", "any", event_id=event_id).identity("any")


def kinesis_event(*payloads: Any, arrival: float = ARRIVAL) -> dict[str, Any]:
    """An invocation with one record for each payload: bytes as they are, anything else as JSON."""
    return {"Records": [kinesis_record(payload, number, arrival) for number, payload in enumerate(payloads)]}


def kinesis_record(payload: Any, number: int, arrival: float = ARRIVAL) -> dict[str, Any]:
    """A stream record as Lambda gets it."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "key",
            "sequenceNumber": sequence_number(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": arrival,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000003:{sequence_number(number)}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/test",
    }


def sequence_number(number: int) -> str:
    """The sequence number of the record at a place of the batch."""
    return f"4959033827149025660855969{number:06d}"
