"""A conditional logit that blends evidence: the chance of an item is the softmax of a weighted sum of its features.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974). The weights are the maximum of the
likelihood of events that the features' makers have not seen, with a Gaussian prior, found by Newton's method; the
likelihood is concave, so the maximum is the only one. What comes out is calibrated by construction.
"""

import numpy as np

from personalize_local.engine.base.data import Float32, Float64, Indices

_MAX_STEPS = 30
_TOLERANCE = 1e-6
_MOST_HALVINGS = 40


def fit_weights(
    features: Float32,
    chosen: Indices,
    importance: Float64,
    *,
    prior: Float64,
    precision: float,
    offset: Float32 | None = None,
) -> Float64:
    """The weights [k] under which the choices are most likely.

    features: [q, n, k], what speaks for each of n items at each of q choices. chosen: [q], the item that was chosen.
    importance: [q], how much each choice counts. prior: [k], where the weights stay without evidence, as firmly as
    `precision` says (in units of choices). offset: [q, n], what is added to the weighted sum as it is.
    """
    weights = prior.astype(np.float64).copy()
    if not len(chosen):
        return weights
    choices = _Choices(features, chosen, importance, offset)
    value = choices.likelihood(weights) - _distance(weights, prior, precision)
    for _ in range(_MAX_STEPS):
        gradient, curvature = choices.slope(weights)
        gradient -= precision * (weights - prior)
        curvature[np.diag_indices_from(curvature)] += precision
        step = np.linalg.solve(curvature, gradient)
        # Halve until it climbs: far from the maximum the quadratic model overshoots.
        for shorter in 0.5 ** np.arange(_MOST_HALVINGS):
            proposed = weights + shorter * step
            reached = choices.likelihood(proposed) - _distance(proposed, prior, precision)
            if reached >= value:
                break
        else:
            return weights
        gained, value, weights = reached - value, reached, proposed
        if gained < _TOLERANCE * max(1.0, abs(value)):
            break
    return weights


def _distance(weights: Float64, prior: Float64, precision: float) -> float:
    return 0.5 * precision * float(np.sum((weights - prior) ** 2))


class _Choices:
    """Who chose what among which features: the likelihood of weights, and its slope."""

    def __init__(self, features: Float32, chosen: Indices, importance: Float64, offset: Float32 | None) -> None:
        self._features, self._importance, self._offset = features, importance, offset
        rows = np.arange(len(chosen))
        self._taken = features[rows, chosen].astype(np.float64)
        self._given = 0.0 if offset is None else float(importance @ offset[rows, chosen].astype(np.float64))

    def likelihood(self, weights: Float64) -> float:
        """The logarithm of the chance of all choices."""
        _, log_total = self._shares(weights)
        return self._given + float(self._importance @ (self._taken @ weights - log_total))

    def slope(self, weights: Float64) -> tuple[Float64, Float64]:
        """The likelihood's gradient [k] and its negative curvature [k, k]."""
        features, importance = self._features, self._importance
        shares, _ = self._shares(weights)
        expected = np.matmul(shares[:, None, :], features)[:, 0, :].astype(np.float64)
        gradient = importance @ (self._taken - expected)
        scaled = features * np.sqrt(shares * importance.astype(np.float32)[:, None])[:, :, None]
        flat = scaled.reshape(-1, features.shape[2])
        second = (flat.T @ flat).astype(np.float64)
        curvature = second - (expected * importance[:, None]).T @ expected
        return gradient, curvature

    def _shares(self, weights: Float64) -> tuple[Float32, Float64]:
        logits = self._features @ weights.astype(np.float32)
        if self._offset is not None:
            logits += self._offset
        top = logits.max(axis=1, keepdims=True)
        shares = np.exp(logits - top)
        total = shares.sum(axis=1, keepdims=True)
        return shares / total, (top + np.log(total))[:, 0].astype(np.float64)
