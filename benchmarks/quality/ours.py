"""The engine's models as contestants; the default model, on request, with all its parts."""

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

_Scorer = Callable[[History], Float32]


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
    """A model of the registry, trained as a server would train it: on the training events and nothing else.

    parts: whether each part of the default model answers all questions too, for itself.
    """
    trained = MODELS[model].fit(training, Catalogue(training.n_items), seed=seed, **hyperparameters)
    of_parts = _parts(trained) if parts and isinstance(trained, SequenceModel) else {}
    return Trained(
        score=lambda user, history: trained.score(history),
        score_many=ScoreMany(lambda histories: scores_of_many(trained, histories), batch_size(training.n_items)),
        compare_histories=isinstance(trained, SequenceModel),
        parts={name: _score(scorer) for name, scorer in of_parts.items()},
    )


def _parts(model: SequenceModel) -> dict[str, _Scorer]:
    """The parts of the model, each of which answers for itself: features, blend, signals, and the stages."""
    parts: dict[str, _Scorer] = {
        f"feature: {name}": _column(model, number)
        for number, name in enumerate(model.extractor.names)
        if name in ("short ridge", "long ridge", "mixture")
    }
    parts["blend"] = model.blend_scorer.score
    pipeline = model.pipeline
    if pipeline is not None:
        parts |= {f"signal: {name}": _signal(pipeline.parts.signals, number) for number, name in enumerate(NAMES)}
        parts["closed form"] = lambda history: (
            pipeline.score_stages(history, model.blend_scorer.score(history)).closed_form
        )
        if pipeline.ensemble is not None:
            parts["all but the re-ranker"] = lambda history: (
                pipeline.score_stages(history, model.blend_scorer.score(history)).total
            )
    return parts


def _column(model: SequenceModel, number: int) -> _Scorer:
    return lambda history: np.ascontiguousarray(model.extractor.history_features(history)[:, number])


def _signal(signals: _Scorer, number: int) -> _Scorer:
    def signal(history: History) -> Float32:
        found: Float32 = signals(history)[number]
        return found

    return signal


def _score(scorer: _Scorer) -> Score:
    return lambda user, history: scorer(history)
