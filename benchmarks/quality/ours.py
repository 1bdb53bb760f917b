"""The engine's models as contestants; the default model, where asked to, with all its parts."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.quality.child import Score, ScoreMany, Trained
from personalize_local.engine.base.data import Catalogue, Events, Float32, History, Int32
from personalize_local.engine.base.models import scores_of_many
from personalize_local.engine.linear.parts import NAMES
from personalize_local.engine.ranking.batch_scoring import batch_size
from personalize_local.engine.recommenders.registry import MODELS
from personalize_local.engine.recommenders.sequence import SequenceModel

_Reading = Callable[[History], Float32]


def engine_model(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    model: str,
    parts: bool = False,
    **hyperparameters: Any,
) -> Trained:
    """A model of the registry, as a server would train it: it sees the training events and nothing else.

    parts: whether what the default model is made of answers too, each part every question one by one.
    """
    trained = MODELS[model].fit(training, Catalogue(training.n_items), seed=seed, **hyperparameters)
    of_parts = _parts(trained) if parts and isinstance(trained, SequenceModel) else {}
    return Trained(
        score=lambda user, history: trained.score(history),
        score_many=ScoreMany(lambda histories: scores_of_many(trained, histories), batch_size(training.n_items)),
        compare_histories=isinstance(trained, SequenceModel),
        parts={name: _score(reading) for name, reading in of_parts.items()},
    )


def _parts(model: SequenceModel) -> dict[str, _Reading]:
    """What the model is made of, each answering alone: the readings, their blend, and all but the re-ranker."""
    parts: dict[str, _Reading] = {
        f"evidence: {name}": _column(model, number)
        for number, name in enumerate(model.evidence.names)
        if name in ("follows now", "follows", "journey")
    }
    parts["blend of the evidence"] = model.reader.score
    stack = model.stack
    if stack is not None:
        parts |= {f"stack: {name}": _signal(stack.parts.signals, number) for number, name in enumerate(NAMES)}
        parts["closed form"] = lambda history: stack.read(history, model.reader.score(history)).closed
        if stack.pool is not None:
            parts["all but the re-ranker"] = lambda history: stack.read(history, model.reader.score(history)).total
    return parts


def _column(model: SequenceModel, number: int) -> _Reading:
    return lambda history: np.ascontiguousarray(model.evidence.of_history(history)[:, number])


def _signal(signals: _Reading, number: int) -> _Reading:
    def signal(history: History) -> Float32:
        found: Float32 = signals(history)[number]
        return found

    return signal


def _score(reading: _Reading) -> Score:
    return lambda user, history: reading(history)
