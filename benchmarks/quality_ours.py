"""The engine's models as contestants, each with its parts."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.quality_child import Score, Trained
from local.engine.data import Catalogue, Events, Float32, History, Int32
from local.engine.registry import MODELS


def engine_model(
    training: Events, asked: Int32, validation: Int32, *, seed: int, model: str, **hyperparameters: Any
) -> Trained:
    """A model of the registry, as a server would train it: it sees the training events and nothing else.

    Its parts are what it says of itself in `parts`, a mapping from names to functions from a history to scores, or else
    the features of its evidence, each alone.
    """
    trained = MODELS[model].fit(training, Catalogue(training.n_items), seed=seed, **hyperparameters)
    return Trained(
        score=lambda user, history: trained.score(history),
        parts={name: _of_history(part) for name, part in _parts(trained).items()},
    )


def _parts(trained: Any) -> dict[str, Callable[[History], Float32]]:
    if hasattr(trained, "parts"):
        return dict(trained.parts)
    evidence = getattr(trained, "evidence", None)
    if evidence is None:
        return {}
    return {name: partial(_feature, evidence, number) for number, name in enumerate(evidence.names)}


def _feature(evidence: Any, number: int, history: History) -> Float32:
    column: Float32 = evidence.of_history(history)[:, number]
    return np.ascontiguousarray(column)


def _of_history(part: Callable[[History], Float32]) -> Score:
    return lambda user, history: part(history)
