"""Co-occurrence of items: the number of users who interacted with both of two items."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Events, Float64, History

MAX_NEIGHBOURS = 1000
"""The most neighbours of an item that are kept, those with the most users in common."""
MAX_HISTORY = 500
"""The number of newest items of a user that make pairs: the number of pairs grows with its square."""
_BLOCK = 512
"""Items whose counts are in memory at a time, densely."""


@dataclass(frozen=True, slots=True)
class Cooccurrence:
    """Counts of users."""

    common: sparse.csr_matrix
    """csr float32 [n_items, n_items], zeros on the diagonal: the number of users in common of two items."""
    users: Float64
    """Shape [n_items]: the number of users of each item."""

    @classmethod
    def of(cls, events: Events) -> "Cooccurrence":
        """Count users with events of positive weight; a user counts once for a pair, however many events there are."""
        pairs = _distinct(events)
        interactions = sparse.csr_matrix(
            (np.ones(len(pairs), np.float32), (pairs.user, pairs.item)), shape=(events.n_users, events.n_items)
        )
        by_item = interactions.T.tocsr()
        blocks = [
            _strongest(by_item[start : start + _BLOCK] @ interactions, start)
            for start in range(0, events.n_items, _BLOCK)
        ]
        common = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, 0), dtype=np.float32)
        return cls(common, np.bincount(pairs.item, minlength=events.n_items).astype(np.float64))


def item_of(history: History) -> int | None:
    """The item for which similar items are wanted: the last one of positive weight in the history; None without one."""
    counting = np.flatnonzero(history.weight > 0)
    return int(history.item[counting[-1]]) if len(counting) else None


def _distinct(events: Events) -> Events:
    """Each user's newest event on each item, for the newest MAX_HISTORY items."""
    ordered = events.of(events.weight > 0).in_order()
    key = ordered.user.astype(np.int64) * max(events.n_items, 1) + ordered.item
    # The last event of each pair: unique gives the first of the reversed.
    last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
    kept = ordered.of(np.sort(last))
    ends = np.cumsum(np.bincount(kept.user, minlength=events.n_users))
    return kept.of(ends[kept.user] - np.arange(len(kept)) <= MAX_HISTORY)


def _strongest(counts: sparse.csr_matrix, first: int) -> sparse.csr_matrix:
    """Rows of counts, the first of them of item `first`: without the diagonal, with only the MAX_NEIGHBOURS largest."""
    counts = counts.tocoo()
    other = counts.col != counts.row + first
    row, column, value = counts.row[other], counts.col[other], counts.data[other]
    order = np.lexsort((column, -value, row))
    row, column, value = row[order], column[order], value[order]
    begins = np.searchsorted(row, np.arange(counts.shape[0]))
    kept = np.arange(len(row)) - begins[row] < MAX_NEIGHBOURS
    parts = (value[kept].astype(np.float32), (row[kept], column[kept]))
    return sparse.csr_matrix(parts, shape=counts.shape)
