"""Malformed records: each really is malformed, names its fault, and stays one line of the archive."""

import json

import pytest

from lambdas.shared.errors import PayloadError
from lambdas.shared.event import decode_event
from tools.events.malformed import KINDS

NOW = 1_780_000_000
EVENT = {
    "eventId": "e1",
    "timestamp": NOW,
    "userId": "u1",
    "sessionId": "s1",
    "eventType": "DetailView",
    "animalMetadata": {
        "animal_species_id": "2",
        "animal_primary_breed_id": "Saint_Bernard",
        "animal_size_id": "3",
        "animal_age_id": "2",
    },
}


def test_the_event_that_is_spoiled_is_valid() -> None:
    """What follows shows the malformation's doing, not a fault of the event."""
    assert "2-Saint_Bernard-3-2" == decode_event(json.dumps(EVENT).encode(), arrival=NOW).item_id


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_refused_by_the_forwarder(kind: str) -> None:
    """The forwarder can never accept it, so that it ends in quarantine."""
    data = KINDS[kind](EVENT)
    assert b"\n" not in data
    with pytest.raises(PayloadError):
        decode_event(data, arrival=NOW)
