"""The decomposition against the exact one."""

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base.decomposition import truncated


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("shape", [(12, 7), (90, 60), (60, 90)])
def test_what_is_kept_is_nearly_the_best(shape: tuple[int, int], as_sparse: bool) -> None:
    """The error of eight dimensions is within two percent of the least possible, and the factors are orthonormal."""
    rng = np.random.default_rng(1)
    exact = rng.normal(size=shape) @ np.diag(0.9 ** np.arange(shape[1]))
    left, values, right = truncated(sparse.csr_matrix(exact) if as_sparse else exact, 8)
    best = np.linalg.svd(exact, compute_uv=False)
    k = min(8, *shape)
    assert (shape[0], k) == left.shape
    assert (k, shape[1]) == right.shape
    np.testing.assert_allclose(left.T @ left, np.eye(k), atol=1e-9)
    assert np.linalg.norm(exact - left * values @ right) <= 1.02 * np.sqrt((best[k:] ** 2).sum()) + 1e-9
    assert values.tolist() == sorted(values.tolist(), reverse=True)


def test_it_is_the_same_every_time() -> None:
    """No randomness is left in the result."""
    matrix = np.random.default_rng(2).normal(size=(80, 50))
    for one, other in zip(truncated(matrix, 5), truncated(matrix, 5), strict=True):
        np.testing.assert_array_equal(one, other)
