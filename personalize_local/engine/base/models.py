"""The interface of the engine's models. Conformance tests run on each model of the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events, Float32, History, Int32


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do beyond ranking known items for known users."""

    cold_items: bool
    """Whether an item without events is ranked by its attributes."""
    real_time: bool
    """Whether a new event in the history changes the scores at once, without training."""
    by_item: bool = False
    """Whether the scores are for an item, the last one of the history, instead of for a user."""
    trends: bool = False
    """Whether the scores depend on the time of the request; new events are added without training (`with_events`)."""


def refuse_unknown(model: str, unknown: Mapping[str, float]) -> None:
    """Raise a TypeError if there are hyperparameters that the model does not have."""
    if unknown:
        raise TypeError(f"the {model} model has no hyperparameter {', '.join(sorted(unknown))}")


class Model(Protocol):
    """A recommender that is trained on events and a catalogue and scores every item. Deterministic for a seed."""

    capabilities: ClassVar[Capabilities]

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **hyperparameters: float) -> Self:
        """A model trained on `events`; an unknown hyperparameter is a TypeError."""
        ...

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        """Shape [n_items]: a finite score for each item, higher is better; `scores.softmax` gives probabilities.

        now: the time of the request, seconds since the epoch; only models of trends use it. context: [c], the
        contextual metadata of the request, as a row of `Events.context`. Models without contextual fields ignore it,
        and so do models that were trained without context.
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
        """Shape [q, n_items]: as `Model.score` of each history except for rounding; contexts: one for each history."""
        ...


def scores_of_many(
    model: Model, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
) -> Float32:
    """Shape [q, n_items]: the scores of each history; in one batch if the model can, otherwise one after the other."""
    if isinstance(model, BatchModel):
        return model.score_many(histories, now=now, contexts=contexts)
    of_each = contexts if contexts is not None else [None] * len(histories)
    scores = [
        model.score(history, now=now, context=context) for history, context in zip(histories, of_each, strict=True)
    ]
    return np.stack(scores)
