"""The closed-form parts of the default model: four linear readings of a history, each a signal for every item.

part      history by              what follows it
mood      memory of 2 events      next-item ridge whose targets are the following events, the next one most
visit     memory of 5 events      next-item ridge
taste     memory of 20 events     next-item ridge
company   memory of 5 events      EASE: what the same visitors meet, whatever the order

A reading is brought to a scale of its own visitor: standardized over the items, squashed by sign(z) log(1 + |z|),
because a few items stand far out, and multiplied by mass / (1 + mass) of the history, because little history says
little.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from local.engine.data import Events, Float32, History, Indices
from local.engine.ease import fit_ease
from local.engine.prefixes import history_row
from local.engine.ridge import NextItemRidge, head_of


@dataclass(frozen=True, slots=True)
class Plan:
    """How a part is fitted: its memory in events, its lambda, the memory of its targets; EASE has none of its own."""

    name: str
    tau: float
    ridge: float
    ahead: float = 0.0
    by_visitor: bool = False


PLANS: Final = (
    Plan("mood", tau=2.0, ridge=100.0, ahead=1.0),
    Plan("visit", tau=5.0, ridge=100.0),
    Plan("taste", tau=20.0, ridge=30.0),
    Plan("company", tau=5.0, ridge=100.0, by_visitor=True),
)
NAMES: Final = tuple(plan.name for plan in PLANS)


@dataclass(frozen=True, slots=True)
class Parts:
    """Fitted parts over the items of `head` [h]; other items get the signal of silence."""

    n_items: int
    reach: int
    head: Indices
    place: Indices
    """Shape [n_items]: the column of each item, -1 for those without."""
    weights: tuple[Float32, ...]
    """For each part: shape [h, h]."""

    @classmethod
    def fit(cls, events: Events, *, reach: int) -> Self:
        """The parts of events in order. reach: newest events of a history that count."""
        head = head_of(events)
        nothing = sparse.csr_matrix((events.n_items, 0), dtype=np.float32)
        weights = tuple(
            fit_ease(events, head, ridge=plan.ridge)
            if plan.by_visitor
            else NextItemRidge.fit(
                events, nothing, tau=plan.tau, ridge=plan.ridge, reach=reach, ahead=plan.ahead
            ).weights
            for plan in PLANS
        )
        return cls(events.n_items, reach, head, _places(head, events.n_items), weights)

    def signals(self, history: History) -> Float32:
        """What each part says of each item, shape [parts, n_items]; zeros for an empty history."""
        signals = np.zeros((len(PLANS), self.n_items), np.float32)
        for number, plan in enumerate(PLANS):
            items, values = history_row(history, tau=plan.tau, reach=self.reach)
            places = self.place[items]
            known = places >= 0
            raw = values[known] @ self.weights[number][places[known]]
            signals[number] = self.scaled(raw, float(values.sum()))
        return signals

    def scaled(self, raw: Float32, mass: float) -> Float32:
        """The signal [n_items] of a part's raw scores [h] for a history of this mass."""
        spread = float(raw.std()) if len(raw) else 0.0
        if not spread:
            return np.zeros(self.n_items, np.float32)
        middle = float(raw.mean())
        confidence = np.float32(mass / (1 + mass))
        standing = (raw - np.float32(middle)) / np.float32(spread)
        squashed: Float32 = np.copysign(np.log1p(np.abs(standing)), standing) * confidence
        if len(self.head) == self.n_items:
            return squashed
        silence = -middle / spread
        signal = np.full(self.n_items, np.copysign(np.log1p(abs(silence)), silence) * confidence, np.float32)
        signal[self.head] = squashed
        return signal

    def pair(self, number: int, item: int, others: Indices) -> Float32:
        """What one part says of other items after this one alone, unscaled, shape of `others`."""
        row, columns = self.place[item], self.place[others]
        if row < 0:
            return np.zeros(len(others), np.float32)
        values: Float32 = np.where(columns >= 0, self.weights[number][row, columns], np.float32(0))
        return values

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            "parts_shape": np.array([self.n_items, self.reach]),
            "parts_head": self.head,
            **{f"parts_{name}": weights for name, weights in zip(NAMES, self.weights, strict=True)},
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The parts that `arrays` gave."""
        n_items, reach = stored["parts_shape"].tolist()
        head = stored["parts_head"]
        weights = tuple(stored[f"parts_{name}"] for name in NAMES)
        return cls(n_items, reach, head, _places(head, n_items), weights)


def _places(head: Indices, n_items: int) -> Indices:
    places = np.full(n_items, -1, np.intp)
    places[head] = np.arange(len(head))
    return places
