"""Histories as sparse rows: the events of a user before each of their events, with weights that decay with age.

A row has for every item the sum of weight * exp(-age / tau) over the user's events on the item. The age is counted in
events: the last event has age 0. Only the last `reach` events count.
"""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, History, Indices


def positions(events: Events) -> Indices:
    """Shape [n]: the number of earlier events of the same user; `events` must be in order."""
    if not len(events):
        return np.empty(0, np.intp)
    starts = np.flatnonzero(np.r_[True, events.user[1:] != events.user[:-1]])
    lengths = np.diff(np.r_[starts, len(events)])
    return np.arange(len(events)) - np.repeat(starts, lengths)


def prefix_rows(events: Events, *, tau: float, reach: int) -> sparse.csr_matrix:
    """csr [n, n_items]: one row for each event, the user's history before it; `events` must be in order."""
    position = positions(events)
    rows, columns, values = [], [], []
    for lag in range(1, min(reach, int(position.max(initial=0))) + 1):
        targets = np.flatnonzero(position >= lag)
        rows.append(targets)
        columns.append(events.item[targets - lag])
        values.append(events.weight[targets - lag] * np.float32(np.exp(-(lag - 1) / tau)))
    shape = (len(events), events.n_items)
    if not rows:
        return sparse.csr_matrix(shape, dtype=np.float32)
    parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(parts, shape=shape, dtype=np.float32)


def history_row(history: History, *, tau: float, reach: int) -> tuple[Indices, Float32]:
    """The row of one history: its items [h], rising, and their values [h]."""
    item, weight = history.item[-reach:], history.weight[-reach:]
    age = np.arange(len(item) - 1, -1, -1, dtype=np.float64)
    items, of_event = np.unique(item, return_inverse=True)
    values = np.bincount(of_event, weights=weight * np.exp(-age / tau), minlength=len(items))
    counting = values > 0
    return items[counting].astype(np.intp), values[counting].astype(np.float32)
