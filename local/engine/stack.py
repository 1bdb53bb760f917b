"""What stands on the calibrated blend: the closed-form parts, and a re-ranker over the first candidates.

Both learn from each visitor's newest events, which the models below them have not seen: the parts' weights in a
conditional logit, then the forest on the candidates that this closed form gives. Visitors who taught neither decide:
a step that does not put what came next higher is left out, whatever the data set. The last logit makes the forest's
margins chances again, so that the softmax stays calibrated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from local.engine.blend import fit_weights
from local.engine.candidates import Candidates, Reading
from local.engine.data import Catalogue, Events, Float32, Float64, History, Indices
from local.engine.parts import LONGER, NAMES, PLANS, Parts
from local.engine.prefixes import positions
from local.engine.reranker import Reranker
from local.engine.rivals import Rivals
from local.engine.scores import ranking
from local.engine.shares import columns_of

FIRST: Final = 100
"""Candidates that the re-ranker orders."""
_NEWEST_EVENTS: Final = 20
_NEWEST_SHARE: Final = 3
"""A visitor's newest events that are learned from: twenty, at most a third of them."""
_MOST_QUERIES: Final = 10_000
_LEAST_QUERIES: Final = 500
_QUERIES_PER_ITEM: Final = 8
"""Small catalogues have less to tell: a thousand items ask eight thousand times."""
_MOST_SCORES: Final = 200_000_000
"""Items scored in all; beyond 20,000 items there are fewer queries."""
_MOST_WEIGHING: Final = 1000
"""Queries that weights are fitted on: there are five at most."""
_MOST_VALUES: Final = 20_000_000
"""Features held at once while weights are fitted (80 MB)."""
_CHECKING_SHARE: Final = 0.25
_SHORT_SHARE: Final = 0.2
_SHORT: Final = 5
"""A fifth of the histories are cut to their newest one to five events: newcomers are served too."""
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
_CUTOFF: Final = 10


@dataclass(frozen=True, slots=True)
class Query:
    """A history and the item that came next; `checks` says that its visitor teaches nothing but decides."""

    history: History
    item: int
    weight: float
    checks: bool


@dataclass(frozen=True, slots=True)
class Stack:
    """Fitted parts and, where it helps, a fitted re-ranker."""

    parts: Parts
    weights: Float64
    """Shape [1 + parts]: of the blend's logits, beyond their own 1, and of each part's signal."""
    returning: bool
    """Visitors come back to items that they have met, so these are candidates too."""
    candidates: Candidates | None = None
    reranker: Reranker | None = None
    mix: Float64 | None = None
    """Shape [3]: of the closed form (of candidates their mean), of the re-ranker's margin, of being a candidate."""

    def read(self, history: History, logits: Float32, signals: Float32 | None = None) -> Reading:
        """What the closed form says, given the blend's logits [n_items] and, where they are known, `Parts.signals`."""
        signals = self.parts.signals(history) if signals is None else signals
        weights = self.weights.astype(np.float32)
        total = (1 + _confidence(history) * weights[0]) * logits + weights[1:] @ signals
        return Reading(logits, signals, total)

    def score(self, history: History, logits: Float32, signals: Float32 | None = None) -> Float32:
        """The score of each item, shape [n_items], given what `read` needs."""
        if not history.weight.any():
            return logits
        reading = self.read(history, logits, signals)
        if self.reranker is None or self.candidates is None or self.mix is None:
            return reading.total
        of_total, of_margin, of_first = self.mix.astype(np.float32).tolist()
        first, margins = self._margins(history, reading)
        if not len(first):
            return reading.total
        scores: Float32 = np.float32(of_total) * reading.total
        scores[first] = scores[first].mean() + np.float32(of_margin) * margins + np.float32(of_first)
        return scores

    def mixed(self, history: History, reading: Reading) -> Float32:
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

    def _margins(self, history: History, reading: Reading) -> tuple[Indices, Float32]:
        """The candidates and the re-ranker's margins of them."""
        first = self.first(history, reading)
        if self.candidates is None or self.reranker is None or not len(first):
            return first[:0], np.zeros(0, np.float32)
        return first, self.reranker.margins(self.candidates.features(first, history, reading, self.parts))

    def first(self, history: History, reading: Reading) -> Indices:
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
        }
        if self.reranker is None or self.candidates is None or self.mix is None:
            return arrays
        return {**arrays, "stack_mix": self.mix, **self.candidates.arrays(), **self.reranker.arrays()}

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]], attributes: sparse.csr_matrix) -> Self:
        """The stack that `arrays` gave; without its re-ranker where LightGBM cannot be loaded."""
        stack = cls(Parts.of_arrays(stored), stored["stack_weights"], bool(stored["stack_returning"]))
        reranker = Reranker.of_arrays(stored) if "reranker" in stored else None
        if reranker is None:
            return stack
        candidates = Candidates.of_arrays(stored, attributes)
        return replace(stack, candidates=candidates, reranker=reranker, mix=stored["stack_mix"])


