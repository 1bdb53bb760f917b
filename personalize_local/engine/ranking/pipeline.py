"""The ranking pipeline above the calibrated blend: closed-form parts, networks and a re-ranker.

Every stage is trained on the users' newest events, on which the stages below were not fitted: first the weights of the
parts in a conditional logit, then the weight of the networks, then the forest on the candidates. Other users validate:
a stage that does not rank their next items significantly better is left out, whatever the data set. A last logit turns
the margins of the forest into probabilities, so the softmax stays calibrated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base import stages
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Indices
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.base.shares import attribute_columns
from personalize_local.engine.choice.alternatives import SampledAlternatives
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.linear.parts import LONGER_MEMORIES, NAMES, PART_SPECS, Parts
from personalize_local.engine.ranking.candidates import CandidateFeatures, StageScores
from personalize_local.engine.ranking.ensemble import Ensemble
from personalize_local.engine.ranking.reranker import Reranker
from personalize_local.engine.ranking.training_queries import (
    Query,
    evenly_sampled,
    ndcg_at_10,
    newest_of,
    return_rate,
    significantly_better,
    targets_of,
    training_queries,
)

N_CANDIDATES: Final = 100
"""The number of candidates that the re-ranker orders."""
_RETURN_SHARE: Final = 0.01
"""With a larger share of repeated events (`return_rate`), items of the history are candidates too."""
_MIN_EVENTS: Final = 10_000
"""Fewer events are not enough to train and to validate a forest."""
_MAX_RETURNS: Final = 0.25
"""With a larger share of repeated events there is no pipeline above the blend."""
_TREES: Final = 100
_PRECISION: Final = 5.0
_BLEND_WEIGHT: Final = 0.7
"""The weight of the blend's logit when all signals have the same weight, relative to theirs; on validation items of two
logs 0.4 to 1 were about equal."""
_SIGNAL_WEIGHT: Final = 0.7
"""The prior mean of that common weight."""


@dataclass(frozen=True, slots=True)
class RankingPipeline:
    """Fitted parts and, where they help, networks and a fitted re-ranker."""

    parts: Parts
    weights: Float64
    """Shape [1 + parts]: the weights of the blend's logits, in addition to 1, and of each part's signal."""
    returning: bool
    """Whether users return to items of their histories, so that these are candidates too."""
    ensemble: Ensemble | None = None
    candidates: CandidateFeatures | None = None
    reranker: Reranker | None = None
    rerank_weights: Float64 | None = None
    """Shape [3]: the weights of the columns of `rerank_features`."""

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The names of `StageScores.signals`."""
        return NAMES if self.ensemble is None else (*NAMES, "network")

    def score_stages(self, history: History, logits: Float32, signals: Float32 | None = None) -> StageScores:
        """The scores of all stages below the re-ranker.

        logits: [n_items], the blend's. signals: [parts, n_items], those of `Parts.signals` if they are known.
        """
        signals = self.parts.signals(history) if signals is None else signals
        weights = self.weights.astype(np.float32)
        closed_form = (1 + _confidence(history) * weights[0]) * logits + weights[1:] @ signals
        if self.ensemble is None:
            return StageScores(logits, signals, closed_form, closed_form)
        total, network_logits = self.ensemble.combine(history, closed_form)
        return StageScores(logits, np.vstack([signals, network_logits]), closed_form, total)

    def score(self, history: History, logits: Float32) -> Float32:
        """Shape [n_items]: the score of each item, given the blend's logits [n_items]."""
        if not history.weight.any():
            return logits
        stage_scores = self.score_stages(history, logits)
        if self.reranker is None or self.candidates is None or self.rerank_weights is None:
            return stage_scores.total
        of_total, of_margin, of_candidate = self.rerank_weights.astype(np.float32).tolist()
        items, margins = self._margins(history, stage_scores)
        if not len(items):
            return stage_scores.total
        scores: Float32 = np.float32(of_total) * stage_scores.total
        scores[items] = scores[items].mean() + np.float32(of_margin) * margins + np.float32(of_candidate)
        return scores

    def rerank_features(self, history: History, stage_scores: StageScores) -> Float32:
        """Shape [n_items, 3]: the total score (of candidates their mean), the re-ranker's margin, 1 for a candidate.

        Only the re-ranker orders the candidates: the total score is one of its features.
        """
        features = np.zeros((len(stage_scores.total), 3), np.float32)
        features[:, 0] = stage_scores.total
        items, margins = self._margins(history, stage_scores)
        if len(items):
            features[items, 0] = stage_scores.total[items].mean()
            features[items, 1] = margins
            features[items, 2] = 1
        return features

    def _margins(self, history: History, stage_scores: StageScores) -> tuple[Indices, Float32]:
        """The candidates [c] and their margins [c] by the re-ranker; none without a re-ranker."""
        items = self.candidate_items(history, stage_scores)
        if self.candidates is None or self.reranker is None or not len(items):
            return items[:0], np.zeros(0, np.float32)
        return items, self.reranker.margins(self.candidates.features(items, history, stage_scores, self.parts))

    def candidate_items(self, history: History, stage_scores: StageScores) -> Indices:
        """Shape [c]: the candidates, the first items by total score; those of the history only if users return.

        Items without events are not candidates: in the forest's training they were never the next item.
        """
        total = np.where(self.parts.column_of_item < 0, -np.inf, stage_scores.total)
        if not self.returning:
            total[history.item] = -np.inf
        items = ranking(total, limit=N_CANDIDATES)
        return items[np.isfinite(total[items])]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        arrays = {
            "pipeline_weights": self.weights,
            "pipeline_returning": np.array(self.returning),
            **self.parts.arrays(),
            **({} if self.ensemble is None else self.ensemble.arrays()),
        }
        if self.reranker is None or self.candidates is None or self.rerank_weights is None:
            return arrays
        of_reranker = {"pipeline_rerank_weights": self.rerank_weights, **self.reranker.arrays()}
        return {**arrays, **self.candidates.arrays(), **of_reranker}

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]], attributes: sparse.csr_matrix) -> Self:
        """The pipeline that `arrays` stored; without its re-ranker where LightGBM cannot be loaded."""
        ensemble = Ensemble.of_arrays(stored) if "ensemble_weights" in stored else None
        returning = bool(stored["pipeline_returning"])
        pipeline = cls(Parts.of_arrays(stored), stored["pipeline_weights"], returning, ensemble)
        reranker = Reranker.of_arrays(stored) if "reranker" in stored else None
        if reranker is None:
            return pipeline
        candidates = CandidateFeatures.of_arrays(stored, attributes, pipeline.signal_names)
        rerank_weights = stored["pipeline_rerank_weights"]
        return replace(pipeline, candidates=candidates, reranker=reranker, rerank_weights=rerank_weights)


