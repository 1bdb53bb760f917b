"""The simulated world behind the seed: real groups of animals, simulated visitors, and the oracle that knows them.

A visitor has a latent taste over species, breed, size and age. Each event follows from the last one by known chances
(`World.next_chances`), so that a recommender can be measured against an **oracle**: nobody can rank a visitor's next
event better than the chances that made it. Times are seconds relative to the end of the seed: negative inside it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lambdas.shared.animal import AnimalGroup
from seed_data.derive import GROUPS

Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VIEW, FAVOURITE, ENQUIRY = "DetailView", "Favorite", "AIF"
DAY = 86_400
_TRAITS = 6
"""Hidden traits of breeds (activity, coat, temper, ...) that no column of the catalogue shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What can be turned. The defaults are the project's seed; benchmarks vary `taste`, `noise` and `anonymous`."""

    visitors: int = 2000
    events: int = 60_000
    days: int = 90
    taste: float = 1.0
    """Strength of taste: 0 and all visitors want the same."""
    noise: float = 0.15
    """Share of views that follow no taste, only what is listed most."""
    anonymous: float = 0.2
    """Share of visitors who never sign in: each of their sessions is a stranger."""
    pull: float = 0.25
    """Chance that the next view within a session stays with the breed just seen."""
    session_events: float = 6.0
    """Mean events of a session."""
    favourites: float = 0.28
    """Chance that a view of a group that the visitor likes is followed by a favourite."""
    enquiries: float = 0.35
    """Chance that a favourite is followed by an adoption enquiry."""
    newcomers: float = 0.15
    """Share of the groups that appear during the seed's days."""
    upcoming: int = 12
    """Groups that appear only after the seed: not in its catalogue, but in later traffic."""

    def __post_init__(self) -> None:
        for name in ("noise", "anonymous", "pull", "favourites", "enquiries", "newcomers"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        if self.events < self.visitors or self.visitors < 1:
            raise ValueError(
                f"events ({self.events}) must be at least visitors ({self.visitors}), and these at least 1"
            )
        if self.taste < 0 or self.days < 1 or self.session_events < 1:
            raise ValueError("taste must not be negative, days and session_events at least 1")


class Last(NamedTuple):
    """A visitor's last event: the index of the group, and the event's type."""

    group: int
    event_type: str


@dataclass(frozen=True, slots=True)
class Taste:
    """What one visitor wants, ready to draw from. Arrays have one value a group, in the world's order."""

    liking: Float64
    """From 0 to 1: how much more the visitor wants the group than an average visitor; 0.5 is no difference."""
    taste_sum: Float64
    """Running sum of what the visitor's taste makes of each group's appeal."""
    noise_sum: Float64
    """Running sum of the appeal alone."""


@dataclass(frozen=True, slots=True)
class World:
    """Groups in the order in which they appeared, and visitors by number."""

    parameters: Parameters
    seed: int
    groups: tuple[AnimalGroup, ...]
    created: Ints
    """When each group appeared, rising."""
    _appeal: Float64
    _traits: Float64
    _breed: Ints
    _attributes: Ints
    """Species, size and age of each group, shape [n, 3]."""

    # --- what is there

    def listed(self, moment: float) -> int:
        """How many groups are listed at `moment`: the first so many."""
        return int(np.searchsorted(self.created, moment, side="right"))

    @property
    def item_ids(self) -> tuple[str, ...]:
        """ITEM_ID of each group."""
        return tuple(group.item_id for group in self.groups)

    # --- visitors

    def taste_of(self, visitor: int) -> Taste:
        """The taste of a visitor of the seed, by number from 0."""
        if not 0 <= visitor < self.parameters.visitors:
            raise ValueError(f"visitor must be in 0..{self.parameters.visitors - 1}, not {visitor}")
        return self.draw_taste(np.random.default_rng([self.seed, 1, visitor]))

    def is_anonymous(self, visitor: int) -> bool:
        """Whether the visitor never signs in."""
        return visitor >= round(self.parameters.visitors * (1 - self.parameters.anonymous))

    def draw_taste(self, rng: np.random.Generator) -> Taste:
        """The taste of somebody new."""
        species, size, age = self._attributes.T
        lean = rng.choice(3, p=(0.5, 0.3, 0.2))  # to dogs, to cats, to neither
        wanted = np.array([[-4.0, 0.0], [0.0, -4.0], [0.0, 0.0]])[lean][species - 1]
        wanted = wanted - 0.4 * (size - rng.uniform(0.5, 5.5)) ** 2
        wanted -= 0.6 * (age - rng.choice(5, p=(0.4, 0.25, 0.15, 0.12, 0.08)) - 1 + rng.normal(0, 0.3)) ** 2
        wanted += (self._traits @ rng.normal(0.0, 0.75, _TRAITS))[self._breed]
        wanted *= self.parameters.taste
        appeal = np.exp(self._appeal - self._appeal.max())
        mean = np.log((appeal * np.exp(wanted - wanted.max())).sum() / appeal.sum()) + wanted.max()
        return Taste(
            liking=1 / (1 + np.exp(-(wanted - mean))),
            taste_sum=np.cumsum(appeal * np.exp(wanted - mean)),
            noise_sum=np.cumsum(appeal),
        )

    # --- the chances, and drawing from them

    def next_chances(
        self, taste: Taste, last: Last | None, moment: float, *, same_session: bool | None = None
    ) -> Float64:
        """The exact chance of each group to be in the visitor's next event, at `moment`; they sum to one.

        last: the visitor's last event, None before the first. same_session: whether the next event belongs to the
        session of the last one; None when that is not known, as for a recommender.
        """
        count = self.listed(moment)
        view = self._view_chances(taste, count)
        if last is None or same_session is False:
            return view
        stays = 1.0 if same_session else 1 - 1 / self.parameters.session_events
        stay = self._stay_chances(taste, last.group, count)
        deeper = np.zeros(len(self.groups))
        deeper[last.group] = 1.0
        deepens = self.deepening(taste, last)
        onward = (1 - self.parameters.pull) * view + self.parameters.pull * stay
        return (1 - stays) * view + stays * (deepens * deeper + (1 - deepens) * onward)

    def deepening(self, taste: Taste, last: Last) -> float:
        """The chance that the next event of the session goes a step further with the same group."""
        if last.event_type == VIEW:
            return float(self.parameters.favourites * taste.liking[last.group])
        return self.parameters.enquiries if last.event_type == FAVOURITE else 0.0

    def draw_next(self, taste: Taste, last: Last | None, moment: float, rng: np.random.Generator) -> Last:
        """The next event within a session, or its first when `last` is None: drawn from the chances above."""
        if last is not None and rng.random() < self.deepening(taste, last):
            return Last(last.group, FAVOURITE if last.event_type == VIEW else ENQUIRY)
        count = self.listed(moment)
        if last is not None and rng.random() < self.parameters.pull:
            same = self._same_breed(last.group, count)
            weights = _steps(taste.taste_sum)[same]
            return Last(int(same[_draw(np.cumsum(weights), len(same), rng)]), VIEW)
        running = taste.noise_sum if rng.random() < self.parameters.noise else taste.taste_sum
        return Last(_draw(running, count, rng), VIEW)

    def _view_chances(self, taste: Taste, count: int) -> Float64:
        chances = np.zeros(len(self.groups))
        by_taste, by_noise = _steps(taste.taste_sum)[:count], _steps(taste.noise_sum)[:count]
        noise = self.parameters.noise
        chances[:count] = (1 - noise) * by_taste / by_taste.sum() + noise * by_noise / by_noise.sum()
        return chances

    def _stay_chances(self, taste: Taste, group: int, count: int) -> Float64:
        chances = np.zeros(len(self.groups))
        same = self._same_breed(group, count)
        weights = _steps(taste.taste_sum)[same]
        chances[same] = weights / weights.sum()
        return chances

    def _same_breed(self, group: int, count: int) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self._breed[:count] == self._breed[group])


