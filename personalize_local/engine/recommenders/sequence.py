"""The default model: closed-form readings of a visitor's sequence, blended into calibrated chances."""

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
from personalize_local.engine.base.percentiles import of_usual_users
from personalize_local.engine.choice.alternatives import SampledAlternatives
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.choice.context_model import ContextModel
from personalize_local.engine.choice.features import REACH, FeatureExtractor
from personalize_local.engine.choice.reading import Reader
from personalize_local.engine.linear.capacity import check_fits
from personalize_local.engine.linear.pairs import affordable_reach
from personalize_local.engine.ranking.batch_scoring import blended, stacked
from personalize_local.engine.ranking.pipeline import RankingPipeline, fit_stack

_JUDGING_SHARE = 0.2
"""Share of the users whose events set the blend's weights, unseen by the evidence."""
_MAX_VALUES = 20_000_000
"""Features held at once while the blend is fitted (80 MB)."""
_MAX_CHOICES, _MIN_CHOICES = 4000, 50
_MAX_SCORES = 100_000_000
"""Items scored in all while the blend of a large catalogue is fitted."""
_PRECISION = 5.0


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """Next-item ridges over recency-weighted histories, taste by attribute, and popularity behind them.

    The evidence is fitted in closed form; a conditional logit (`blend`) weighs it on users that it has not seen,
    strangers' first events included, and it is then fitted again on all users. A visitor without a history gets what is
    popular, an item without events the popularity and the lift of its attributes. Where the newest events of visitors
    show that it helps, further closed-form parts and a learned re-ranker stand on the blend (`stack`). What a request's
    context says is added (`circumstances`).
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=True, real_time=True)

    evidence: FeatureExtractor
    blend: Float64
    """Shape [k]: the weight of each of `evidence.names`."""
    unit: float
    """The mean weight of a training event: histories are measured in it."""
    stack: RankingPipeline | None = None
    circumstances: ContextModel | None = None
    reader: Reader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader.of(self.evidence, self.blend))

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

        ridge: the lambda of both ridges, in events' worth of evidence. reach: newest events of a history that count.
        rank: the dimension that the ridges are squeezed through, 0 for none. recency: 1 when what is popular of late
        counts apart from what is popular at all, 0 when not. The percentiles (0..1) leave out the users with the fewest
        and the most events. Raises TooLargeError when it would not fit into memory.
        """
        refuse_unknown("sequence", unknown)
        if ridge <= 0:
            raise ValueError(f"ridge must be positive, not {ridge}")
        if reach < 1:
            raise ValueError(f"reach must be at least 1, not {reach}")
        check_fits(len(events), catalogue.n_items, int(reach))
        # In order before any sum, so that the order of the rows changes no rounding.
        counting = of_usual_users(
            events.in_order(), min_user_history_length_percentile, max_user_history_length_percentile
        )
        unit = float(counting.weight.mean()) if len(counting) else 1.0
        ordered = replace(counting, weight=(counting.weight / np.float32(unit))).in_order()
        newest = affordable_reach(len(ordered), int(reach))
        rng = np.random.default_rng(seed)
        judging = rng.random(events.n_users) < _JUDGING_SHARE
        judged = judging[ordered.user]

        def evidence(seen: Events) -> FeatureExtractor:
            dimension = int(rank) if rank else None
            return FeatureExtractor.fit(
                seen, catalogue, ridge=ridge, reach=newest, rank=dimension, recency=bool(recency)
            )

        stages.begin("reading most visitors")
        early = evidence(ordered.of(~judged))
        stages.begin("weighing what was read")
        choices = _Choices.of(early, ordered.of(judged), catalogue.n_items, rng)
        blend = choices.blend(early.prior)
        stack = fit_stack(
            ordered,
            catalogue,
            blended=lambda seen: Reader.of(evidence(seen), blend).score,
            seed=seed,
            reach=newest,
        )
        circumstances = None
        if ordered.n_contexts:
            before = ContextModel.fit(ordered.of(~judged), early.attributes)
            circumstances = ContextModel.fit(ordered, early.attributes, choices.weights_of(before, blend))
        stages.begin("reading all events")
        return cls(evidence(ordered), blend, unit, stack, circumstances)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        in_units = History(history.item, history.time, history.weight / np.float32(self.unit))
        scores = self.reader.score(in_units)
        if self.stack is not None:
            scores = self.stack.score(in_units, scores)
        if self.circumstances is not None and context is not None:
            scores = scores + self.circumstances.score(context)
        return scores

    def score_many(
        self, histories: Sequence[History], *, now: float | None = None, contexts: Sequence[Int32] | None = None
    ) -> Float32:
        """As `score` of each history, shape [q, n_items], several times faster a history; `batch_size` says how many.

        contexts: of each history; None for none.
        """
        in_units = [History(one.item, one.time, one.weight / np.float32(self.unit)) for one in histories]
        scores = np.empty((len(histories), len(self.evidence.log_share)), np.float32)
        known = [number for number, history in enumerate(in_units) if history.weight.any()]
        if known:
            some = [in_units[number] for number in known]
            rows = HistoryRows.of(some, scores.shape[1])
            of_known = blended(self.reader, rows)
            scores[known] = of_known if self.stack is None else stacked(self.stack, some, rows, of_known)
        if len(known) < len(histories):
            scores[np.setdiff1d(np.arange(len(histories)), known)] = self.score(History.empty())
        if self.circumstances is not None and contexts is not None:
            for number, context in enumerate(contexts):
                scores[number] += self.circumstances.score(context)
        return scores

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model="sequence",
            facts={"unit": self.unit, "features": self.evidence.names},
            arrays={
                **self.evidence.arrays(),
                "blend": self.blend,
                **({} if self.stack is None else self.stack.arrays()),
                **({} if self.circumstances is None else self.circumstances.arrays()),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts, arrays = storage.read(folder, model="sequence")
        evidence = FeatureExtractor.of_arrays(arrays)
        stack = RankingPipeline.of_arrays(arrays, evidence.attributes) if "stack_weights" in arrays else None
        context = ContextModel.of_arrays(arrays, evidence.attributes) if "context_weights" in arrays else None
        return cls(evidence, arrays["blend"], float(facts["unit"]), stack, context)


@dataclass(frozen=True, slots=True)
class _Choices:
    """Events of users whom the evidence has not seen, and what speaks for each item at each of them."""

    features: Float32
    """Shape [q, columns, k]."""
    chosen: Events
    """The q events."""
    rivals: SampledAlternatives
    """The items in the columns: all, unless the catalogue is large."""

    @classmethod
    def of(cls, evidence: FeatureExtractor, unseen: Events, n_items: int, rng: np.random.Generator) -> Self:
        """As many as there is room for, drawn from all."""
        drawn = rng.permutation(len(unseen))
        # What circumstances say is known of all items at once.
        rivals = SampledAlternatives.of(evidence.log_share, rng, whole=bool(unseen.n_contexts))
        budget = min(_MAX_CHOICES, max(_MIN_CHOICES, _MAX_VALUES // (rivals.columns * len(evidence.names))))
        if not rivals.whole:
            budget = min(budget, max(_MIN_CHOICES, _MAX_SCORES // n_items))
        chosen = np.sort(drawn[:budget])
        portion = len(chosen) if rivals.whole else max(1, _MAX_VALUES // (n_items * len(evidence.names)))
        features = [
            rivals.of_choices(evidence.of_prefixes(unseen, _mask(some, len(unseen))), unseen.item[some].astype(np.intp))
            for some in np.split(chosen, range(portion, len(chosen), max(portion, 1)))
        ]
        return cls(np.concatenate(features), unseen.of(chosen), rivals)

    def blend(self, prior: Float64) -> Float64:
        """The weights [k] of the features."""
        item, importance = self._taken()
        places, offset = self.rivals.places(item), self.rivals.offset(item)
        return fit_weights(self.features, places, importance, prior=prior, precision=_PRECISION, offset=offset)

    def weights_of(self, circumstances: ContextModel, blend: Float64) -> Float64:
        """The weights [2 c] of the lifts of the events' circumstances, beside the blend."""
        context = self.chosen.context
        if context is None:
            raise ValueError("events without a context cannot weigh circumstances")
        return circumstances.weighed(context, *self._taken(), self.features @ blend.astype(np.float32)).weights

    def _taken(self) -> tuple[Indices, Float64]:
        return self.chosen.item.astype(np.intp), self.chosen.weight.astype(np.float64)


def _mask(chosen: Indices, length: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(length, dtype=bool)
    mask[chosen] = True
    return mask
