"""Scores as the API documents them: a softmax that sums to one, and a ranking in which ties have a fixed order."""

import numpy as np

from personalize_local.engine.base.data import Float32, Float64, Indices, Int32


def softmax(raw: Float32, items: Int32 | Indices | None = None) -> Float64:
    """Raw scores [n_items] as probabilities that sum to one: of all items, or of `items` only, in the order given.

    For recommendations the sum runs over the catalogue, for rankings over the list that is ranked
    (developer guide, "Recommendation scores" and "Personalized rankings").
    """
    chosen = (raw if items is None else raw[items]).astype(np.float64)
    if not len(chosen):
        return chosen
    shares: Float64 = np.exp(chosen - chosen.max())
    shares /= shares.sum()
    return shares


def ranking(raw: Float32, items: Int32 | Indices | None = None, limit: int | None = None) -> Indices:
    """The items by falling score, at most `limit`; items with equal scores keep the order in which they are given."""
    candidates = np.arange(len(raw), dtype=np.intp) if items is None else np.asarray(items, dtype=np.intp)
    scores = raw[candidates]
    if limit is not None and limit < len(scores) // 4:
        # Before the full sort: only items that can be in the answer, with all ties at its end.
        border = np.partition(scores, len(scores) - limit)[len(scores) - limit] if limit else np.inf
        kept = np.flatnonzero(scores >= border)
        candidates, scores = candidates[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:limit]
    return candidates[order]
