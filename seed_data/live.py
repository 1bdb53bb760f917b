"""Traffic as the site sends it: payloads of the event stream, from visitors old, new and never signed in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seed_data.world import Last, Taste, World

FIRST_USER_ID = 100_001
_NEW_VISITORS = 0.15
"""Share of sessions by visitors who sign in for the first time."""
_ANIMALS_OF_A_GROUP = 5


def user_id(visitor: int) -> str:
    """The USER_ID of a visitor of the seed who signs in."""
    return str(FIRST_USER_ID + visitor)


def session_id(rng: np.random.Generator) -> str:
    """A new session's id."""
    return f"s-{rng.bytes(8).hex()}"


@dataclass(slots=True)
class _Session:
    session_id: str
    user_id: str | None
    taste: Taste
    last: Last | None
    animal: int
    earliest: int
    """The first second at which the session may have another event: one event a second and session."""


def live_events(
    world: World,
    n: int,
    start: float,
    rng: np.random.Generator,
    *,
    per_second: float = 20.0,
    open_sessions: int = 60,
    upcoming: bool = False,
) -> Iterator[dict[str, Any]]:
    """`n` payloads of the event stream, from `start` (epoch seconds) on, `per_second` of them each second.

    Each is a flat event with eventId, timestamp (whole epoch seconds), userId (signed-in visitors only), sessionId,
    eventType, animal_id and animalMetadata. Sessions of many visitors interleave; the events of one session are in
    order and never share a second, so no two events are alike. With `upcoming`, groups that the seed's catalogue does
    not hold are seen too.
    """
    moment = float(world.created[-1]) if upcoming else 0.0
    sessions: list[_Session] = []
    busy: set[str] = set()
    for number in range(n):
        now = int(start + number / per_second)
        if len(sessions) < open_sessions:
            sessions.append(_open(world, now, busy, rng))
        ready = [session for session in sessions if session.earliest <= now]
        if not ready:
            sessions.append(_open(world, now, busy, rng))
            ready = sessions[-1:]
        session = ready[int(rng.integers(len(ready)))]
        yield _event(world, session, now, moment, rng)
        if rng.random() < 1 / world.parameters.session_events:
            sessions.remove(session)


def _open(world: World, now: int, busy: set[str], rng: np.random.Generator) -> _Session:
    """A session of somebody who has none yet in this traffic, so that a visitor's events never share a second."""
    signed_in = [v for v in rng.integers(world.parameters.visitors, size=8).tolist() if not world.is_anonymous(v)]
    free = [v for v in signed_in if user_id(v) not in busy]
    who: str | None = None
    if rng.random() < world.parameters.anonymous:
        taste = world.draw_taste(rng)
    elif free and rng.random() >= _NEW_VISITORS:
        who, taste = user_id(free[0]), world.taste_of(free[0])
    else:
        who, taste = str(rng.integers(10**8, 10**9)), world.draw_taste(rng)
    if who is not None:
        busy.add(who)
    return _Session(session_id(rng), who, taste, None, 0, now)


def _event(world: World, session: _Session, now: int, moment: float, rng: np.random.Generator) -> dict[str, Any]:
    event = world.draw_next(session.taste, session.last, moment, rng)
    if session.last is None or event.group != session.last.group:
        session.animal = int(rng.integers(_ANIMALS_OF_A_GROUP))
    session.last, session.earliest = event, now + 1
    group = world.groups[event.group]
    payload: dict[str, Any] = {
        "eventId": rng.bytes(12).hex(),
        "timestamp": now,
        "sessionId": session.session_id,
        "eventType": event.event_type,
        "animal_id": f"A{event.group:04d}{session.animal}",
        "animalMetadata": group.metadata,
    }
    if session.user_id is not None:
        payload["userId"] = session.user_id
    return payload
