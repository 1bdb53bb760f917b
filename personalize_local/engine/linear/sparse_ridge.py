"""The ridge of a large catalogue: each item's weights from the few items that say most of it.

The dense solution has a weight for every pair of items. Here column j of B has few weights: those of
the inputs S whose single regressions explain most of j, solved together, b = (G_SS + lambda I)^-1 c_Sj. That is SLIM's
neighbourhood variant (Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011) with
the squared loss alone. Items with little evidence keep their single regressions, c_ij / (g_ii + lambda): beside lambda
their inputs' products hardly count.
"""

from typing import Final

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Indices

NEIGHBOURS: Final = 32
"""Inputs of one item."""
_SOLVED_FROM: Final = 0.1
"""Items whose strongest inputs' squares are below this share of lambda keep their single regressions."""
_MOST_SOLVED: Final = 20_000
"""Items with the most evidence that are solved: a thousand systems of a million items take a second."""
_BATCH: Final = 1024


def sparse_weights(
    inner: sparse.csr_matrix, outer: sparse.csr_matrix, *, ridge: float, neighbours: int = NEIGHBOURS
) -> sparse.csr_matrix:
    """Weights float32 csr [n, n], inputs in rows, at most `neighbours` in a column; the diagonal of `outer` counts too.

    inner: X'DX, symmetric csr [n, n]. outer: X'DY, csr [n, n].
    """
    n_items = inner.shape[0]
    own = inner.diagonal().astype(np.float32)
    inputs, crossed = _strongest(outer.tocsc(), own + np.float32(ridge), neighbours)
    weights = crossed / (np.append(own, np.float32(0))[inputs] + np.float32(ridge))
    inner.sort_indices()
    largest = np.append(own, np.float32(0))[inputs].max(axis=1, initial=0)
    solved = np.flatnonzero((crossed[:, 1:] > 0).any(axis=1) & (largest > _SOLVED_FROM * ridge))
    if len(solved) > _MOST_SOLVED:
        evidence = crossed[solved].sum(axis=1)
        solved = np.sort(solved[np.argsort(-evidence, kind="stable")[:_MOST_SOLVED]])
    for begin in range(0, len(solved), _BATCH):
        columns = solved[begin : begin + _BATCH]
        weights[columns] = _solved(inner, inputs[columns], crossed[columns], ridge)
    kept = (inputs < n_items) & (weights != 0)
    column = np.broadcast_to(np.arange(n_items)[:, None], inputs.shape)
    return sparse.csr_matrix((weights[kept], (inputs[kept], column[kept])), shape=(n_items, n_items))


def _strongest(outer: sparse.csc_matrix, scale: Float32, neighbours: int) -> tuple[Indices, Float32]:
    """For each column the rows that explain most of it, and their values, both [n, neighbours]; n for none."""
    n_items = outer.shape[1]
    column = np.repeat(np.arange(n_items), np.diff(outer.indptr))
    explained = outer.data.astype(np.float32) ** 2 / scale[outer.indices]
    order = np.lexsort((outer.indices, -explained, column))
    place = np.arange(len(order)) - np.repeat(outer.indptr[:-1], np.diff(outer.indptr))
    first = place < neighbours
    inputs = np.full((n_items, neighbours), n_items, np.intp)
    values = np.zeros((n_items, neighbours), np.float32)
    chosen = order[first]
    inputs[column[chosen], place[first]] = outer.indices[chosen]
    values[column[chosen], place[first]] = outer.data[chosen]
    return inputs, values


def _solved(inner: sparse.csr_matrix, inputs: Indices, crossed: Float32, ridge: float) -> Float32:
    """The weights of these columns, each from its own small system; places without an input get 0."""
    n_items, neighbours = inner.shape[0], inputs.shape[1]
    there = inputs < n_items
    known = np.where(there, inputs, 0)
    rows = np.repeat(known, neighbours, axis=1).ravel()
    columns = np.tile(known, (1, neighbours)).ravel()
    systems = np.asarray(inner[rows, columns], np.float32).reshape(len(inputs), neighbours, neighbours)
    systems *= there[:, :, None] & there[:, None, :]
    systems[:, np.arange(neighbours), np.arange(neighbours)] += np.float32(ridge)
    weights: Float32 = np.linalg.solve(systems, np.where(there, crossed, 0)[:, :, None])[:, :, 0]
    return weights
