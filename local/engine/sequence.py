"""The default model: closed-form readings of a visitor's sequence, blended into calibrated chances."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from local.engine import storage
from local.engine.blend import fit_weights
from local.engine.circumstances import Circumstances
from local.engine.data import Catalogue, Events, Float32, Float64, History, Indices, Int32
from local.engine.evidence import REACH, Evidence
from local.engine.models import Capabilities, refuse_unknown
from local.engine.percentiles import of_usual_users
from local.engine.reading import Reader
from local.engine.stack import Stack, fit_stack

_JUDGING_SHARE = 0.2
"""Share of the users whose events set the blend's weights, unseen by the evidence."""
_MAX_VALUES = 20_000_000
"""Features held at once while the blend is fitted (80 MB)."""
_MAX_CHOICES = 4000
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

    capabilities: ClassVar[Capabilities] = Capabilities(cold_users=True, cold_items=True, real_time=True)

    evidence: Evidence
    blend: Float64
    """Shape [k]: the weight of each of `evidence.names`."""
    unit: float
    """The mean weight of a training event: histories are measured in it."""
    stack: Stack | None = None
    circumstances: Circumstances | None = None
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
        and the most events.
        """
        refuse_unknown("sequence", unknown)
        if ridge <= 0:
            raise ValueError(f"ridge must be positive, not {ridge}")
        if reach < 1:
            raise ValueError(f"reach must be at least 1, not {reach}")
        counting = of_usual_users(events, min_user_history_length_percentile, max_user_history_length_percentile)
        unit = float(counting.weight.mean()) if len(counting) else 1.0
        ordered = replace(counting, weight=(counting.weight / np.float32(unit))).in_order()
        rng = np.random.default_rng(seed)
        judging = rng.random(events.n_users) < _JUDGING_SHARE
        judged = judging[ordered.user]

        def evidence(seen: Events) -> Evidence:
            dimension = int(rank) if rank else None
            return Evidence.fit(seen, catalogue, ridge=ridge, reach=int(reach), rank=dimension, recency=bool(recency))

        early = evidence(ordered.of(~judged))
        choices = _Choices.of(early, ordered.of(judged), catalogue.n_items, rng)
        blend = choices.blend(early.prior)
        stack = fit_stack(
            ordered,
            catalogue,
            blended=lambda seen: Reader.of(evidence(seen), blend).score,
            seed=seed,
            reach=int(reach),
        )
        circumstances = None
        if ordered.n_contexts:
            before = Circumstances.fit(ordered.of(~judged), early.attributes)
            circumstances = Circumstances.fit(ordered, early.attributes, choices.weights_of(before, blend))
        return cls(evidence(ordered), blend, unit, stack, circumstances)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        in_units = History(history.item, history.time, history.weight / np.float32(self.unit))
        scores = self.reader.score(in_units)
        if self.stack is not None:
            scores = self.stack.score(in_units, scores)
        if self.circumstances is not None and context is not None:
            scores = scores + self.circumstances.score(context)
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
        evidence = Evidence.of_arrays(arrays)
        stack = Stack.of_arrays(arrays, evidence.attributes) if "stack_weights" in arrays else None
        context = Circumstances.of_arrays(arrays, evidence.attributes) if "context_weights" in arrays else None
        return cls(evidence, arrays["blend"], float(facts["unit"]), stack, context)


@dataclass(frozen=True, slots=True)
class _Choices:
    """Events of users whom the evidence has not seen, and what speaks for each item at each of them."""

    features: Float32
    """Shape [q, n_items, k]."""
    chosen: Events
    """The q events."""

    @classmethod
    def of(cls, evidence: Evidence, unseen: Events, n_items: int, rng: np.random.Generator) -> Self:
        """As many as there is room for, drawn from all."""
        budget = min(_MAX_CHOICES, max(50, _MAX_VALUES // (n_items * len(evidence.names))))
        chosen = np.zeros(len(unseen), dtype=bool)
        chosen[rng.permutation(len(unseen))[:budget]] = True
        return cls(evidence.of_prefixes(unseen, chosen), unseen.of(chosen))

    def blend(self, prior: Float64) -> Float64:
        """The weights [k] of the features."""
        item, importance = self._taken()
        return fit_weights(self.features, item, importance, prior=prior, precision=_PRECISION)

    def weights_of(self, circumstances: Circumstances, blend: Float64) -> Float64:
        """The weights [2 c] of the lifts of the events' circumstances, beside the blend."""
        context = self.chosen.context
        if context is None:
            raise ValueError("events without a context cannot weigh circumstances")
        return circumstances.weighed(context, *self._taken(), self.features @ blend.astype(np.float32)).weights

    def _taken(self) -> tuple[Indices, Float64]:
        return self.chosen.item.astype(np.intp), self.chosen.weight.astype(np.float64)
