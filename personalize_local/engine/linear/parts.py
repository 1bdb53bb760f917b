"""The closed-form parts of the default model: four linear models, each with a signal for every item.

part          tau of the history      model
ridge_tau2    2 events                next-item ridge; its targets are all following events, with falling weights
ridge_tau5    5 events                next-item ridge
ridge_tau20   20 events               next-item ridge
ease          5, 20 or 50 events      EASE, item-item regression on users, whatever the order of their events; the tau
                                      that ranks the next items best is chosen in training (`ranking/pipeline.py`)

A signal is a score on a scale that is comparable between users: standardized over the items to z, transformed to
sign(z) log(1 + |z|), because a few items have extreme scores, and multiplied by mass / (1 + mass) of the history,
because a short history says little.
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
"""Up to this number of items with events the weights are dense: 144 MB and 10 CPU seconds for each part at this
size."""
MIN_SPREAD: Final = 1e-9
"""Raw scores with a smaller standard deviation are taken as equal: they differ by rounding only."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """How a part is fitted."""

    name: str
    tau: float
    """The tau of the history, in events; for EASE the shortest of the taus from which training chooses."""
    ridge: float
    """Lambda."""
    target_tau: float = 0.0
    """The tau of the following events as targets; 0 when only the next event is a target."""
    by_user: bool = False
    """Whether the part is EASE."""
    neighbours: int = NEIGHBOURS
    """The most inputs of an item in the sparse form."""


PART_SPECS: Final = (
    PartSpec("ridge_tau2", tau=2.0, ridge=100.0, target_tau=1.0),
    PartSpec("ridge_tau5", tau=5.0, ridge=100.0),
    PartSpec("ridge_tau20", tau=20.0, ridge=30.0),
    PartSpec("ease", tau=5.0, ridge=100.0, by_user=True, neighbours=64),
)
NAMES: Final = tuple(plan.name for plan in PART_SPECS)
MEMORY: Final = tuple(plan.tau for plan in PART_SPECS)
LONGER_MEMORIES: Final = (20.0, 50.0)
"""Longer taus from which training chooses for EASE, whose weights do not depend on tau."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The fitted parts."""

    n_items: int
    reach: int
    """The number of newest events of a history that count."""
    head: Indices
    """Shape [h], rising: the items with weights; the other items get the signal of a raw score of 0."""
    column_of_item: Indices
    """Shape [n_items]: the column of each item in the weights, -1 for items without."""
    weights: tuple[Float32 | sparse.csr_matrix, ...]
    """For each part, shape [h, h], dense or csr float32: what an item of the history (row) adds to each score
    (column)."""
    memory: tuple[float, ...] = MEMORY
    """For each part: the tau with which it reads a history, in events."""

    @classmethod
    def fit(cls, events: Events, *, reach: int, memory: tuple[float, ...] = MEMORY) -> Self:
        """Fit to events in order; reach, memory: as in the fields."""
        seen = np.flatnonzero(np.bincount(events.item, minlength=events.n_items))
        if len(seen) > MAX_ITEMS:
            all_items = np.arange(events.n_items)
            sparse_forms = tuple(_sparse(plan, events, reach) for plan in PART_SPECS)
            return cls(events.n_items, reach, all_items, all_items, sparse_forms, memory)
        head = head_of(events)
        weights = tuple(_dense(plan, events, head, reach) for plan in PART_SPECS)
        return cls(events.n_items, reach, head, _places(head, events.n_items), weights, memory)

    @property
    def dense(self) -> bool:
        """Whether the catalogue is small enough for weights between any two items."""
        return all(isinstance(weights, np.ndarray) for weights in self.weights)

    def signals(self, history: History) -> Float32:
        """Shape [parts, n_items]: the signal of each part for each item; zeros for an empty history."""
        signals = np.zeros((len(PART_SPECS), self.n_items), np.float32)
        for number, tau in enumerate(self.memory):
            signals[number] = self.signal(number, history, tau)
        return signals

    def signal(self, number: int, history: History, tau: float) -> Float32:
        """Shape [n_items]: the signal of part `number` for each item, with this tau."""
        signal = np.zeros(self.n_items, np.float32)
        items, values = history_row(history, tau=tau, reach=self.reach)
        self.scale_into(signal, self.raw(number, items, values), float(values.sum()))
        return signal

    def raw(self, number: int, items: Indices, values: Float32) -> Float32:
        """Shape [h]: the raw scores of part `number` for the items of `head`, after a row of these items and values."""
        weights, places = self.weights[number], self.column_of_item[items]
        known = places >= 0
        places, values = places[known], values[known]
        if isinstance(weights, np.ndarray):
            dense: Float32 = values @ weights[places]
            return dense
        raw = np.zeros(weights.shape[1], np.float32)
        for item, value in zip(items[known].tolist(), values.tolist(), strict=True):
            self.add_scores(number, item, value, raw)
        return raw

    def add_scores(self, number: int, item: int, value: float, raw: Float32 | Float64) -> None:
        """Add to raw scores [h], in place, the scores of part `number` after an item with this value."""
        weights, row = self.weights[number], self.column_of_item[item]
        if row < 0:
            return
        if isinstance(weights, np.ndarray):
            raw += np.multiply(weights[row], value, dtype=raw.dtype)
            return
        begin, end = weights.indptr[row], weights.indptr[row + 1]
        raw[weights.indices[begin:end]] += np.multiply(weights.data[begin:end], value, dtype=raw.dtype)

    def scale_into(self, signal: Float32, raw: Float32 | Float64, mass: float) -> None:
        """Write into `signal` [n_items] the signal of raw scores [h], after a history with this sum of values."""
        mean = float(raw.mean(dtype=np.float64)) if len(raw) else 0.0
        std = float(raw.std(dtype=np.float64)) if len(raw) else 0.0
        if std < MIN_SPREAD:
            signal[:] = 0
            return
        confidence = np.float32(mass / (1 + mass))
        zero_score = -mean / std
        signal[:] = np.copysign(np.log1p(abs(zero_score)), zero_score) * confidence
        nonzero = np.flatnonzero(raw)
        z_scores = ((raw[nonzero] - mean) / std).astype(np.float32)
        signal[self.head[nonzero]] = np.copysign(np.log1p(np.abs(z_scores)), z_scores) * confidence

    def pair_score(self, number: int, item: int, others: Indices) -> Float32:
        """The raw scores of part `number` for `others` after only this item, the shape of `others`."""
        weights, row, columns = self.weights[number], self.column_of_item[item], self.column_of_item[others]
        scores = np.zeros(len(others), np.float32)
        if row < 0:
            return scores
        if isinstance(weights, np.ndarray):
            values: Float32 = np.where(columns >= 0, weights[row, columns], np.float32(0))
            return values
        begin, end = weights.indptr[row], weights.indptr[row + 1]
        neighbours, data = weights.indices[begin:end], weights.data[begin:end]
        if len(neighbours):
            # The indices of a row are rising: `sparse_weights` sorts them.
            at = np.minimum(np.searchsorted(neighbours, columns), len(neighbours) - 1)
            found = neighbours[at] == columns
            scores[found] = data[at[found]]
        return scores

    def pair_scores(self, number: int, item: Indices, others: Indices) -> Float32:
        """Shape [v, c]: as `pair_score` for v items [v] (-1 for none) and others [v, c] for each of them."""
        weights = self.weights[number]
        row, columns = np.where(item >= 0, self.column_of_item[item], -1), self.column_of_item[others]
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
        """The parts that `arrays` stored."""
        n_items, reach = stored["parts_shape"].tolist()
        head = stored["parts_head"]
        shape = (len(head), len(head))
        weights = tuple(
            stored[name] if name in stored else storage.sparse_of(name, stored, shape)
            for name in (f"parts_{name}" for name in NAMES)
        )
        return cls(n_items, reach, head, _places(head, n_items), weights, tuple(stored["parts_memory"].tolist()))


def _dense(plan: PartSpec, events: Events, head: Indices, reach: int) -> Float32:
    if plan.by_user:
        return fit_ease(events, head, ridge=plan.ridge)
    no_attributes = sparse.csr_matrix((events.n_items, 0), dtype=np.float32)
    ridge = NextItemRidge.fit(
        events, no_attributes, tau=plan.tau, ridge=plan.ridge, reach=reach, target_tau=plan.target_tau
    )
    return ridge.weights


def _sparse(plan: PartSpec, events: Events, reach: int) -> sparse.csr_matrix:
    if plan.by_user:
        found = Cooccurrence.of(events)
        inner = (found.common + sparse.diags_array(found.users.astype(np.float32))).tocsr()
        # An item is not an input of itself: the targets have no diagonal.
        return sparse_weights(inner, found.common, ridge=plan.ridge, neighbours=plan.neighbours)
    inner = pairs.gram(events, tau=plan.tau, reach=reach)
    return sparse_weights(
        inner, pairs.cross(events, tau=plan.tau, reach=reach, target_tau=plan.target_tau), ridge=plan.ridge
    )


def _places(head: Indices, n_items: int) -> Indices:
    places = np.full(n_items, -1, np.intp)
    places[head] = np.arange(len(head))
    return places
