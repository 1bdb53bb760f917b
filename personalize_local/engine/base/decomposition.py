"""The truncated singular value decomposition, of dense and of sparse matrices, the same for the same input."""

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from personalize_local.engine.base.data import Float64

_OVERSAMPLING, _POWER_STEPS = 10, 2


def truncated(matrix: sparse.csr_matrix | npt.NDArray[np.float64], rank: int) -> tuple[Float64, Float64, Float64]:
    """The singular vectors and values of a matrix [n, m]: left [n, k], values [k] (falling) and right [k, m].

    k is at most `rank`. Exact when the matrix is hardly larger than the rank; otherwise by randomized projection, whose
    error is near the smallest possible (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review
    2011). The random numbers are always the same.
    """
    if rank + _OVERSAMPLING >= min(matrix.shape):
        dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
        left, values, right = linalg.svd(dense, full_matrices=False)
        return left[:, :rank], values[:rank], right[:rank]
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], rank + _OVERSAMPLING))
    basis = _orthonormal(matrix @ start)
    for _ in range(_POWER_STEPS):
        basis = _orthonormal(matrix @ _orthonormal(matrix.T @ basis))
    left, values, right = linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return (basis @ left)[:, :rank], values[:rank], right[:rank]


def _orthonormal(columns: Float64) -> Float64:
    basis: Float64 = linalg.qr(columns, mode="economic")[0]
    return basis
