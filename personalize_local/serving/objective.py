"""An objective beside relevance: a column of the Items dataset that recommendations should bring more of.

Source: developer guide, "Optimizing a solution for an additional objective" and "Evaluating a solution version with
metrics" (`average_rewards_at_k`). The guide does not say how the two are weighed against each other: here the column's
values, standardized, are added to the standardized scores, with a weight for each sensitivity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Int32
from personalize_local.engine.base.models import Capabilities, Model, scores_of_many
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.recommenders.metrics import Case
from personalize_local.model.schemas import NUMBERS, Schema

_FILE = "objective.npz"
WEIGHTS = {"OFF": 0.0, "LOW": 0.25, "MEDIUM": 0.5, "HIGH": 1.0}
DEFAULT_SENSITIVITY = "OFF"
METRIC = "average_rewards_at_k"
_K = 25


class ObjectiveError(ValueError):
    """What is wrong with an `optimizationObjective`."""


def reward_column(given: Mapping[str, Any], items: Schema | None) -> str:
    """The column that an `optimizationObjective` names.

    ObjectiveError unless it is a column of numbers of the Items dataset that must not be null.
    """
    name = given.get("itemAttribute")
    if not name:
        raise ObjectiveError("optimizationObjective needs an itemAttribute.")
    field = items.field(name) if items else None
    if field is None or field.type not in NUMBERS:
        raise ObjectiveError(f"itemAttribute {name} is no column of numbers of the Items dataset.")
    if field.nullable:
        raise ObjectiveError(f"itemAttribute {name} must not be null, and the schema allows it.")
    return field.name


@dataclass(frozen=True, slots=True)
class Objective:
    """What each item brings, and how much that counts."""

    rewards: Float64
    """Shape [n_items], not negative; 0 for items without a value."""
    weight: float

    @classmethod
    def of(cls, values: Float64, given: Mapping[str, Any]) -> Self:
        """An `optimizationObjective` over items with these values, NaN for none."""
        sensitivity = given.get("objectiveSensitivity", DEFAULT_SENSITIVITY)
        return cls(np.maximum(np.nan_to_num(values), 0.0), WEIGHTS[sensitivity])

    def applied(self, model: Model) -> Model:
        """The model with the objective among its scores."""
        return rewarded_class(type(model), self)(model)

    @property
    def bonus(self) -> Float32:
        """What each item gains, in standard deviations of the scores: shape [n_items]."""
        spread = float(self.rewards.std())
        bonus: Float32 = (self.weight * (self.rewards - self.rewards.mean()) / (spread or 1.0)).astype(np.float32)
        return bonus

    def metric(self, model: Model, cases: Iterable[Case]) -> float:
        """`average_rewards_at_k`: of what came then, the share of the rewards that the first 25 held, from 0 to 1."""
        shares = []
        for case in cases:
            relevant = np.array(sorted(case.relevant), np.intp)
            every = float(self.rewards[relevant].sum())
            if every:
                shown = ranking(model.score(case.history), limit=_K)
                shares.append(float(self.rewards[np.intersect1d(relevant, shown)].sum()) / every)
        return round(float(np.mean(shares)), 4) if shares else 0.0

    def save(self, folder: Path) -> None:
        """Write the objective into a version's folder."""
        with (folder / _FILE).open("wb") as file:
            np.savez(file, allow_pickle=False, rewards=self.rewards, weight=np.array(self.weight))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What `save` wrote; None for a version without an objective."""
        try:
            with np.load(folder / _FILE, allow_pickle=False) as arrays:
                return cls(arrays["rewards"], float(arrays["weight"]))
        except FileNotFoundError:
            return None


class RewardedModel:
    """A model that adds each item's bonus to its score; `rewarded_class` makes its class for one objective."""

    capabilities: ClassVar[Capabilities]
    plain: ClassVar[type[Model]]
    objective: ClassVar[Objective]

    def __init__(self, model: Model) -> None:
        self._model, self._bonus = model, self.objective.bonus

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **hyperparameters: float) -> Self:
        return cls(cls.plain.fit(events, catalogue, seed=seed, **hyperparameters))

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        raw = self._model.score(history, now=now, context=context)
        scores: Float32 = raw + self._bonus * raw.std()
        return scores

    def score_many(
        self, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
    ) -> Float32:
        """As `BatchModel.score_many`."""
        raw = scores_of_many(self._model, histories, now=now, contexts=contexts)
        scores: Float32 = raw + self._bonus * raw.std(axis=1, keepdims=True)
        return scores

    def save(self, folder: Path) -> None:
        """Write the model alone; the objective has a file of its own."""
        self._model.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(cls.plain.load(folder))


def rewarded_class(model_class: type[Model], rewards: Objective) -> type[RewardedModel]:
    """The class of models whose scores hold the objective, for serving and for the metrics of a hold-out."""

    class Rewarded(RewardedModel):
        capabilities = model_class.capabilities
        plain = model_class
        objective = rewards

    return Rewarded
