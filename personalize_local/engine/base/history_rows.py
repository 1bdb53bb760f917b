"""Many histories at once, as the sparse rows that models multiply with.

The single-history form of the same rows is `prefixes.history_row`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices


@dataclass(frozen=True, slots=True)
class HistoryRows:
    """The events of q histories, one after the other; oldest first within a history. Arrays have shape [n]."""

    size: int
    """How many histories: q."""
    n_items: int
    row: Indices
    """The history of each event, rising."""
    item: Indices
    weight: Float32
    time: Float64
    """Seconds since the epoch."""
    age: Indices
    """How many events of the same history came after it."""

    @classmethod
    def of(cls, histories: Sequence[History], n_items: int) -> Self:
        """The rows of these histories, weights as they are given."""
        lengths = np.array([len(history) for history in histories], np.intp)
        ends = np.cumsum(lengths)
        if not len(histories) or not ends[-1]:
            nothing = np.empty(0, np.intp)
            return cls(
                len(histories), n_items, nothing, nothing, np.empty(0, np.float32), np.empty(0, np.float64), nothing
            )
        return cls(
            len(histories),
            n_items,
            np.repeat(np.arange(len(histories)), lengths),
            np.concatenate([history.item for history in histories]).astype(np.intp),
            np.concatenate([history.weight for history in histories]),
            np.concatenate([history.time for history in histories]),
            np.repeat(ends, lengths) - np.arange(int(ends[-1])) - 1,
        )

    def decayed(self, *, tau: float, reach: int) -> sparse.csr_matrix:
        """csr float32 [q, n_items]: the sum of weight * exp(-age / tau) of each item's newest `reach` events.

        Items whose events weigh nothing have no entry.
        """
        counting = np.flatnonzero((self.age < reach) & (self.weight > 0))
        values = self.weight[counting] * np.exp(-self.age[counting] / tau)
        return self.matrix(self.row[counting], self.item[counting], values)

    def matrix(self, row: Indices, item: Indices, values: Float32 | Float64) -> sparse.csr_matrix:
        """csr float32 [q, n_items] of these entries; those of one place are added in double precision."""
        entries = (np.asarray(values, np.float64), (row, item))
        return sparse.csr_matrix(entries, shape=(self.size, self.n_items)).astype(np.float32)
