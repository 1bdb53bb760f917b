"""The default model: features of a user's history, blended into calibrated probabilities and re-ranked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base import stages, storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.history_rows import HistoryRows
from personalize_local.engine.base.models import Capabilities, refuse_unknown
from personalize_local.engine.base.percentiles import filter_users
from personalize_local.engine.choice.alternatives import SampledAlternatives
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.choice.blend_scorer import BlendScorer
from personalize_local.engine.choice.context_model import ContextModel
from personalize_local.engine.choice.features import REACH, FeatureExtractor
from personalize_local.engine.linear.capacity import check_fits
from personalize_local.engine.linear.pairs import affordable_reach
from personalize_local.engine.ranking.batch_scoring import blend_scores, pipeline_scores
from personalize_local.engine.ranking.pipeline import RankingPipeline, fit_pipeline

_HELD_OUT_SHARE = 0.2
"""The share of the users on whose events the blend is fitted; the features are fitted on the others."""
_MAX_VALUES = 20_000_000
"""The most features in memory at a time while the blend is fitted (80 MB)."""
_MAX_CHOICES, _MIN_CHOICES = 4000, 50
_MAX_SCORES = 100_000_000
"""The most scores in all while the blend of a large catalogue is fitted."""
_PRECISION = 5.0


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """Scores items by features of the history (`FeatureExtractor`), a blend of them, and a ranking pipeline.

    The features are fitted on most users; a conditional logit (`blend`) fits their weights on the other users, whose
    first events are among the choices; then the features are fitted again on all users. A user without a history gets
    the popular items; an item without events gets the popularity and the lifts of its attributes. If the newest events
    show that it helps, further closed-form parts, networks and a re-ranker follow (`RankingPipeline`). The scores of
    the contextual metadata of a request are added (`ContextModel`).
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=True, real_time=True)

    extractor: FeatureExtractor
    blend: Float64
    """Shape [k]: the weight of each feature, in the order of `extractor.names`."""
    unit: float
    """The mean weight of an event in training, by which the weights of histories are divided."""
    pipeline: RankingPipeline | None = None
    context_model: ContextModel | None = None
    blend_scorer: BlendScorer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "blend_scorer", BlendScorer.of(self.extractor, self.blend))

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        ridge: float = 30.0,
        reach: float = REACH,
        rank: float = 0.0,
        recency: float = 1.0,
        min_user_history_length_percentile: float = 0.0,
        max_user_history_length_percentile: float = 1.0,
        **unknown: float,
    ) -> Self:
        """Train on events of positive weight.

        ridge: the lambda of both ridges, in events. reach: the number of newest events of a history that count. rank:
        the rank to which the weights of the ridges are reduced, 0 for full rank. recency: 1 to have recent popularity
        as a feature, 0 to leave it out. The percentiles (0..1) leave out the users with the fewest and the most events.
        Raises TooLargeError when it would not fit into memory.
        """
        refuse_unknown("sequence", unknown)
        if ridge <= 0:
            raise ValueError(f"ridge must be positive, not {ridge}")
        if reach < 1:
            raise ValueError(f"reach must be at least 1, not {reach}")
        check_fits(len(events), catalogue.n_items, int(reach))
        # In order before any sum, so that the order of the rows changes no rounding.
        counting = filter_users(
            events.in_order(), min_user_history_length_percentile, max_user_history_length_percentile
        )
        unit = float(counting.weight.mean()) if len(counting) else 1.0
        ordered = replace(counting, weight=(counting.weight / np.float32(unit))).in_order()
        newest = affordable_reach(len(ordered), int(reach))
        rng = np.random.default_rng(seed)
        is_held_out = rng.random(events.n_users) < _HELD_OUT_SHARE
        held_out = is_held_out[ordered.user]

        def fit_extractor(seen: Events) -> FeatureExtractor:
            dimension = int(rank) if rank else None
            return FeatureExtractor.fit(
                seen, catalogue, ridge=ridge, reach=newest, rank=dimension, recency=bool(recency)
            )

        stages.begin("fitting the features")
        first_extractor = fit_extractor(ordered.of(~held_out))
        stages.begin("fitting the blend")
        choices = _Choices.of(first_extractor, ordered.of(held_out), catalogue.n_items, rng)
        blend = choices.blend(first_extractor.prior)
        pipeline = fit_pipeline(
            ordered,
            catalogue,
            fit_blend=lambda seen: BlendScorer.of(fit_extractor(seen), blend).score,
            seed=seed,
            reach=newest,
        )
        context_model = None
        if ordered.n_contexts:
            unweighted = ContextModel.fit(ordered.of(~held_out), first_extractor.attributes)
            context_model = ContextModel.fit(ordered, first_extractor.attributes, choices.weights_of(unweighted, blend))
        stages.begin("fitting all events")
        return cls(fit_extractor(ordered), blend, unit, pipeline, context_model)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        scaled = History(history.item, history.time, history.weight / np.float32(self.unit))
        scores = self.blend_scorer.score(scaled)
        if self.pipeline is not None:
            scores = self.pipeline.score(scaled, scores)
        if self.context_model is not None and context is not None:
            scores = scores + self.context_model.score(context)
        return scores

    def score_many(
        self, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
    ) -> Float32:
        """Shape [q, n_items]: as `score` of each history, several times faster; `batch_size` gives the best q.

        contexts: one for each history, or None.
        """
        scaled = [History(one.item, one.time, one.weight / np.float32(self.unit)) for one in histories]
        scores = np.empty((len(histories), len(self.extractor.log_share)), np.float32)
        known = [number for number, history in enumerate(scaled) if history.weight.any()]
        if known:
            some = [scaled[number] for number in known]
            rows = HistoryRows.of(some, scores.shape[1])
            of_known = blend_scores(self.blend_scorer, rows)
            scores[known] = of_known if self.pipeline is None else pipeline_scores(self.pipeline, some, rows, of_known)
        if len(known) < len(histories):
            scores[np.setdiff1d(np.arange(len(histories)), known)] = self.score(History.empty())
        if self.context_model is not None and contexts is not None:
            for number, context in enumerate(contexts):
                scores[number] += self.context_model.score(context)
        return scores

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model="sequence",
            facts={"unit": self.unit, "features": self.extractor.names},
            arrays={
                **self.extractor.arrays(),
                "blend": self.blend,
                **({} if self.pipeline is None else self.pipeline.arrays()),
                **({} if self.context_model is None else self.context_model.arrays()),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts, arrays = storage.read(folder, model="sequence")
        extractor = FeatureExtractor.of_arrays(arrays)
        attributes = extractor.attributes
        pipeline = RankingPipeline.of_arrays(arrays, attributes) if "pipeline_weights" in arrays else None
        context = ContextModel.of_arrays(arrays, attributes) if "context_weights" in arrays else None
        return cls(extractor, arrays["blend"], float(facts["unit"]), pipeline, context)


@dataclass(frozen=True, slots=True)
class _Choices:
    """Events of users on whom the features were not fitted, and the features of the items at each event."""

    features: Float32
    """Shape [q, columns, k]: the features of the alternatives, given the history before each event."""
    chosen: Events
    """The q events."""
    alternatives: SampledAlternatives
    """The items of the columns: all, unless the catalogue is large."""

    @classmethod
    def of(cls, extractor: FeatureExtractor, unseen: Events, n_items: int, rng: np.random.Generator) -> Self:
        """As many events as fit into memory, drawn at random from `unseen`."""
        drawn = rng.permutation(len(unseen))
        # The context model needs the features of all items.
        alternatives = SampledAlternatives.of(extractor.log_share, rng, whole=bool(unseen.n_contexts))
        budget = min(_MAX_CHOICES, max(_MIN_CHOICES, _MAX_VALUES // (alternatives.columns * len(extractor.names))))
        if not alternatives.whole:
            budget = min(budget, max(_MIN_CHOICES, _MAX_SCORES // n_items))
        chosen = np.sort(drawn[:budget])
        portion = len(chosen) if alternatives.whole else max(1, _MAX_VALUES // (n_items * len(extractor.names)))
        features = [
            alternatives.select(
                extractor.prefix_features(unseen, _mask(some, len(unseen))), unseen.item[some].astype(np.intp)
            )
            for some in np.split(chosen, range(portion, len(chosen), max(portion, 1)))
        ]
        return cls(np.concatenate(features), unseen.of(chosen), alternatives)

    def blend(self, prior: Float64) -> Float64:
        """Shape [k]: the weights of the features."""
        item, importance = self._targets()
        places, offset = self.alternatives.places(item), self.alternatives.offset(item)
        return fit_weights(self.features, places, importance, prior=prior, precision=_PRECISION, offset=offset)

    def weights_of(self, context_model: ContextModel, blend: Float64) -> Float64:
        """Shape [2 c]: the weights of the lifts of the context model, with the blend's scores as the offset."""
        context = self.chosen.context
        if context is None:
            raise ValueError("the weights of a context model cannot be fitted on events without a context")
        return context_model.with_fitted_weights(
            context, *self._targets(), self.features @ blend.astype(np.float32)
        ).weights

    def _targets(self) -> tuple[Indices, Float64]:
        return self.chosen.item.astype(np.intp), self.chosen.weight.astype(np.float64)


def _mask(chosen: Indices, length: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(length, dtype=bool)
    mask[chosen] = True
    return mask