def build_world(*, seed: int = 7, parameters: Parameters | None = None, table: Path = GROUPS) -> World:
    """The world of a seed: the same groups and visitors for the same arguments, whatever time it is."""
    parameters = parameters or Parameters()
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng([seed, 0])
    groups = [AnimalGroup(row["species"], row["breed"], row["size"], row["age"]) for row in rows]
    listings = np.array([float(row["listings"]) for row in rows])
    created = _creation_times(listings, parameters, rng)
    order = np.argsort(created, kind="stable")
    breeds = {breed: number for number, breed in enumerate(sorted({(g.species, g.breed) for g in groups}))}
    traits = rng.normal(0.0, 1.0, (len(breeds), _TRAITS))
    # A group with many animals has more to look at, but a visitor does not look at all of them.
    appeal = 0.6 * np.log(listings) + rng.normal(0.0, 0.3, len(groups))
    return World(
        parameters=parameters,
        seed=seed,
        groups=tuple(groups[i] for i in order),
        created=created[order],
        _appeal=appeal[order],
        _traits=traits,
        _breed=np.array([breeds[groups[i].species, groups[i].breed] for i in order]),
        _attributes=np.array([[int(groups[i].species), int(groups[i].size), int(groups[i].age)] for i in order]),
    )


def _creation_times(listings: Float64, parameters: Parameters, rng: np.random.Generator) -> Ints:
    """Old groups up to two years before the seed, newcomers in its days, a few after it.

    Rare groups are likelier to be new: what is listed often was there before.
    """
    n = len(listings)
    span = parameters.days * DAY
    created = -span - rng.integers(1, 730 * DAY, n)
    keys = rng.exponential(1.0, n) * listings
    youngest = np.argsort(keys, kind="stable")
    n_new = round(parameters.newcomers * n)
    created[youngest[: parameters.upcoming]] = rng.integers(1, 30 * DAY, min(parameters.upcoming, n))
    newcomers = youngest[parameters.upcoming : parameters.upcoming + n_new]
    created[newcomers] = -rng.integers(DAY, span, len(newcomers))
    return created


def _steps(running: Float64) -> Float64:
    return np.diff(running, prepend=0.0)


def _draw(running: Float64, count: int, rng: np.random.Generator) -> int:
    """An index below `count`, in proportion to the steps of a running sum."""
    return min(int(np.searchsorted(running, rng.random() * running[count - 1], side="right")), count - 1)
