"""The ridge of a large catalogue: each item has weights from only a few other items.

The dense solution has a weight for every pair of items. Here column j of B has few weights: those of the inputs S whose
single regressions explain most of j, solved together, b = (G_SS + lambda I)^-1 c_Sj. That is the neighbourhood variant
of SLIM (Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011) with only the squared
loss. Items with few events keep their single regressions, c_ij / (g_ii + lambda): the products of their inputs are
small relative to lambda.
"""

from typing import Final

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Indices

NEIGHBOURS: Final = 32
"""The most inputs of one item."""
_SOLVED_FROM: Final = 0.1
"""Items keep their single regressions when the largest g_ii of their inputs is below this share of lambda."""
_MAX_SOLVED: Final = 20_000
"""The most items that are solved, those with the largest targets: a thousand systems of a million items take a
second."""
_BATCH: Final = 1024


def sparse_weights(
    inner: sparse.csr_matrix, outer: sparse.csr_matrix, *, ridge: float, neighbours: int = NEIGHBOURS
) -> sparse.csr_matrix:
    """csr float32 [n, n]: the weights, inputs in rows, at most `neighbours` in a column.

    inner: X'DX, symmetric csr [n, n]. outer: X'DY, csr [n, n]; an item is an input of itself if the diagonal is not 0.
    """
    n_items = inner.shape[0]
    diagonal = inner.diagonal().astype(np.float32)
    inputs, targets = _strongest(outer.tocsc(), diagonal + np.float32(ridge), neighbours)
    weights = targets / (np.append(diagonal, np.float32(0))[inputs] + np.float32(ridge))
    inner.sort_indices()
    largest = np.append(diagonal, np.float32(0))[inputs].max(axis=1, initial=0)
    solved = np.flatnonzero((targets[:, 1:] > 0).any(axis=1) & (largest > _SOLVED_FROM * ridge))
    if len(solved) > _MAX_SOLVED:
        support = targets[solved].sum(axis=1)
        solved = np.sort(solved[np.argsort(-support, kind="stable")[:_MAX_SOLVED]])
    for begin in range(0, len(solved), _BATCH):
        columns = solved[begin : begin + _BATCH]
        weights[columns] = _solved(inner, inputs[columns], targets[columns], ridge)
    kept = (inputs < n_items) & (weights != 0)
    column = np.broadcast_to(np.arange(n_items)[:, None], inputs.shape)
    return sparse.csr_matrix((weights[kept], (inputs[kept], column[kept])), shape=(n_items, n_items))


def _strongest(outer: sparse.csc_matrix, scale: Float32, neighbours: int) -> tuple[Indices, Float32]:
    """For each column of `outer` the rows that explain most of it, and their values: [n, neighbours]; n for none."""
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


def _solved(inner: sparse.csr_matrix, inputs: Indices, targets: Float32, ridge: float) -> Float32:
    """Shape [b, neighbours]: the weights of b columns, each solved from its own small system; 0 without an input."""
    n_items, neighbours = inner.shape[0], inputs.shape[1]
    present = inputs < n_items
    known = np.where(present, inputs, 0)
    rows = np.repeat(known, neighbours, axis=1).ravel()
    columns = np.tile(known, (1, neighbours)).ravel()
    systems = np.asarray(inner[rows, columns], np.float32).reshape(len(inputs), neighbours, neighbours)
    systems *= present[:, :, None] & present[:, None, :]
    systems[:, np.arange(neighbours), np.arange(neighbours)] += np.float32(ridge)
    weights: Float32 = np.linalg.solve(systems, np.where(present, targets, 0)[:, :, None])[:, :, 0]
    return weights
