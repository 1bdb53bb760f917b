"""The records that the storm's site sends: a function of the seed and the number of records, and of nothing else.

Every valid event carries its number in `eventValue`, so that it is found again whatever became of its id. Sessions are
interleaved; within one the numbers and the times rise.
"""

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.shared.animal import AnimalGroup
from tests.faults.malformed import LARGE, MALFORMATIONS, Malformation, refused_event

MALFORMED_SHARE = 0.01
MOST_LARGE = 20
"""Records of a large kind, in a run of any size."""

RANDOM_KEY_SHARE = 0.1
"""Sessions whose producer keys the stream at random, as docs/develop/payloads.md allows."""

SIDE_BY_SIDE = 400
LONGEST_SESSION = 20
EVERY_REFUSED = 2_000
"""One event in so many is the sixth of eleven in a session, and refused by Personalize."""

EVERY_UNLUCKY = 50_000
"""One event in so many belongs to a visitor whose calls always fail (`UNLUCKY`)."""

UNLUCKY = "unlucky-"
"""How the sessions begin whose calls Personalize never answers well."""

_START = 1_735_689_600
"""2025-01-01T00:00:00Z. Not now: the same seed sends the same bytes."""

_BREEDS = ("Beagle", "Saint_Bernard", "domestic short hair", "Jack Russell-Mix", "Siamese", "Poodle", "Maine Coon")
_TYPES = ("DetailView", "DetailView", "DetailView", "Favorite", "AIF")


@dataclass(frozen=True, slots=True)
class Sent:
    """One record and what is to become of it.

    `stored` is what Personalize is to store: (session, user, event type, item, time or None where the event has none);
    None for a record that is to be quarantined, for which `malformation` and `kind` say why.
    """

    number: int
    data: bytes
    partition_key: str
    session: str
    in_order: bool
    """Whether the stream keeps the order of its session: it is keyed by it."""
    stored: tuple[str, str | None, str, str, int | None] | None
    kind: str | None = None
    event_id: str | None = None

    @property
    def malformation(self) -> Malformation | None:
        return MALFORMATIONS.get(self.kind or "")


@dataclass(slots=True)
class _Session:
    name: str
    user: str | None
    logs_in_after: int
    logs_out_after: int
    length: int
    by_session: bool
    time: int
    refused_at: int = -1
    sent: int = 0


def records(count: int, seed: int) -> Iterator[Sent]:
    """The records of a run, in the order in which they are sent."""
    chosen = random.Random(seed)
    made = _Sessions(chosen)
    open_: list[_Session] = []
    kinds = _kinds(chosen)
    for number in range(count):
        while len(open_) < min(SIDE_BY_SIDE, count):
            open_.append(made.next(number))
        place = chosen.randrange(len(open_))
        session = open_[place]
        kind = next(kinds) if chosen.random() < MALFORMED_SHARE else None
        yield _record(number, session, kind, chosen)
        session.sent += 1
        if session.sent >= session.length:
            open_[place] = open_[-1]
            open_.pop()


def _kinds(chosen: random.Random) -> Iterator[str]:
    """The kinds without end, each once before one comes again; of the large ones a few only."""
    for turn in itertools.count():
        kinds = sorted(set(MALFORMATIONS) - (LARGE if turn >= MOST_LARGE else frozenset()))
        chosen.shuffle(kinds)
        yield from kinds


class _Sessions:
    """Makes new sessions; a fixed share of them of the special sorts."""

    def __init__(self, chosen: random.Random) -> None:
        self._chosen = chosen
        self._count = 0
        self._refused = self._unlucky = 0

    def next(self, number: int) -> _Session:
        chosen, self._count = self._chosen, self._count + 1
        name = f"s-{self._count}"
        session = _Session(
            name=name,
            user=None if chosen.random() < 0.3 else f"visitor-{chosen.randrange(50_000)}",
            logs_in_after=chosen.randrange(1, 5) if chosen.random() < 0.1 else 0,
            logs_out_after=chosen.randrange(5, LONGEST_SESSION) if chosen.random() < 0.1 else LONGEST_SESSION,
            length=chosen.randint(1, LONGEST_SESSION),
            by_session=chosen.random() >= RANDOM_KEY_SHARE,
            time=_START + chosen.randrange(10_000_000),
        )
        if number >= self._refused * EVERY_REFUSED:
            self._refused += 1
            session.length, session.refused_at, session.by_session = 11, 5, True
        elif number >= self._unlucky * EVERY_UNLUCKY:
            self._unlucky += 1
            session.name, session.length = f"{UNLUCKY}{self._count}", 1
        return session


def _record(number: int, session: _Session, kind: str | None, chosen: random.Random) -> Sent:
    session.time += chosen.randint(1, 60)
    user = session.user if session.logs_in_after <= session.sent < session.logs_out_after else None
    event: dict[str, Any] = {
        "sessionId": session.name,
        "eventType": chosen.choice(_TYPES),
        "eventValue": number,
        "animal_id": str(chosen.randrange(100_000)),
        "animalMetadata": {
            "animal_species_id": chosen.choice("12"),
            "animal_primary_breed_id": chosen.choice(_BREEDS),
            "animal_size_id": chosen.randint(1, 5),
            "animal_age_id": str(chosen.randint(1, 5)),
        },
    }
    if user is not None:
        event["userId"] = user
    form = chosen.random()
    timed = form < 0.95 or not session.by_session
    if timed:
        event["timestamp"] = session.time
    event_id = f"e-{number}" if form < 0.6 else None
    if event_id is not None:
        event["eventId"] = event_id
    key = session.name if session.by_session else f"{chosen.getrandbits(64):016x}"

    def sent(data: bytes, *, stored: tuple[str, str | None, str, str, int | None] | None, why: str | None) -> Sent:
        return Sent(number, data, key, session.name, session.by_session, stored, why, event_id)

    if session.sent == session.refused_at:
        return sent(_json(refused_event(event)), stored=None, why="refused by Personalize")
    if kind is not None:
        whole = {"userId": "visitor"} | {name: value for name, value in event.items() if name != "eventValue"}
        return sent(MALFORMATIONS[kind].spoil(whole), stored=None, why=kind)
    item = AnimalGroup.from_metadata(event["animalMetadata"]).item_id
    stored = (session.name, user, event["eventType"], item, session.time if timed else None)
    enveloped = 0.5 < form < 0.6
    body: dict[str, Any] = {"Partitionkey": key, "Data": event} if enveloped else event
    return sent(_json(body), stored=stored, why=None)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
