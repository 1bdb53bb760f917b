"""Next-item ridge regression: predicts the item after a history, in closed form.

With X the histories before each event (`prefixes`), Y the items of the events, one-hot, and D the weights of the
events, B = (X'DX + lambda I)^-1 X'DY. The attributes are further columns of X (the attributes of the items in the
history) and of Y (the attributes of the next item), so items with few events use what was learned for their attributes.

The closed form is that of EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019) and SLIST
(Choi et al., "Session-aware Linear Item-Item Models", WWW 2021), with the next event as the target.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from personalize_local.engine.base.data import Events, Float32, Indices
from personalize_local.engine.base.decomposition import truncated
from personalize_local.engine.linear import pairs

MAX_ITEMS = 6000
"""Up to this number of items each has a column of its own: the matrices are dense, 144 MB at this size."""
_SINGLE_CONDITION: Final = 3e4
"""Systems up to this condition number are solved in single precision, which is right to two digits and twice as
fast."""


@dataclass(frozen=True, slots=True)
class NextItemRidge:
    """The fitted weights."""

    tau: float
    """The tau by which the events of a history decay, in events."""
    reach: int
    """The number of newest events of a history that count."""
    head: Indices
    """Shape [h], rising: the items with a column of their own."""
    weights: Float32
    """Shape [h + m, h + m]: from the items of `head` and the m attributes in a history to those of the next item."""

    @classmethod
    def fit(
        cls,
        events: Events,
        attributes: sparse.csr_matrix,
        *,
        tau: float,
        ridge: float,
        reach: int,
        rank: int | None = None,
        target_tau: float = 0.0,
    ) -> Self:
        """Fit to events in order.

        attributes: csr [n_items, m], m may be 0. ridge: lambda. rank: the weights are replaced by their nearest
        approximation of this rank. target_tau: as in `pairs.cross`.
        """
        head = head_of(events)
        item_columns = sparse.csr_matrix(
            (np.ones(len(head)), (head, np.arange(len(head)))), shape=(events.n_items, len(head)), dtype=np.float64
        )
        columns = sparse.hstack([item_columns, attributes], format="csr")
        gram = columns.T @ pairs.gram(events, tau=tau, reach=reach) @ columns
        cross_product = columns.T @ pairs.cross(events, tau=tau, reach=reach, target_tau=target_tau) @ columns
        solved = solve(gram, cross_product, ridge)
        if rank is not None and rank < len(solved):
            left, values, right = truncated(solved.astype(np.float64), rank)
            solved = (left * values) @ right
        # Row-major: a sparse product would copy a column-major matrix at every request.
        return cls(tau, reach, head, np.ascontiguousarray(solved, dtype=np.float32))

    def predict(self, rows: sparse.csr_matrix, attributes: sparse.csr_matrix) -> tuple[Float32, Float32]:
        """The predicted weights of each item [q, n_items] and of each attribute [q, m] in the next event.

        rows: csr [q, n_items], histories with this ridge's tau. Items without a column get 0.
        """
        inputs = sparse.hstack([rows[:, self.head], rows @ attributes], format="csr", dtype=np.float32)
        both = inputs @ self.weights
        items = np.zeros(rows.shape, np.float32)
        items[:, self.head] = both[:, : len(self.head)]
        return items, both[:, len(self.head) :]


def head_of(events: Events) -> Indices:
    """The items that get a column of their own, rising: those with events, but of many only the most frequent.

    Of equally frequent items the first. In catalogues over MAX_ITEMS a third of MAX_ITEMS: there the parts of the
    ranking pipeline are sparse and cover all items.
    """
    counts = np.bincount(events.item, minlength=events.n_items)
    seen = np.flatnonzero(counts)
    most = MAX_ITEMS if len(seen) <= MAX_ITEMS else MAX_ITEMS // 3
    return np.sort(seen[np.argsort(-counts[seen], kind="stable")[:most]])


def solve(gram: sparse.csr_matrix, cross_product: sparse.csr_matrix, ridge: float) -> npt.NDArray[np.floating[Any]]:
    """Shape [n, m], dense: (gram + ridge I)^-1 cross_product.

    gram: [n, n], symmetric and positive semidefinite. cross_product: [n, m].
    """
    bound = float(np.abs(gram).sum(axis=0).max()) if gram.nnz else 0.0
    precision = np.float32 if bound / ridge < _SINGLE_CONDITION else np.float64
    matrix = gram.toarray().astype(precision)
    matrix[np.diag_indices_from(matrix)] += precision(ridge)
    target = cross_product.toarray().astype(precision)
    factor = linalg.cho_factor(matrix, lower=True, overwrite_a=True)
    solved: npt.NDArray[np.floating[Any]] = linalg.cho_solve(factor, target, overwrite_b=True)
    return solved