def fit_pipeline(
    events: Events,
    catalogue: Catalogue,
    *,
    fit_blend: Callable[[Events], Callable[[History], Float32]],
    seed: int,
    reach: int,
) -> RankingPipeline | None:
    """The pipeline, trained on `events` (in order, mean weight about one); None when it does not help.

    fit_blend: fits the blend to events and returns the function from a history to its logits [n_items]. reach: the
    number of newest events of a history that count.
    """
    if len(events) < _MIN_EVENTS or return_rate(events) > _MAX_RETURNS:
        # Where users mostly return to items of their histories, the mixture predicts that already: on the simulated
        # site a forest added 0.003 to NDCG@10 and took most of the training time.
        return None
    rng = np.random.default_rng(seed)
    newest = newest_of(events)
    earlier = events.of(~newest)
    queries = list(training_queries(events, newest, rng))
    training, validation = ([query for query in queries if query.is_validation is wanted] for wanted in (False, True))
    if not training or not validation:
        return None
    stages.begin("fitting the parts")
    logits = fit_blend(earlier)
    attributes, _ = attribute_columns(catalogue)
    alternatives = SampledAlternatives.of(
        np.bincount(earlier.item, minlength=catalogue.n_items).astype(np.float32), rng
    )
    unweighted = RankingPipeline(
        Parts.fit(earlier, reach=reach), np.zeros(1 + len(NAMES)), return_rate(events) > _RETURN_SHARE
    )
    stages.begin("fitting the weights of the parts")
    memory = tuple(_choose_memory(unweighted, number, training) for number in range(len(PART_SPECS)))
    unweighted = replace(unweighted, parts=replace(unweighted.parts, memory=memory))
    closed_form = replace(unweighted, weights=_fit_signal_weights(unweighted, training, logits, alternatives))
    stages.begin("training the networks")
    pipeline = _with_ensemble(closed_form, earlier, training, logits, seed)

    def with_candidates(pipeline: RankingPipeline, known: Events) -> RankingPipeline:
        return replace(pipeline, candidates=CandidateFeatures.of(known, catalogue, attributes, pipeline.signal_names))

    def refitted(pipeline: RankingPipeline) -> RankingPipeline:
        ensemble = None if pipeline.ensemble is None else pipeline.ensemble.refit(events, seed=seed)
        return replace(pipeline, parts=Parts.fit(events, reach=reach, memory=memory), ensemble=ensemble)

    stages.begin("training the re-ranker")
    validated = list(_ranked_queries(with_candidates(pipeline, earlier), validation, logits))
    if pipeline.ensemble is not None and not significantly_better(
        [ranked.total_gain for ranked in validated], [ranked.closed_form_gain for ranked in validated]
    ):
        pipeline = closed_form
        validated = list(_ranked_queries(with_candidates(pipeline, earlier), validation, logits))
    blend_gains, total_gains = (
        [ranked.blend_gain for ranked in validated],
        [ranked.total_gain for ranked in validated],
    )
    helps = significantly_better(total_gains, blend_gains)
    early = with_candidates(pipeline, earlier)
    trained_on = [ranked for ranked in _ranked_queries(early, training, logits) if ranked.target is not None]
    reranker = _reranker(trained_on, seed)
    if reranker is not None:
        reranked_gains = _reranked_gains(reranker, validated)
        if significantly_better(reranked_gains, total_gains if helps else blend_gains):
            sampled = evenly_sampled(validation, 3 * alternatives.columns)
            rerank_weights = _fit_rerank_weights(early, reranker, sampled, logits, alternatives)
            final = with_candidates(refitted(pipeline), events)
            return replace(final, reranker=reranker, rerank_weights=rerank_weights)
    return refitted(pipeline) if helps else None


