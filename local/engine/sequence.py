"""The default model: closed-form readings of a visitor's sequence, blended into calibrated chances."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from local.engine import storage
from local.engine.blend import fit_weights
from local.engine.data import Catalogue, Events, Float32, Float64, History, Int32
from local.engine.evidence import REACH, Evidence
from local.engine.models import Capabilities, refuse_unknown
from local.engine.percentiles import of_usual_users
from local.engine.reading import Reader

_JUDGING_SHARE = 0.2
"""Share of the users whose events set the blend's weights, unseen by the evidence."""
_MAX_VALUES = 20_000_000
"""Features held at once while the blend is fitted (80 MB)."""
_MAX_CHOICES = 4000
_PRECISION = 5.0


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """Next-item ridges over recency-weighted histories, taste by attribute, and popularity behind them.

    The parts (`evidence`) are fitted in closed form; a conditional logit (`blend`) weighs them on users that they have
    not seen, strangers' first events included, and the parts are then fitted again on all users. A visitor without a
    history gets what is popular, an item without events the popularity and the lift of its attributes.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_users=True, cold_items=True, real_time=True)

    evidence: Evidence
    blend: Float64
    """Shape [k]: the weight of each of `evidence.names`."""
    unit: float
    """The mean weight of a training event: histories are measured in it."""
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

        blend = _blend(evidence(ordered.of(~judged)), ordered.of(judged), catalogue.n_items, rng)
        return cls(evidence(ordered), blend, unit)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        return self.reader.score(History(history.item, history.time, history.weight / np.float32(self.unit)))

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model="sequence",
            facts={"unit": self.unit, "features": self.evidence.names},
            arrays={**self.evidence.arrays(), "blend": self.blend},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts, arrays = storage.read(folder, model="sequence")
        return cls(Evidence.of_arrays(arrays), arrays["blend"], float(facts["unit"]))


def _blend(evidence: Evidence, unseen: Events, n_items: int, rng: np.random.Generator) -> Float64:
    budget = min(_MAX_CHOICES, max(50, _MAX_VALUES // (n_items * len(evidence.names))))
    chosen = np.zeros(len(unseen), dtype=bool)
    chosen[rng.permutation(len(unseen))[:budget]] = True
    features = evidence.of_prefixes(unseen, chosen)
    importance = unseen.weight[chosen].astype(np.float64)
    return fit_weights(
        features,
        unseen.item[chosen].astype(np.intp),
        importance,
        prior=evidence.prior,
        precision=_PRECISION,
    )