def fit_stack(
    events: Events,
    catalogue: Catalogue,
    *,
    blended: Callable[[Events], Callable[[History], Float32]],
    seed: int,
    reach: int,
) -> Stack | None:
    """The stack on `events` (in order, weights about one); None when it would not help.

    blended: gives the blend's logits for histories, fitted on the events that it is given.
    """
    if len(events) < _LEAST_EVENTS or _returns(events) > _MOST_RETURNS:
        # Where visitors mostly go back to what they know, the mixture below foretells it: on the simulated site a
        # forest was worth 0.003 of NDCG@10 and most of the training time.
        return None
    rng = np.random.default_rng(seed)
    newest = _newest(events)
    earlier = events.of(~newest)
    queries = list(_queries(events, newest, rng))
    teaching, checking = ([query for query in queries if query.checks is checks] for checks in (False, True))
    if not teaching or not checking:
        return None
    logits = blended(earlier)
    attributes, _ = columns_of(catalogue)
    rivals = Rivals.of(np.bincount(earlier.item, minlength=catalogue.n_items).astype(np.float32), rng)
    unweighed = Stack(Parts.fit(earlier, reach=reach), np.zeros(1 + len(NAMES)), _returns(events) > _RETURNING)
    memory = tuple(_memory(unweighed, number, teaching) for number in range(len(PLANS)))
    unweighed = replace(unweighed, parts=replace(unweighed.parts, memory=memory))
    weights = _weights(unweighed, teaching, logits, rivals)
    closed = replace(unweighed, weights=weights, candidates=Candidates.of(earlier, catalogue, attributes))

    def whole() -> Parts:
        return Parts.fit(events, reach=reach, memory=memory)

    lessons = [lesson for lesson in _lessons(closed, teaching, logits) if lesson.place is not None]
    checks = list(_lessons(closed, checking, logits))
    parts_help = _better([check.closed for check in checks], [check.plain for check in checks])
    reranker = _reranker(lessons, seed)
    if reranker is not None:
        reordered = _gains(reranker, checks)
        if _better(reordered, [check.closed if parts_help else check.plain for check in checks]):
            mix = _mix(closed, reranker, _some(checking, 3 * rivals.columns), logits, rivals)
            known = Candidates.of(events, catalogue, attributes)
            return replace(closed, parts=whole(), candidates=known, reranker=reranker, mix=mix)
    return replace(closed, parts=whole(), candidates=None) if parts_help else None


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


def _lessons(stack: Stack, queries: list[Query], logits: Callable[[History], Float32]) -> Iterator[_Lesson]:
    if stack.candidates is None:
        raise ValueError("a stack without candidates teaches nothing")
    for query in queries:
        reading = stack.read(query.history, logits(query.history))
        first = stack.first(query.history, reading)
        places = np.flatnonzero(first == query.item)
        place = int(places[0]) if len(places) and len(first) == FIRST else None
        features = None if place is None else stack.candidates.features(first, query.history, reading, stack.parts)
        plain, closed = (_gain(stack, query, scores) for scores in (reading.logits, reading.total))
        yield _Lesson(features, place, plain, closed)


