"""EASE: an item-item regression on the items of each user, whatever their order, in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): with X the binary matrix of users and items and
P = (X'X + lambda I)^-1, the weights are B_ij = -P_ij / P_jj with a diagonal of zero.
"""

import numpy as np
from scipy import linalg, sparse

from personalize_local.engine.base.data import Events, Float32, Indices


def fit_ease(events: Events, head: Indices, *, ridge: float) -> Float32:
    """Shape [h, h]: the weights between the items of `head` [h]; row i has what item i of a history adds to each score.

    ridge: lambda.
    """
    interactions = sparse.csr_matrix(
        (np.ones(len(events), np.float32), (events.user, events.item)), shape=(events.n_users, events.n_items)
    )
    interactions.sum_duplicates()
    interactions.data[:] = 1
    interactions = interactions[:, head]
    if not len(head):
        return np.zeros((0, 0), np.float32)
    gram = (interactions.T @ interactions).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(ridge)
    factor = linalg.cholesky(gram, lower=True, overwrite_a=True)
    precision, _ = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    # LAPACK fills one triangle alone.
    precision = np.tril(precision) + np.tril(precision, -1).T
    weights: Float32 = np.ascontiguousarray(-precision / np.diag(precision), dtype=np.float32)
    np.fill_diagonal(weights, 0)
    return weights
