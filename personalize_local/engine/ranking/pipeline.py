"""What stands on the calibrated blend: the closed-form parts, networks, and a re-ranker over the first candidates.

All learn from each visitor's newest events, which the models below them have not seen: the parts' weights in a
conditional logit, how much the networks count beside them, then the forest on the candidates that these give. Visitors
who taught none of them decide: a step that does not put what came next higher is left out, whatever the data set. The
last logit makes the forest's margins chances again, so that the softmax stays calibrated.
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
from personalize_local.engine.base.shares import columns_of
from personalize_local.engine.choice.alternatives import SampledAlternatives
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.linear.parts import LONGER, NAMES, PLANS, Parts
from personalize_local.engine.ranking.candidates import Candidates, StageScores
from personalize_local.engine.ranking.ensemble import Ensemble
from personalize_local.engine.ranking.reranker import Reranker
from personalize_local.engine.ranking.training_queries import (
    Query,
    ndcg_at_10,
    newest_of,
    queries_of,
    returns_of,
    significantly_better,
    some_of,
    targets_of,
)

FIRST: Final = 100
"""Candidates that the re-ranker orders."""
_RETURNING: Final = 0.01
"""Share of events on an item that the visitor met before, from which on visitors are taken to return."""
_LEAST_EVENTS: Final = 10_000
"""Fewer neither teach a forest nor decide for it."""
_MOST_RETURNS: Final = 0.25
"""Share of returns from which on nothing is stacked."""
_TREES: Final = 100
_PRECISION: Final = 5.0
_BLEND: Final = 0.7
"""What the blend's logit counts beside the signals of parts that count alike; on validation items of two logs 0.4 to 1
were much the same."""
_LOUDNESS: Final = 0.7
"""What such parts count without evidence."""


@dataclass(frozen=True, slots=True)
class RankingPipeline:
    """Fitted parts and, where they help, networks and a fitted re-ranker."""

    parts: Parts
    weights: Float64
    """Shape [1 + parts]: of the blend's logits, beyond their own 1, and of each part's signal."""
    returning: bool
    """Visitors come back to items that they have met, so these are candidates too."""
    pool: Ensemble | None = None
    candidates: Candidates | None = None
    reranker: Reranker | None = None
    mix: Float64 | None = None
    """Shape [3]: of the scores below it (of candidates their mean), of the re-ranker's margin, of being a candidate."""

    @property
    def readings(self) -> tuple[str, ...]:
        """The names of `StageScores.signals`."""
        return NAMES if self.pool is None else (*NAMES, "network")

    def read(self, history: History, logits: Float32, signals: Float32 | None = None) -> StageScores:
        """What all but the re-ranker say, given the blend's logits [n_items] and, where known, `Parts.signals`."""
        signals = self.parts.signals(history) if signals is None else signals
        weights = self.weights.astype(np.float32)
        closed = (1 + _confidence(history) * weights[0]) * logits + weights[1:] @ signals
        if self.pool is None:
            return StageScores(logits, signals, closed, closed)
        total, said = self.pool.read(history, closed)
        return StageScores(logits, np.vstack([signals, said]), closed, total)

    def score(self, history: History, logits: Float32) -> Float32:
        """The score of each item, shape [n_items], given the blend's logits [n_items]."""
        if not history.weight.any():
            return logits
        reading = self.read(history, logits)
        if self.reranker is None or self.candidates is None or self.mix is None:
            return reading.total
        of_total, of_margin, of_first = self.mix.astype(np.float32).tolist()
        first, margins = self._margins(history, reading)
        if not len(first):
            return reading.total
        scores: Float32 = np.float32(of_total) * reading.total
        scores[first] = scores[first].mean() + np.float32(of_margin) * margins + np.float32(of_first)
        return scores

    def mixed(self, history: History, reading: StageScores) -> Float32:
        """What `mix` weighs, shape [n_items, 3].

        Among the candidates the order is the re-ranker's alone: it has seen what the closed form says.
        """
        mixed = np.zeros((len(reading.total), 3), np.float32)
        mixed[:, 0] = reading.total
        first, margins = self._margins(history, reading)
        if len(first):
            mixed[first, 0] = reading.total[first].mean()
            mixed[first, 1] = margins
            mixed[first, 2] = 1
        return mixed

    def _margins(self, history: History, reading: StageScores) -> tuple[Indices, Float32]:
        """The candidates and the re-ranker's margins of them."""
        first = self.first(history, reading)
        if self.candidates is None or self.reranker is None or not len(first):
            return first[:0], np.zeros(0, np.float32)
        return first, self.reranker.margins(self.candidates.features(first, history, reading, self.parts))

    def first(self, history: History, reading: StageScores) -> Indices:
        """The candidates: the closed form's first items, without the history's where nobody returns.

        Items without events are none: the forest has never seen one come.
        """
        total = np.where(self.parts.place < 0, -np.inf, reading.total)
        if not self.returning:
            total[history.item] = -np.inf
        first = ranking(total, limit=FIRST)
        return first[np.isfinite(total[first])]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        arrays = {
            "stack_weights": self.weights,
            "stack_returning": np.array(self.returning),
            **self.parts.arrays(),
            **({} if self.pool is None else self.pool.arrays()),
        }
        if self.reranker is None or self.candidates is None or self.mix is None:
            return arrays
        return {**arrays, "stack_mix": self.mix, **self.candidates.arrays(), **self.reranker.arrays()}

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]], attributes: sparse.csr_matrix) -> Self:
        """The stack that `arrays` gave; without its re-ranker where LightGBM cannot be loaded."""
        pool = Ensemble.of_arrays(stored) if "pool_weights" in stored else None
        stack = cls(Parts.of_arrays(stored), stored["stack_weights"], bool(stored["stack_returning"]), pool)
        reranker = Reranker.of_arrays(stored) if "reranker" in stored else None
        if reranker is None:
            return stack
        candidates = Candidates.of_arrays(stored, attributes, stack.readings)
        return replace(stack, candidates=candidates, reranker=reranker, mix=stored["stack_mix"])


