"""What every model of the engine can do. Conformance tests run on each model of the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events, Float32, History, Int32


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model does beyond ranking known items for known users."""

    cold_items: bool
    """An item without events is ranked by its attributes."""
    real_time: bool
    """A new event of the history changes the scores at once, without training."""
    by_item: bool = False
    """The scores answer for an item, the last of the history, not for a visitor."""
    trends: bool = False
    """The scores depend on the time of the request, and events join without training (`with_events`)."""


def refuse_unknown(model: str, unknown: Mapping[str, float]) -> None:
    """Raise the TypeError of hyperparameters that a model does not have."""
    if unknown:
        raise TypeError(f"the {model} model has no hyperparameter {', '.join(sorted(unknown))}")


class Model(Protocol):
    """A recommender: events and a catalogue in, a score for every item out. Deterministic for a seed."""

    capabilities: ClassVar[Capabilities]

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **hyperparameters: float) -> Self:
        """A model trained on `events`; an unknown hyperparameter is a TypeError."""
        ...

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        """A finite score for each item, shape [n_items]; higher is better, and `scores.softmax` makes them chances.

        now: the time of the request in seconds; models without a clock ignore it. context: the circumstances of the
        request, shape [c], as in `Events.context`: the number of each field's value, -1 for one that is not known.
        Models that do not look at circumstances ignore it, and so does one that was trained without any.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the model into `folder` (made if missing), in npz and json; nothing is pickled."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote into `folder`."""
        ...


@runtime_checkable
class BatchModel(Protocol):
    """A model that scores many histories at once faster than one after the other."""

    def score_many(
        self, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
    ) -> Float32:
        """As `Model.score` of each history but for rounding, shape [q, n_items]; contexts: one of each history."""
        ...


def scores_of_many(
    model: Model, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
) -> Float32:
    """The scores of each history, shape [q, n_items]: at once where the model can, else one after the other."""
    if isinstance(model, BatchModel):
        return model.score_many(histories, now=now, contexts=contexts)
    of_each = contexts if contexts is not None else [None] * len(histories)
    scores = [
        model.score(history, now=now, context=context) for history, context in zip(histories, of_each, strict=True)
    ]
    return np.stack(scores)
