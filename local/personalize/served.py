"""A solution version in memory, as recommendations and rankings use it."""

from dataclasses import dataclass, field

from local.personalize.context import Contexts
from local.personalize.exploration import Explored
from local.personalize.recipes import Recipe
from local.personalize.snapshots import EventRule, Snapshot


@dataclass(frozen=True, slots=True)
class Served:
    """A solution version in memory."""

    arn: str
    group: str
    recipe: Recipe
    rule: EventRule
    snapshot: Snapshot
    contexts: Contexts = field(default_factory=Contexts)
    """The contextual metadata that it was trained on."""
    explored: Explored | None = None
    """What automatic updates have brought since the training."""
