"""What the visitors of a world did during the seed's days: sessions over weeks, events in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seed_data.live import session_id, user_id
from seed_data.world import DAY, Float64, Ints, Last, World

_MEAN_PAUSE = 75.0
"""Seconds between two events of a session, on average."""
_SHORTEST_PAUSE = 3
_BETWEEN_SESSIONS = 3600
"""Seconds at least between two sessions of a visitor."""


class Visit(NamedTuple):
    """One event of the seed."""

    visitor: int
    user_id: str
    """The visitor's id, or for somebody who never signs in the id of the session."""
    last: Last | None
    """The visitor's event before it, of whatever session."""
    event: Last
    """The event itself: group and type."""
    moment: int
    """Seconds relative to the end of the seed, negative; rising by visitor."""


@dataclass(frozen=True, slots=True)
class _Schedule:
    """When the events of a visitor happen, and which of them begin a session."""

    moments: Ints
    begins: list[bool]


def visits(world: World) -> Iterator[Visit]:
    """All events of the seed, visitor by visitor, each in order of time. `parameters.events` in all."""
    counts = _events_of_visitors(world, np.random.default_rng([world.seed, 2]))
    for visitor, count in enumerate(counts):
        rng = np.random.default_rng([world.seed, 3, visitor])
        yield from _visits_of(world, visitor, int(count), rng)


def _visits_of(world: World, visitor: int, count: int, rng: np.random.Generator) -> Iterator[Visit]:
    taste = world.taste_of(visitor)
    schedule = _schedule(world, count, rng)
    previous: Last | None = None
    who = user_id(visitor)
    for moment, begins in zip(schedule.moments.tolist(), schedule.begins, strict=True):
        if begins and world.is_anonymous(visitor):
            who, previous = session_id(rng), None
        event = world.draw_next(taste, None if begins else previous, moment, rng)
        yield Visit(visitor, who, previous, event, moment)
        previous = event


def _events_of_visitors(world: World, rng: np.random.Generator) -> Ints:
    """How many events each visitor has: a few have many. At least one each."""
    parameters = world.parameters
    activity = rng.lognormal(0.0, 0.9, parameters.visitors)
    spare = parameters.events - parameters.visitors
    return 1 + rng.multinomial(spare, activity / activity.sum()).astype(np.int64)


def _schedule(world: World, count: int, rng: np.random.Generator) -> _Schedule:
    begins = np.r_[True, rng.random(count - 1) < 1 / world.parameters.session_events]
    pauses: Float64 = _SHORTEST_PAUSE + rng.exponential(_MEAN_PAUSE - _SHORTEST_PAUSE, count)
    sessions = int(begins.sum())
    span = world.parameters.days * DAY
    busy = float(pauses.sum()) + sessions * _BETWEEN_SESSIONS
    # From the first visit to the end of the seed: somewhere in its days, with room for all that the visitor does.
    known = busy + rng.random() * max(span - busy, 0.0)
    gaps = rng.dirichlet(np.ones(sessions + 1)) * (known - busy)
    starts = np.flatnonzero(begins)
    pauses[starts] = _BETWEEN_SESSIONS + gaps[:-1]
    moments = np.floor(np.cumsum(pauses) - known).astype(np.int64)
    return _Schedule(moments, begins.tolist())
