"""The closed-form parts of the default model: four linear readings of a history, each a signal for every item.

part      history by              what follows it
mood      memory of 2 events      next-item ridge whose targets are the following events, the next one most
visit     memory of 5 events      next-item ridge
taste     memory of 20 events     next-item ridge
company   memory of 5, 20 or 50   EASE: what the same visitors meet, whatever the order; the memory is the one under
          events                  which it orders best what came next (`stack`)

A reading is brought to a scale of its own visitor: standardized over the items, squashed by sign(z) log(1 + |z|),
because a few items stand far out, and multiplied by mass / (1 + mass) of the history, because little history says
little.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Events, Float32, Float64, History, Indices
from personalize_local.engine.base.prefixes import history_row
from personalize_local.engine.linear import pairs
from personalize_local.engine.linear.cooccurrence import Cooccurrence
from personalize_local.engine.linear.ease import fit_ease
from personalize_local.engine.linear.ridge import NextItemRidge, head_of
from personalize_local.engine.linear.sparse_ridge import NEIGHBOURS, sparse_weights

MAX_ITEMS = 6000
"""Items with events up to which the weights are dense: 144 MB a part at this size, and 10 CPU seconds."""
SILENT: Final = 1e-9
"""Raw scores that differ by less say nothing: it is what rounding leaves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a part is fitted: its memory in events, its lambda, the memory of its targets; EASE has none of its own."""

    name: str
    tau: float
    ridge: float
    ahead: float = 0.0
    by_visitor: bool = False
    neighbours: int = NEIGHBOURS
    """Inputs of an item in the sparse form."""


PLANS: Final = (
    Plan("mood", tau=2.0, ridge=100.0, ahead=1.0),
    Plan("visit", tau=5.0, ridge=100.0),
    Plan("taste", tau=20.0, ridge=30.0),
    Plan("company", tau=5.0, ridge=100.0, by_visitor=True, neighbours=64),
)
NAMES: Final = tuple(plan.name for plan in PLANS)
MEMORY: Final = tuple(plan.tau for plan in PLANS)
LONGER: Final = (20.0, 50.0)
"""Other memories of parts whose weights are of whole visitors: they may be asked with any."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Fitted parts over the items of `head` [h]; other items get the signal of silence."""

    n_items: int
    reach: int
    head: Indices
    place: Indices
    """Shape [n_items]: the column of each item, -1 for those without."""
    weights: tuple[Float32 | sparse.csr_matrix, ...]
    """For each part: shape [h, h], dense or csr float32."""
    memory: tuple[float, ...] = MEMORY
    """For each part: the memory with which it is asked, in events."""

    @classmethod
    def fit(cls, events: Events, *, reach: int, memory: tuple[float, ...] = MEMORY) -> Self:
        """The parts of events in order. reach: newest events of a history that count; memory: as in the field."""
        seen = np.flatnonzero(np.bincount(events.item, minlength=events.n_items))
        if len(seen) > MAX_ITEMS:
            every = np.arange(events.n_items)
            sparse_forms = tuple(_sparse(plan, events, reach) for plan in PLANS)
            return cls(events.n_items, reach, every, every, sparse_forms, memory)
        head = head_of(events)
        weights = tuple(_dense(plan, events, head, reach) for plan in PLANS)
        return cls(events.n_items, reach, head, _places(head, events.n_items), weights, memory)

    @property
    def dense(self) -> bool:
        """The catalogue is small enough for weights between any two items."""
        return all(isinstance(weights, np.ndarray) for weights in self.weights)

    def signals(self, history: History) -> Float32:
        """What each part says of each item, shape [parts, n_items]; zeros for an empty history."""
        signals = np.zeros((len(PLANS), self.n_items), np.float32)
        for number, tau in enumerate(self.memory):
            signals[number] = self.signal(number, history, tau)
        return signals

    def signal(self, number: int, history: History, tau: float) -> Float32:
        """What one part says of each item when it is asked with this memory, shape [n_items]."""
        signal = np.zeros(self.n_items, np.float32)
        items, values = history_row(history, tau=tau, reach=self.reach)
        self.scale_into(signal, self.raw(number, items, values), float(values.sum()))
        return signal

    def raw(self, number: int, items: Indices, values: Float32) -> Float32:
        """What one part says of the items of `head` [h], unscaled, after a history of these items and values."""
        weights, places = self.weights[number], self.place[items]
        known = places >= 0
        places, values = places[known], values[known]
        if isinstance(weights, np.ndarray):
            dense: Float32 = values @ weights[places]
            return dense
        raw = np.zeros(weights.shape[1], np.float32)
        for item, value in zip(items[known].tolist(), values.tolist(), strict=True):
            self.hear(number, item, value, raw)
        return raw

    def hear(self, number: int, item: int, value: float, raw: Float32 | Float64) -> None:
        """Add to raw scores [h] what one part says after so much of an item."""
        weights, row = self.weights[number], self.place[item]
        if row < 0:
            return
        if isinstance(weights, np.ndarray):
            raw += np.multiply(weights[row], value, dtype=raw.dtype)
            return
        begin, end = weights.indptr[row], weights.indptr[row + 1]
        raw[weights.indices[begin:end]] += np.multiply(weights.data[begin:end], value, dtype=raw.dtype)

    def scale_into(self, signal: Float32, raw: Float32 | Float64, mass: float) -> None:
        """Write the signal [n_items] of a part's raw scores [h] after a history of this mass."""
        middle = float(raw.mean(dtype=np.float64)) if len(raw) else 0.0
        spread = float(raw.std(dtype=np.float64)) if len(raw) else 0.0
        if spread < SILENT:
            signal[:] = 0
            return
        confidence = np.float32(mass / (1 + mass))
        silence = -middle / spread
        signal[:] = np.copysign(np.log1p(abs(silence)), silence) * confidence
        speaking = np.flatnonzero(raw)
        standing = ((raw[speaking] - middle) / spread).astype(np.float32)
        signal[self.head[speaking]] = np.copysign(np.log1p(np.abs(standing)), standing) * confidence

    def pair(self, number: int, item: int, others: Indices) -> Float32:
        """What one part says of other items after this one alone, unscaled, shape of `others`."""
        weights, row, columns = self.weights[number], self.place[item], self.place[others]
        said = np.zeros(len(others), np.float32)
        if row < 0:
            return said
        if isinstance(weights, np.ndarray):
            values: Float32 = np.where(columns >= 0, weights[row, columns], np.float32(0))
            return values
        begin, end = weights.indptr[row], weights.indptr[row + 1]
        neighbours, data = weights.indices[begin:end], weights.data[begin:end]
        if len(neighbours):
            # Indices of a row are rising: `sparse_weights` leaves them so.
            at = np.minimum(np.searchsorted(neighbours, columns), len(neighbours) - 1)
            met = neighbours[at] == columns
            said[met] = data[at[met]]
        return said

    def pairs(self, number: int, item: Indices, others: Indices) -> Float32:
        """As `pair` for v items [v] (-1 for none) and the others of each [v, c], shape [v, c]."""
        weights = self.weights[number]
        row, columns = np.where(item >= 0, self.place[item], -1), self.place[others]
        known = (row[:, None] >= 0) & (columns >= 0)
        rows = np.maximum(row, 0)
        if isinstance(weights, np.ndarray):
            dense: Float32 = np.where(known, weights[rows[:, None], columns], np.float32(0))
            return dense
        of_rows = np.take_along_axis(weights[rows].toarray(), np.maximum(columns, 0), axis=1)
        return np.where(known, of_rows, np.float32(0))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "parts_shape": np.array([self.n_items, self.reach]),
            "parts_head": self.head,
            "parts_memory": np.array(self.memory),
        }
        for name, weights in zip(NAMES, self.weights, strict=True):
            dense = isinstance(weights, np.ndarray)
            arrays |= {f"parts_{name}": weights} if dense else storage.of_sparse(f"parts_{name}", weights)
        return arrays

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The parts that `arrays` gave."""
        n_items, reach = stored["parts_shape"].tolist()
        head = stored["parts_head"]
        shape = (len(head), len(head))
        weights = tuple(
            stored[name] if name in stored else storage.sparse_of(name, stored, shape)
            for name in (f"parts_{name}" for name in NAMES)
        )
        return cls(n_items, reach, head, _places(head, n_items), weights, tuple(stored["parts_memory"].tolist()))


def _dense(plan: Plan, events: Events, head: Indices, reach: int) -> Float32:
    if plan.by_visitor:
        return fit_ease(events, head, ridge=plan.ridge)
    nothing = sparse.csr_matrix((events.n_items, 0), dtype=np.float32)
    ridge = NextItemRidge.fit(events, nothing, tau=plan.tau, ridge=plan.ridge, reach=reach, ahead=plan.ahead)
    return ridge.weights


def _sparse(plan: Plan, events: Events, reach: int) -> sparse.csr_matrix:
    if plan.by_visitor:
        met = Cooccurrence.of(events)
        inner = (met.common + sparse.diags_array(met.users.astype(np.float32))).tocsr()
        # An item does not speak for itself: the targets are without the diagonal.
        return sparse_weights(inner, met.common, ridge=plan.ridge, neighbours=plan.neighbours)
    inner = pairs.gram(events, tau=plan.tau, reach=reach)
    return sparse_weights(inner, pairs.cross(events, tau=plan.tau, reach=reach, ahead=plan.ahead), ridge=plan.ridge)


def _places(head: Indices, n_items: int) -> Indices:
    places = np.full(n_items, -1, np.intp)
    places[head] = np.arange(len(head))
    return places