def _with_ensemble(
    closed_form: RankingPipeline, events: Events, queries: list[Query], logits: Callable[[History], Float32], seed: int
) -> RankingPipeline:
    """The closed form with networks trained on these events; without them when the catalogue is large.

    queries: those on which the weights of closed form and networks are fitted. logits: the blend's, of a history.
    """
    if not closed_form.parts.dense:
        return closed_form

    def scores(history: History) -> Float32:
        return closed_form.score_stages(history, logits(history)).closed_form

    return replace(closed_form, ensemble=Ensemble.fit(events, queries, scores, seed=seed))


@dataclass(frozen=True, slots=True)
class _RankedQuery:
    """One query with the features of its candidates, and the NDCG@10 of its item after each stage."""

    features: Float32 | None
    """Shape [N_CANDIDATES, k], or None if there are fewer candidates or the query's item is not one of them."""
    target: int | None
    """The place of the query's item among the candidates; None as with `features`."""
    blend_gain: float
    """NDCG@10 by the blend."""
    closed_form_gain: float
    """NDCG@10 by blend and parts."""
    total_gain: float
    """NDCG@10 by all stages below the re-ranker."""


def _ranked_queries(
    pipeline: RankingPipeline, queries: list[Query], logits: Callable[[History], Float32]
) -> Iterator[_RankedQuery]:
    if pipeline.candidates is None:
        raise ValueError("a ranking pipeline without candidates cannot rank queries")
    for query in queries:
        stage_scores = pipeline.score_stages(query.history, logits(query.history))
        items = pipeline.candidate_items(query.history, stage_scores)
        places = np.flatnonzero(items == query.item)
        target = int(places[0]) if len(places) and len(items) == N_CANDIDATES else None
        features = None
        if target is not None:
            features = pipeline.candidates.features(items, query.history, stage_scores, pipeline.parts)
        by_stage = (stage_scores.logits, stage_scores.closed_form, stage_scores.total)
        yield _RankedQuery(features, target, *(_gain(pipeline, query, scores) for scores in by_stage))


def _choose_memory(pipeline: RankingPipeline, number: int, queries: list[Query]) -> float:
    """The tau with which part `number` alone ranks the queries' items best.

    That is the one of its specification, unless a longer one is significantly better: where the order of events has no
    influence, old events say as much as new ones. Only EASE can change its tau.
    """
    spec = PART_SPECS[number]
    if not spec.by_user:
        return spec.tau
    sampled = evenly_sampled(queries, 1)

    def gains(tau: float) -> list[float]:
        return [_gain(pipeline, query, pipeline.parts.signal(number, query.history, tau)) for query in sampled]

    best, best_gains = spec.tau, gains(spec.tau)
    for tau in LONGER_MEMORIES:
        if significantly_better(gains_of_tau := gains(tau), best_gains):
            best, best_gains = tau, gains_of_tau
    return best


def _confidence(history: History) -> np.float32:
    """How long the history is, from 0 for an empty one to nearly 1."""
    mass = history.weight.sum(dtype=np.float32)
    return np.float32(mass / (1 + mass))


