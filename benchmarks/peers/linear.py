"""Peers in closed form: what most people took, and EASE."""

from typing import Any

import numpy as np
from scipy import linalg

from benchmarks.peers.histories import row, visits
from benchmarks.quality_child import Trained
from local.engine.data import Events, Float32, History, Int32


def popularity(training: Events, asked: Int32, validation: Int32, *, seed: int, **setting: Any) -> Trained:
    """Everybody gets the items with the most events."""
    counts = np.bincount(training.item, minlength=training.n_items).astype(np.float32)
    return Trained(score=lambda user, history: counts)


def ease(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    penalty: float,
    memory: float | None = None,
) -> Trained:
    """EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019).

    penalty: its lambda. memory: None as in the paper; a number lets the history fade when the model is asked.
    """
    taken = visits(training)
    gram = (taken.T @ taken).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = linalg.inv(gram, overwrite_a=True)
    weights = (inverse / -np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)

    def score(user: int, history: History) -> Float32:
        query = row(history, training.n_items, memory)
        items = np.flatnonzero(query)
        scores: Float32 = query[items] @ weights[items]
        return scores

    return Trained(score)
