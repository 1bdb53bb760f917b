"""The numbers of the environment's config that the gate decides by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

LONGEST_TRAINING_SECONDS = 36_000
"""How long a training is watched. The state machine's own time-out and its limit of 25,000 events leave this much."""

LONGEST_UPDATE_SECONDS = 3_600
"""How long the update of a campaign is watched, and as long again for putting it back."""

POPULAR_ITEMS = 100
"""Ids in the popular list, as many as the canary asks for. At 256 characters each they fit into a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a version must reach, and how many events are worth a training."""

    environment: str
    promotion_threshold: float
    """NDCG@5 that a version must exceed."""
    regression_tolerance: float
    """Share of production's NDCG@5 that a version may fall behind it."""
    coverage_floor: float
    """Share of the catalogue that a version must recommend from, at least."""
    min_new_events: int
    training_seconds: float = LONGEST_TRAINING_SECONDS
    update_seconds: float = LONGEST_UPDATE_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The limits in the environment variables; KeyError or ValueError where one is missing or no number."""
        return cls(
            environment=environment["ENVIRONMENT"],
            promotion_threshold=float(environment["PROMOTION_THRESHOLD"]),
            regression_tolerance=float(environment["REGRESSION_TOLERANCE"]),
            coverage_floor=float(environment["COVERAGE_FLOOR"]),
            min_new_events=int(environment["MIN_NEW_EVENTS"]),
            training_seconds=float(environment.get("LONGEST_TRAINING_SECONDS", LONGEST_TRAINING_SECONDS)),
            update_seconds=float(environment.get("LONGEST_UPDATE_SECONDS", LONGEST_UPDATE_SECONDS)),
        )
