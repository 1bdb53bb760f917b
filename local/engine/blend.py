"""A conditional logit that blends evidence: the chance of an item is the softmax of a weighted sum of its features.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974). The weights are the maximum of the
likelihood of events that the features' makers have not seen, with a Gaussian prior, found by Newton's method; the
likelihood is concave, so the maximum is the only one. What comes out is calibrated by construction.
"""

import numpy as np

from local.engine.data import Float32, Float64, Indices

_MAX_STEPS = 30
_TOLERANCE = 1e-6
_MOST_HALVINGS = 40


def fit_weights(
    features: Float32, chosen: Indices, importance: Float64, *, prior: Float64, precision: float
) -> Float64:
    """The weights [k] under which the choices are most likely.

    features: [q, n, k], what speaks for each of n items at each of q choices. chosen: [q], the item that was chosen.
    importance: [q], how much each choice counts. prior: [k], where the weights stay without evidence, as firmly as
    `precision` says (in units of choices).
    """
    weights = prior.astype(np.float64).copy()
    if not len(chosen):
        return weights
    taken = features[np.arange(len(chosen)), chosen].astype(np.float64)
    value = _posterior(features, taken, importance, weights, prior, precision)
    for _ in range(_MAX_STEPS):
        gradient, curvature = _slope(features, taken, importance, weights)
        gradient -= precision * (weights - prior)
        curvature[np.diag_indices_from(curvature)] += precision
        step = np.linalg.solve(curvature, gradient)
        # Halve until it climbs: far from the maximum the quadratic model overshoots.
        for shorter in 0.5 ** np.arange(_MOST_HALVINGS):
            proposed = weights + shorter * step
            reached = _posterior(features, taken, importance, proposed, prior, precision)
            if reached >= value:
                break
        else:
            return weights
        gained, value, weights = reached - value, reached, proposed
        if gained < _TOLERANCE * max(1.0, abs(value)):
            break
    return weights


def _shares(features: Float32, weights: Float64) -> tuple[Float32, Float64]:
    logits = features @ weights.astype(np.float32)
    top = logits.max(axis=1, keepdims=True)
    shares = np.exp(logits - top)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, (top + np.log(total))[:, 0].astype(np.float64)


def _posterior(
    features: Float32, taken: Float64, importance: Float64, weights: Float64, prior: Float64, precision: float
) -> float:
    _, log_total = _shares(features, weights)
    likelihood = float(importance @ (taken @ weights - log_total))
    return likelihood - 0.5 * precision * float(np.sum((weights - prior) ** 2))


def _slope(features: Float32, taken: Float64, importance: Float64, weights: Float64) -> tuple[Float64, Float64]:
    shares, _ = _shares(features, weights)
    expected = np.matmul(shares[:, None, :], features)[:, 0, :].astype(np.float64)
    gradient = importance @ (taken - expected)
    scaled = features * np.sqrt(shares * importance.astype(np.float32)[:, None])[:, :, None]
    flat = scaled.reshape(-1, features.shape[2])
    second = (flat.T @ flat).astype(np.float64)
    curvature = second - (expected * importance[:, None]).T @ expected
    return gradient, curvature
