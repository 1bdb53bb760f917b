"""A solution version in memory, as recommendations and rankings use it."""

from dataclasses import dataclass, field

from personalize_local.model.recipes import Recipe
from personalize_local.serving.context import Contexts
from personalize_local.serving.exploration import Explored
from personalize_local.serving.snapshots import EventRule, Snapshot


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
