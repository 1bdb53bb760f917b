"""Training events as a matrix of users and items, and a history as a row that decays with age."""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, History


def interaction_matrix(training: Events) -> sparse.csr_matrix:
    """csr float32 [n_users, n_items]: 1 where there is an event."""
    matrix = sparse.csr_matrix(
        (np.ones(len(training), np.float32), (training.user, training.item)),
        shape=(training.n_users, training.n_items),
    )
    matrix.data[:] = 1
    return matrix


def history_row(history: History, n_items: int, memory: float | None) -> Float32:
    """Shape [n_items]: for each item of the history 1, or with a memory exp(-age / memory), with the age in events."""
    values = np.zeros(n_items, np.float32)
    if memory is None:
        values[history.item] = 1
    else:
        age = np.arange(len(history) - 1, -1, -1)
        np.maximum.at(values, history.item, np.exp(-age / memory).astype(np.float32))
    return values
