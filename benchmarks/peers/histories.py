"""Training events as a matrix of visitors and items, and a history as a row that fades with age."""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, History


def visits(training: Events) -> sparse.csr_matrix:
    """Who took what: csr float32 [n_users, n_items], 1 where there is an event."""
    matrix = sparse.csr_matrix(
        (np.ones(len(training), np.float32), (training.user, training.item)),
        shape=(training.n_users, training.n_items),
    )
    matrix.data[:] = 1
    return matrix


def row(history: History, n_items: int, memory: float | None) -> Float32:
    """What a visitor took, shape [n_items]: 1 for each item, or exp(-age / memory), the age counted in events."""
    values = np.zeros(n_items, np.float32)
    if memory is None:
        values[history.item] = 1
    else:
        age = np.arange(len(history) - 1, -1, -1)
        np.maximum.at(values, history.item, np.exp(-age / memory).astype(np.float32))
    return values
