"""EASE: which items the same visitors meet, in closed form, whatever the order.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): with X the visitors' items, binary, and
P = (X'X + lambda I)^-1, the weights are B_ij = -P_ij / P_jj with a diagonal of zero.
"""

import numpy as np
from scipy import linalg, sparse

from personalize_local.engine.base.data import Events, Float32, Indices


def fit_ease(events: Events, head: Indices, *, ridge: float) -> Float32:
    """The weights [h, h] among the items of `head`: row i says what speaks for each item once i is in the history."""
    visited = sparse.csr_matrix(
        (np.ones(len(events), np.float32), (events.user, events.item)), shape=(events.n_users, events.n_items)
    )
    visited.sum_duplicates()
    visited.data[:] = 1
    visited = visited[:, head]
    if not len(head):
        return np.zeros((0, 0), np.float32)
    inner = (visited.T @ visited).toarray().astype(np.float32)
    inner[np.diag_indices_from(inner)] += np.float32(ridge)
    factor = linalg.cholesky(inner, lower=True, overwrite_a=True)
    precision, _ = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    # LAPACK fills one triangle alone.
    precision = np.tril(precision) + np.tril(precision, -1).T
    weights: Float32 = np.ascontiguousarray(-precision / np.diag(precision), dtype=np.float32)
    np.fill_diagonal(weights, 0)
    return weights
