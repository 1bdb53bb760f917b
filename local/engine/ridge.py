"""Next-item ridge regression: which items follow which histories, in closed form.

With X the histories before each event (`prefixes`) and Y the events' items, one-hot, B = (X'DX + lambda I)^-1 X'DY, D
the events' weights. Attributes are further columns of X (what kinds of item the history holds) and of Y (what kind
comes next), so that items with few events share the strength of their kind.

The closed form is that of EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019) and SLIST
(Choi et al., "Session-aware Linear Item-Item Models", WWW 2021), with the next event as the target.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import linalg, sparse

from local.engine.data import Events, Float32, Indices
from local.engine.decomposition import truncated
from local.engine.prefixes import prefix_rows

MAX_ITEMS = 6000
"""Items with a column of their own: the matrices are dense, 144 MB at this size. Rarer items share by attribute."""


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
    ) -> Self:
        """The ridge on `events` (in order). attributes: csr [n_items, m], m may be 0.

        rank: the weights are replaced by the nearest ones of this rank.
        """
        counts = np.bincount(events.item, minlength=events.n_items)
        seen = np.flatnonzero(counts)
        head = np.sort(seen[np.argsort(-counts[seen], kind="stable")[:MAX_ITEMS]])
        rows = prefix_rows(events, tau=tau, reach=reach)
        known = np.flatnonzero(np.diff(rows.indptr))
        rows = rows[known]
        inputs = sparse.hstack([rows[:, head], rows @ attributes], format="csr", dtype=np.float64)
        target = events.item[known]
        one_hot = sparse.csr_matrix(
            (np.ones(len(known)), (np.arange(len(known)), target)), shape=(len(known), events.n_items)
        )
        outputs = sparse.hstack([one_hot[:, head], one_hot @ attributes], format="csr", dtype=np.float64)
        weighted = inputs.multiply(events.weight[known, None]).tocsr().T
        gram = (weighted @ inputs).toarray()
        gram[np.diag_indices_from(gram)] += ridge
        solved = linalg.solve(gram, (weighted @ outputs).toarray(), assume_a="pos", overwrite_a=True, overwrite_b=True)
        if rank is not None and rank < len(solved):
            left, values, right = truncated(solved, rank)
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
