"""The conditional logit that blends features: the probability of an item is the softmax of their weighted sum.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974). The weights maximize the likelihood of
events on which the features were not fitted, with a Gaussian prior, by Newton's method. The likelihood is concave, so
there is one maximum. The probabilities are calibrated by construction.
"""

import numpy as np

from personalize_local.engine.base.data import Float32, Float64, Indices

_MAX_STEPS = 30
_TOLERANCE = 1e-6
_MAX_HALVINGS = 40


def fit_weights(
    features: Float32,
    chosen: Indices,
    importance: Float64,
    *,
    prior: Float64,
    precision: float,
    offset: Float32 | None = None,
) -> Float64:
    """Shape [k]: the weights of the features that maximize the posterior probability of the choices.

    features: [q, n, k], of each of n items at each of q choices. chosen: [q], the item of each choice. importance: [q],
    the weight of each choice in the likelihood. prior: [k], the mean of the Gaussian prior. precision: that of the
    prior, in choices. offset: [q, n], what is added to the weighted sums without a weight.
    """
    weights = prior.astype(np.float64).copy()
    if not len(chosen):
        return weights
    choices = _Choices(features, chosen, importance, offset)
    value = choices.likelihood(weights) - _penalty(weights, prior, precision)
    for _ in range(_MAX_STEPS):
        gradient, curvature = choices.derivatives(weights)
        gradient -= precision * (weights - prior)
        curvature[np.diag_indices_from(curvature)] += precision
        step = np.linalg.solve(curvature, gradient)
        # Halve the step until the value rises: far from the maximum the quadratic model overshoots.
        for scale in 0.5 ** np.arange(_MAX_HALVINGS):
            proposed = weights + scale * step
            reached = choices.likelihood(proposed) - _penalty(proposed, prior, precision)
            if reached >= value:
                break
        else:
            return weights
        gained, value, weights = reached - value, reached, proposed
        if gained < _TOLERANCE * max(1.0, abs(value)):
            break
    return weights


def _penalty(weights: Float64, prior: Float64, precision: float) -> float:
    return 0.5 * precision * float(np.sum((weights - prior) ** 2))


class _Choices:
    """The choices and their features: the likelihood of weights, and its derivatives."""

    def __init__(self, features: Float32, chosen: Indices, importance: Float64, offset: Float32 | None) -> None:
        self._features, self._importance, self._offset = features, importance, offset
        rows = np.arange(len(chosen))
        self._chosen_features = features[rows, chosen].astype(np.float64)
        self._chosen_offset = 0.0 if offset is None else float(importance @ offset[rows, chosen].astype(np.float64))

    def likelihood(self, weights: Float64) -> float:
        """The log-likelihood of all choices."""
        _, log_total = self._shares(weights)
        return self._chosen_offset + float(self._importance @ (self._chosen_features @ weights - log_total))

    def derivatives(self, weights: Float64) -> tuple[Float64, Float64]:
        """The gradient [k] of the log-likelihood and its negative Hessian [k, k]."""
        features, importance = self._features, self._importance
        shares, _ = self._shares(weights)
        expected = np.matmul(shares[:, None, :], features)[:, 0, :].astype(np.float64)
        gradient = importance @ (self._chosen_features - expected)
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