def _newest(events: Events) -> npt.NDArray[np.bool_]:
    counts = np.bincount(events.user, minlength=events.n_users)[events.user]
    left = counts - positions(events)
    chosen: npt.NDArray[np.bool_] = left <= np.minimum(_NEWEST_EVENTS, counts // _NEWEST_SHARE)
    return chosen


def _queries(events: Events, newest: npt.NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Query]:
    position = positions(events)
    chosen = np.flatnonzero(newest & (position > 0))
    affordable = min(_MOST_QUERIES, _QUERIES_PER_ITEM * events.n_items, _MOST_SCORES // max(events.n_items, 1))
    most = max(_LEAST_QUERIES, affordable)
    chosen = np.sort(rng.permutation(chosen)[:most])
    checks = rng.random(events.n_users) < _CHECKING_SHARE
    short = np.where(rng.random(len(chosen)) < _SHORT_SHARE, rng.integers(1, _SHORT + 1, len(chosen)), len(events))
    for event, length in zip(chosen.tolist(), np.minimum(short, position[chosen]).tolist(), strict=True):
        before = slice(event - length, event)
        history = History(events.item[before], events.time[before], events.weight[before])
        user = int(events.user[event])
        yield Query(history, int(events.item[event]), float(events.weight[event]), bool(checks[user]))


def _memory(stack: Stack, number: int, queries: list[Query]) -> float:
    """The memory under which a part alone orders best what came next: its own, unless a longer one surely does.

    Where order says nothing, old events say as much as new ones.
    """
    plan = PLANS[number]
    if not plan.by_visitor:
        return plan.tau
    asked = _some(queries, 1)

    def gains(tau: float) -> list[float]:
        return [_gain(stack, query, stack.parts.signal(number, query.history, tau)) for query in asked]

    best, most = plan.tau, gains(plan.tau)
    for tau in LONGER:
        if _better(gained := gains(tau), most):
            best, most = tau, gained
    return best


def _returns(events: Events) -> float:
    """The share of events on an item that the visitor met before."""
    met = np.unique(events.user.astype(np.int64) * max(events.n_items, 1) + events.item)
    return 1 - len(met) / max(len(events), 1)


def _confidence(history: History) -> np.float32:
    mass = history.weight.sum(dtype=np.float32)
    return np.float32(mass / (1 + mass))


def _weights(stack: Stack, queries: list[Query], logits: Callable[[History], Float32], rivals: Rivals) -> Float64:
    """The closed form's weights: all parts alike, or one for each where that surely orders better.

    The likelihood looks at all items, the order at the first ones: weights of their own make what came next likelier,
    and may still put it lower. Queries on which neither was fitted decide.
    """
    fitted = _some(queries, rivals.columns * len(stack.weights))
    features = np.empty((len(fitted), rivals.columns, len(stack.weights)), np.float32)
    chosen, importance = _targets(fitted)
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
    return each if _better(*_gains_by(stack, others, logits, (each, alike))) else alike


def _gains_by(
    stack: Stack, queries: list[Query], logits: Callable[[History], Float32], weights: Sequence[Float64]
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
    stack: Stack, reranker: Reranker, queries: list[Query], logits: Callable[[History], Float32], rivals: Rivals
) -> Float64:
    """The weights that make the re-ranker's margins chances among all items."""
    mixed = np.empty((len(queries), rivals.columns, 3), np.float32)
    ranked = replace(stack, reranker=reranker)
    chosen, importance = _targets(queries)
    for number, query in enumerate(queries):
        of_items = ranked.mixed(query.history, stack.read(query.history, logits(query.history)))
        mixed[number] = rivals.of_choices(of_items[None], chosen[number : number + 1])[0]
    prior = np.array([1.0, 0.5, 0.0])
    places, offset = rivals.places(chosen), rivals.offset(chosen)
    return fit_weights(mixed, places, importance, prior=prior, precision=_PRECISION, offset=offset)


def _some(queries: list[Query], values: int) -> list[Query]:
    """Evenly from all as many as can be held at so many values each, and at least one."""
    step = max(1, -(-len(queries) // max(1, min(_MOST_WEIGHING, _MOST_VALUES // values))))
    return queries[::step]


def _targets(queries: list[Query]) -> tuple[Indices, Float64]:
    return np.array([query.item for query in queries], np.intp), np.array([query.weight for query in queries])


def _gain(stack: Stack, query: Query, scores: Float32) -> float:
    """The gain of the item that came, among all items or, where nobody returns, among those not met."""
    rivals = scores > scores[query.item]
    if not stack.returning:
        rivals[query.history.item] = False
    return _discounted(int(rivals.sum()))


def _gains(reranker: Reranker, checks: list[_Lesson]) -> list[float]:
    """The same as the re-ranker orders the candidates; an item that is none of them gains nothing."""
    gains = np.zeros(len(checks))
    placed = [number for number, check in enumerate(checks) if check.place is not None]
    features = [check.features for check in checks if check.features is not None]
    places = np.array([check.place for check in checks if check.place is not None], np.intp)
    if placed:
        margins = reranker.margins(np.stack(features))
        above = (margins > margins[np.arange(len(places)), places][:, None]).sum(axis=1)
        gains[placed] = [_discounted(int(rank)) for rank in above]
    return gains.tolist()


def _discounted(rank: int) -> float:
    """NDCG at 10 of the only item that is relevant."""
    return float(1 / np.log2(rank + 2)) if rank < _CUTOFF else 0.0


def _better(gains: list[float], than: list[float]) -> bool:
    """By more than the standard error of the difference."""
    difference = np.array(gains) - np.array(than)
    return bool(difference.mean() > difference.std() / np.sqrt(len(difference)))