def fit_stack(
    events: Events,
    catalogue: Catalogue,
    *,
    blended: Callable[[Events], Callable[[History], Float32]],
    seed: int,
    reach: int,
) -> RankingPipeline | None:
    """The stack on `events` (in order, weights about one); None when it would not help.

    blended: gives the blend's logits for histories, fitted on the events that it is given.
    """
    if len(events) < _LEAST_EVENTS or returns_of(events) > _MOST_RETURNS:
        # Where visitors mostly go back to what they know, the mixture below foretells it: on the simulated site a
        # forest was worth 0.003 of NDCG@10 and most of the training time.
        return None
    rng = np.random.default_rng(seed)
    newest = newest_of(events)
    earlier = events.of(~newest)
    queries = list(queries_of(events, newest, rng))
    teaching, checking = ([query for query in queries if query.checks is checks] for checks in (False, True))
    if not teaching or not checking:
        return None
    stages.begin("fitting the parts")
    logits = blended(earlier)
    attributes, _ = columns_of(catalogue)
    rivals = SampledAlternatives.of(np.bincount(earlier.item, minlength=catalogue.n_items).astype(np.float32), rng)
    unweighed = RankingPipeline(
        Parts.fit(earlier, reach=reach), np.zeros(1 + len(NAMES)), returns_of(events) > _RETURNING
    )
    stages.begin("weighing the parts")
    memory = tuple(_memory(unweighed, number, teaching) for number in range(len(PLANS)))
    unweighed = replace(unweighed, parts=replace(unweighed.parts, memory=memory))
    closed = replace(unweighed, weights=_weights(unweighed, teaching, logits, rivals))
    stages.begin("training networks")
    stack = _pooled(closed, earlier, teaching, logits, seed)

    def knowing(stack: RankingPipeline, known: Events) -> RankingPipeline:
        return replace(stack, candidates=Candidates.of(known, catalogue, attributes, stack.readings))

    def whole(stack: RankingPipeline) -> RankingPipeline:
        pool = None if stack.pool is None else stack.pool.again(events, seed=seed)
        return replace(stack, parts=Parts.fit(events, reach=reach, memory=memory), pool=pool)

    stages.begin("teaching the re-ranker")
    checks = list(_lessons(knowing(stack, earlier), checking, logits))
    if stack.pool is not None and not significantly_better(
        [check.total for check in checks], [check.closed for check in checks]
    ):
        stack = closed
        checks = list(_lessons(knowing(stack, earlier), checking, logits))
    plain, below = [check.plain for check in checks], [check.total for check in checks]
    helps = significantly_better(below, plain)
    learning = knowing(stack, earlier)
    lessons = [lesson for lesson in _lessons(learning, teaching, logits) if lesson.place is not None]
    reranker = _reranker(lessons, seed)
    if reranker is not None and significantly_better(_gains(reranker, checks), below if helps else plain):
        mix = _mix(learning, reranker, some_of(checking, 3 * rivals.columns), logits, rivals)
        return replace(knowing(whole(stack), events), reranker=reranker, mix=mix)
    return whole(stack) if helps else None