def _fit_signal_weights(
    pipeline: RankingPipeline,
    queries: list[Query],
    logits: Callable[[History], Float32],
    alternatives: SampledAlternatives,
) -> Float64:
    """Shape [1 + parts]: equal weights of all signals, or separate ones if they rank significantly better.

    The likelihood depends on all items, NDCG on the first ones: separate weights have the higher likelihood, but may
    rank the next item lower. Queries on which neither was fitted decide.
    """
    fitted = evenly_sampled(queries, alternatives.columns * len(pipeline.weights))
    features = np.empty((len(fitted), alternatives.columns, len(pipeline.weights)), np.float32)
    chosen, importance = targets_of(fitted)
    offset = alternatives.offset(chosen)
    for number, query in enumerate(fitted):
        stage_scores = pipeline.score_stages(query.history, logits(query.history))
        of_items = np.vstack([_confidence(query.history) * stage_scores.logits, stage_scores.signals]).T
        features[number] = alternatives.select(of_items[None], chosen[number : number + 1])[0]
        offset[number] += alternatives.select(stage_scores.logits[None], chosen[number : number + 1])[0]
    places = alternatives.places(chosen)
    start = np.zeros(len(pipeline.weights))
    separate = fit_weights(features, places, importance, prior=start, precision=_PRECISION, offset=offset)
    equal = np.array([_BLEND_WEIGHT, *([1.0] * len(NAMES))])
    summed, without_blend = (features @ equal.astype(np.float32))[:, :, None], offset - features[:, :, 0]
    prior = np.array([_SIGNAL_WEIGHT])
    scale = fit_weights(summed, places, importance, prior=prior, precision=_PRECISION, offset=without_blend)
    equal = equal * scale - np.eye(len(equal))[0]
    of_fitted = {id(query) for query in fitted}
    others = [query for query in queries if id(query) not in of_fitted] or fitted
    return separate if significantly_better(*_gains_of_weights(pipeline, others, logits, (separate, equal))) else equal


def _gains_of_weights(
    pipeline: RankingPipeline, queries: list[Query], logits: Callable[[History], Float32], weights: Sequence[Float64]
) -> list[list[float]]:
    """For each of these weights the NDCG@10 of each query's item by the closed form."""
    weighted = [replace(pipeline, weights=one) for one in weights]
    gains_of_each: list[list[float]] = [[] for _ in weighted]
    for query in queries:
        stage_scores = pipeline.score_stages(query.history, logits(query.history))
        for gains, one in zip(gains_of_each, weighted, strict=True):
            scores = one.score_stages(query.history, stage_scores.logits, stage_scores.signals).total
            gains.append(_gain(pipeline, query, scores))
    return gains_of_each


def _reranker(ranked_queries: list[_RankedQuery], seed: int) -> Reranker | None:
    """The forest trained on these queries; None when they are too few."""
    features = [ranked.features for ranked in ranked_queries if ranked.features is not None]
    targets = [ranked.target for ranked in ranked_queries if ranked.target is not None]
    if len(features) < N_CANDIDATES:
        return None
    return Reranker.fit(np.stack(features), np.array(targets, np.intp), seed=seed, trees=_TREES)


def _fit_rerank_weights(
    pipeline: RankingPipeline,
    reranker: Reranker,
    queries: list[Query],
    logits: Callable[[History], Float32],
    alternatives: SampledAlternatives,
) -> Float64:
    """Shape [3]: the weights that turn the re-ranker's margins into calibrated scores among all items."""
    features = np.empty((len(queries), alternatives.columns, 3), np.float32)
    reranked = replace(pipeline, reranker=reranker)
    chosen, importance = targets_of(queries)
    for number, query in enumerate(queries):
        of_items = reranked.rerank_features(query.history, pipeline.score_stages(query.history, logits(query.history)))
        features[number] = alternatives.select(of_items[None], chosen[number : number + 1])[0]
    prior = np.array([1.0, 0.5, 0.0])
    places, offset = alternatives.places(chosen), alternatives.offset(chosen)
    return fit_weights(features, places, importance, prior=prior, precision=_PRECISION, offset=offset)


def _gain(pipeline: RankingPipeline, query: Query, scores: Float32) -> float:
    """NDCG@10 of the query's item among all items, or, if users do not return, among those not in the history."""
    above = scores > scores[query.item]
    if not pipeline.returning:
        above[query.history.item] = False
    return ndcg_at_10(int(above.sum()))


def _reranked_gains(reranker: Reranker, ranked_queries: list[_RankedQuery]) -> list[float]:
    """NDCG@10 of each query's item after re-ranking; 0 when it is not a candidate."""
    gains = np.zeros(len(ranked_queries))
    with_target = [number for number, ranked in enumerate(ranked_queries) if ranked.target is not None]
    features = [ranked.features for ranked in ranked_queries if ranked.features is not None]
    targets = np.array([ranked.target for ranked in ranked_queries if ranked.target is not None], np.intp)
    if with_target:
        margins = reranker.margins(np.stack(features))
        above = (margins > margins[np.arange(len(targets)), targets][:, None]).sum(axis=1)
        gains[with_target] = [ndcg_at_10(int(rank)) for rank in above]
    return gains.tolist()
