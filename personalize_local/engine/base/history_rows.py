"""Many histories at once, as the sparse rows that models multiply by their weights.

`prefixes.history_row` gives the same row for a single history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices


@dataclass(frozen=True, slots=True)
class HistoryRows:
    """The n events of q histories, one history after the other, the events of each oldest first."""

    size: int
    """The number of histories, q."""
    n_items: int
    row: Indices
    """Shape [n], rising: the number of the history of each event."""
    item: Indices
    """Shape [n]: the item of each event."""
    weight: Float32
    """Shape [n]: the importance of each event."""
    time: Float64
    """Shape [n]: seconds since the epoch."""
    age: Indices
    """Shape [n]: the number of later events in the same history."""

    @classmethod
    def of(cls, histories: Sequence[History], n_items: int) -> Self:
        """The events of these histories, with their weights."""
        lengths = np.array([len(history) for history in histories], np.intp)
        ends = np.cumsum(lengths)
        if not len(histories) or not ends[-1]:
            no_events = np.empty(0, np.intp)
            return cls(
                len(histories),
                n_items,
                no_events,
                no_events,
                np.empty(0, np.float32),
                np.empty(0, np.float64),
                no_events,
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
        """csr float32 [q, n_items]: for each item the sum of weight * exp(-age / tau) over its events.

        Only the newest `reach` events of each history count. Items whose events have weight 0 have no entry.
        """
        counting = np.flatnonzero((self.age < reach) & (self.weight > 0))
        values = self.weight[counting] * np.exp(-self.age[counting] / tau)
        return self.matrix(self.row[counting], self.item[counting], values)

    def matrix(self, row: Indices, item: Indices, values: Float32 | Float64) -> sparse.csr_matrix:
        """csr float32 [q, n_items] of these entries; entries of the same row and item are added in double precision."""
        entries = (np.asarray(values, np.float64), (row, item))
        return sparse.csr_matrix(entries, shape=(self.size, self.n_items)).astype(np.float32)