def _pooled(
    closed: RankingPipeline, events: Events, queries: list[Query], logits: Callable[[History], Float32], seed: int
) -> RankingPipeline:
    """The closed form and networks of these events; without them where the catalogue is large."""
    if not closed.parts.dense:
        return closed

    def said(history: History) -> Float32:
        return closed.read(history, logits(history)).closed

    return replace(closed, pool=Ensemble.fit(events, queries, said, seed=seed))


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What one query teaches: its candidates' features, and how well the item that came is placed."""

    features: Float32 | None
    """Shape [FIRST, k], or None without enough candidates."""
    place: int | None
    """Where among the candidates the item is that came."""
    plain: float
    """The gain by the blend alone."""
    closed: float
    """The gain by the closed form."""
    total: float
    """The gain by all but the re-ranker."""


def _lessons(stack: RankingPipeline, queries: list[Query], logits: Callable[[History], Float32]) -> Iterator[_Lesson]:
    if stack.candidates is None:
        raise ValueError("a stack without candidates teaches nothing")
    for query in queries:
        reading = stack.read(query.history, logits(query.history))
        first = stack.first(query.history, reading)
        places = np.flatnonzero(first == query.item)
        place = int(places[0]) if len(places) and len(first) == FIRST else None
        features = None if place is None else stack.candidates.features(first, query.history, reading, stack.parts)
        gains = (_gain(stack, query, scores) for scores in (reading.logits, reading.closed, reading.total))
        yield _Lesson(features, place, *gains)


def _memory(stack: RankingPipeline, number: int, queries: list[Query]) -> float:
    """The memory under which a part alone orders best what came next: its own, unless a longer one surely does.

    Where order says nothing, old events say as much as new ones.
    """
    plan = PLANS[number]
    if not plan.by_visitor:
        return plan.tau
    asked = some_of(queries, 1)

    def gains(tau: float) -> list[float]:
        return [_gain(stack, query, stack.parts.signal(number, query.history, tau)) for query in asked]

    best, most = plan.tau, gains(plan.tau)
    for tau in LONGER:
        if significantly_better(gained := gains(tau), most):
            best, most = tau, gained
    return best


def _confidence(history: History) -> np.float32:
    mass = history.weight.sum(dtype=np.float32)
    return np.float32(mass / (1 + mass))


