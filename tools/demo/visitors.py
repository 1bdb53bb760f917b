"""What five clicks do: visitors' recommendations before and after they looked at a kind of animal that is new to them.

The kind is the species that the visitor is recommended less of. Everything goes the way of real traffic: clicks through
the event stream, recommendations from the deployed function.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seed_data.live import user_id
from seed_data.world import VIEW, World
from tools.environment.invoke import SPECIES, group_of

CLICKS = 5
VISITORS = 20
SHARE_OF = 25
"""How many recommendations the share of a kind is taken of."""


@dataclass(frozen=True, slots=True)
class Clicker:
    """A visitor, the species that they are about to look at, and what they are recommended before."""

    user_id: str
    species: str
    before: list[str]

    @property
    def kind(self) -> str:
        return f"{SPECIES[self.species]}s"


@dataclass(frozen=True, slots=True)
class Change:
    """What the clicks of one visitor changed."""

    clicker: Clicker
    clicked: list[str]
    after: list[str]

    @property
    def share_before(self) -> float:
        return share(self.clicker.before, self.clicker.species)

    @property
    def share_after(self) -> float:
        return share(self.after, self.clicker.species)


def share(groups: Sequence[str], species: str) -> float:
    """The part of the groups that are of the species, from 0 to 1; 0 for no group."""
    return round(sum(group_of(group).species == species for group in groups) / max(len(groups), 1), 4)


def less_seen(groups: Sequence[str]) -> str:
    """The species that fewer of the groups are of; cats where both are as many."""
    return min(SPECIES, key=lambda species: (share(groups, species), species))


def known_visitors(world: World, count: int, rng: np.random.Generator) -> list[str]:
    """Ids of visitors of the seed who sign in."""
    numbers = [visitor for visitor in range(world.parameters.visitors) if not world.is_anonymous(visitor)]
    return [user_id(visitor) for visitor in rng.choice(numbers, count, replace=False).tolist()]


def groups_of(world: World, species: str, count: int, rng: np.random.Generator) -> list[str]:
    """Different groups of a species that are listed, each as likely as any other."""
    listed = [group.item_id for group in world.groups[: world.listed(0)] if group.species == species]
    return [str(group) for group in rng.choice(listed, count, replace=False)]


def clicks(visitor: str | None, groups: Sequence[str], *, session: str | None = None) -> Iterator[dict[str, Any]]:
    """A visitor's views of these groups as the site sends them, a second apart, the last of them now."""
    session = session or f"s-{uuid.uuid4().hex[:16]}"
    first = int(time.time()) - len(groups) + 1
    for number, group in enumerate(groups):
        event = {
            "eventId": uuid.uuid4().hex,
            "timestamp": first + number,
            "sessionId": session,
            "eventType": VIEW,
            "animalMetadata": group_of(group).metadata,
        }
        yield event | ({"userId": visitor} if visitor else {})
