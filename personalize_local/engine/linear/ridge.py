"""Next-item ridge regression: which items follow which histories, in closed form.

With X the histories before each event (`prefixes`) and Y the events' items, one-hot, B = (X'DX + lambda I)^-1 X'DY, D
the events' weights. Attributes are further columns of X (what kinds of item the history holds) and of Y (what kind
comes next), so that items with few events share the strength of their kind.

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
"""Items up to which each has a column of its own: the matrices are dense, 144 MB at this size."""
_SINGLE_CONDITION: Final = 3e4
"""Systems up to this condition are solved in single precision, which leaves over two digits and takes half the time."""


@dataclass(frozen=True, slots=True)
class NextItemRidge:
    """Fitted weights. `head` [h]: the items with a column of their own; the last m rows and columns are attributes."""

    tau: float
    reach: int
    head: Indices
    weights: Float32
    """Shape [h + m, h + m]."""

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
        ahead: float = 0.0,
    ) -> Self:
        """The ridge on `events` (in order). attributes: csr [n_items, m], m may be 0.

        rank: the weights are replaced by the nearest ones of this rank. ahead: the memory of targets, in events: later
        events of the visitor count as well, as exp(-steps / ahead); 0 for the next event alone.
        """
        head = head_of(events)
        own = sparse.csr_matrix(
            (np.ones(len(head)), (head, np.arange(len(head)))), shape=(events.n_items, len(head)), dtype=np.float64
        )
        columns = sparse.hstack([own, attributes], format="csr")
        inner = columns.T @ pairs.gram(events, tau=tau, reach=reach) @ columns
        outer = columns.T @ pairs.cross(events, tau=tau, reach=reach, ahead=ahead) @ columns
        solved = solve(inner, outer, ridge)
        if rank is not None and rank < len(solved):
            left, values, right = truncated(solved.astype(np.float64), rank)
            solved = (left * values) @ right
        # In rows: a sparse product would copy columns first, at every request.
        return cls(tau, reach, head, np.ascontiguousarray(solved, dtype=np.float32))

    def follow(self, rows: sparse.csr_matrix, attributes: sparse.csr_matrix) -> tuple[Float32, Float32]:
        """How likely each item and each attribute comes next: shapes [q, n_items] and [q, m].

        rows: csr [q, n_items] of histories at this ridge's tau. Items without a column get 0.
        """
        inputs = sparse.hstack([rows[:, self.head], rows @ attributes], format="csr", dtype=np.float32)
        both = inputs @ self.weights
        items = np.zeros(rows.shape, np.float32)
        items[:, self.head] = both[:, : len(self.head)]
        return items, both[:, len(self.head) :]


def head_of(events: Events) -> Indices:
    """The items that get a column of their own, rising: those with events, the most frequent ones when there are many.

    Of equally frequent items the first. In larger catalogues a third of MAX_ITEMS: there the parts of the stack are
    sparse and reach all items.
    """
    counts = np.bincount(events.item, minlength=events.n_items)
    seen = np.flatnonzero(counts)
    most = MAX_ITEMS if len(seen) <= MAX_ITEMS else MAX_ITEMS // 3
    return np.sort(seen[np.argsort(-counts[seen], kind="stable")[:most]])


def solve(inner: sparse.csr_matrix, outer: sparse.csr_matrix, ridge: float) -> npt.NDArray[np.floating[Any]]:
    """(inner + ridge I)^-1 outer, dense. inner: symmetric and positive semidefinite, shapes [n, n] and [n, m]."""
    bound = float(np.abs(inner).sum(axis=0).max()) if inner.nnz else 0.0
    precision = np.float32 if bound / ridge < _SINGLE_CONDITION else np.float64
    matrix = inner.toarray().astype(precision)
    matrix[np.diag_indices_from(matrix)] += precision(ridge)
    target = outer.toarray().astype(precision)
    factor = linalg.cho_factor(matrix, lower=True, overwrite_a=True)
    solved: npt.NDArray[np.floating[Any]] = linalg.cho_solve(factor, target, overwrite_b=True)
    return solved