def _weights(
    stack: RankingPipeline, queries: list[Query], logits: Callable[[History], Float32], rivals: SampledAlternatives
) -> Float64:
    """The closed form's weights: all parts alike, or one for each where that surely orders better.

    The likelihood looks at all items, the order at the first ones: weights of their own make what came next likelier,
    and may still put it lower. Queries on which neither was fitted decide.
    """
    fitted = some_of(queries, rivals.columns * len(stack.weights))
    features = np.empty((len(fitted), rivals.columns, len(stack.weights)), np.float32)
    chosen, importance = targets_of(fitted)
    offset = rivals.offset(chosen)
    for number, query in enumerate(fitted):
        reading = stack.read(query.history, logits(query.history))
        of_items = np.vstack([_confidence(query.history) * reading.logits, reading.signals]).T
        features[number] = rivals.of_choices(of_items[None], chosen[number : number + 1])[0]
        offset[number] += rivals.of_choices(reading.logits[None], chosen[number : number + 1])[0]
    places = rivals.places(chosen)
    start = np.zeros(len(stack.weights))
    each = fit_weights(features, places, importance, prior=start, precision=_PRECISION, offset=offset)
    alike = np.array([_BLEND, *([1.0] * len(NAMES))])
    together, without_blend = (features @ alike.astype(np.float32))[:, :, None], offset - features[:, :, 0]
    prior = np.array([_LOUDNESS])
    loudness = fit_weights(together, places, importance, prior=prior, precision=_PRECISION, offset=without_blend)
    alike = alike * loudness - np.eye(len(alike))[0]
    of_fitted = {id(query) for query in fitted}
    others = [query for query in queries if id(query) not in of_fitted] or fitted
    return each if significantly_better(*_gains_by(stack, others, logits, (each, alike))) else alike


def _gains_by(
    stack: RankingPipeline, queries: list[Query], logits: Callable[[History], Float32], weights: Sequence[Float64]
) -> list[list[float]]:
    """What the closed form gains at each query with each of these weights."""
    closed = [replace(stack, weights=one) for one in weights]
    gained: list[list[float]] = [[] for _ in closed]
    for query in queries:
        reading = stack.read(query.history, logits(query.history))
        for gains, one in zip(gained, closed, strict=True):
            gains.append(_gain(stack, query, one.read(query.history, reading.logits, reading.signals).total))
    return gained


def _reranker(lessons: list[_Lesson], seed: int) -> Reranker | None:
    """The forest that the lessons teach; None when they are too few."""
    features = [lesson.features for lesson in lessons if lesson.features is not None]
    places = [lesson.place for lesson in lessons if lesson.place is not None]
    if len(features) < FIRST:
        return None
    return Reranker.fit(np.stack(features), np.array(places, np.intp), seed=seed, trees=_TREES)


def _mix(
    stack: RankingPipeline,
    reranker: Reranker,
    queries: list[Query],
    logits: Callable[[History], Float32],
    rivals: SampledAlternatives,
) -> Float64:
    """The weights that make the re-ranker's margins chances among all items."""
    mixed = np.empty((len(queries), rivals.columns, 3), np.float32)
    ranked = replace(stack, reranker=reranker)
    chosen, importance = targets_of(queries)
    for number, query in enumerate(queries):
        of_items = ranked.mixed(query.history, stack.read(query.history, logits(query.history)))
        mixed[number] = rivals.of_choices(of_items[None], chosen[number : number + 1])[0]
    prior = np.array([1.0, 0.5, 0.0])
    places, offset = rivals.places(chosen), rivals.offset(chosen)
    return fit_weights(mixed, places, importance, prior=prior, precision=_PRECISION, offset=offset)


def _gain(stack: RankingPipeline, query: Query, scores: Float32) -> float:
    """The gain of the item that came, among all items or, where nobody returns, among those not met."""
    rivals = scores > scores[query.item]
    if not stack.returning:
        rivals[query.history.item] = False
    return ndcg_at_10(int(rivals.sum()))


def _gains(reranker: Reranker, checks: list[_Lesson]) -> list[float]:
    """The same as the re-ranker orders the candidates; an item that is none of them gains nothing."""
    gains = np.zeros(len(checks))
    placed = [number for number, check in enumerate(checks) if check.place is not None]
    features = [check.features for check in checks if check.features is not None]
    places = np.array([check.place for check in checks if check.place is not None], np.intp)
    if placed:
        margins = reranker.margins(np.stack(features))
        above = (margins > margins[np.arange(len(places)), places][:, None]).sum(axis=1)
        gains[placed] = [ndcg_at_10(int(rank)) for rank in above]
    return gains.tolist()
