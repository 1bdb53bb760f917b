"""Tastes: the preferences of each user, as a random-coefficients logit in which a few events are enough.

The probability of item i is the softmax of b_i + v_i . z. b_i is the item's bias: how much everybody likes it. z is the
user's taste, a standard Gaussian vector of few dimensions. v_i is the item's loading vector: the sum of the loadings of
its attributes and of an offset of its own. So an item without events gets the loadings of its attributes, and what two
kinds of item have in common is learned once for all items of both.

McFadden and Train, "Mixed MNL models for discrete response" (2000). Biases and loadings, which all users share, are
fitted by stochastic gradient ascent; each user's z is drawn from its Laplace approximation (Tierney and Kadane 1986).
An event counts as far as it expresses a preference, and did not only continue with the kind of item of the event before
(`stickiness`). The z of a new user is computed from sums over their events, without training.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from personalize_local.engine.base.data import Events, Float32, Float64, Indices, Int32
from personalize_local.engine.base.shares import counts_of, prior_weight
from personalize_local.engine.choice.stickiness import preference_probability

DIMENSIONS = 10
MAX_ITEMS = 20_000
"""The most items for which tastes are learned: each step of the fit visits all of them."""
REPEAT_WEIGHT = 0.25
"""The weight of an event on the same item as the user's event before it, relative to any other event."""
_STEPS, _WARM_STEPS = 200, 60
"""Steps of the fit: from random loadings, and from tastes that were fitted to nearly the same events."""
_BATCH = 200
_LEARNING_RATE = 0.05
_PRECISION_OF_ATTRIBUTES, _PRECISION_OF_OFFSETS, _PRECISION_OF_BIAS = 2.0, 10.0, 5.0
"""Precisions of the Gaussian priors, in events: of the loadings of attributes, of the items' offsets, and of the items'
biases around the logarithms of their expected shares."""
_PRECISION_OF_OFFSETS_WITH_ATTRIBUTES = 30.0
"""The precision of the items' offsets where the items have attributes, which explain most already."""
_VARIANCE_BONUS, _VARIANCE_BONUS_WITH_ATTRIBUTES = 1.0, 0.5
"""How much of the posterior variance of a taste is added to the logits, for items without and with attributes. Less
with attributes: a preference for a kind has an upper end (nobody wants more than only cats), a Gaussian has none."""
_INITIAL_SCALE = 0.3
_ATTRIBUTE_RIDGE = 3.0
"""The penalty of the ridge that predicts the biases of items without events, in items."""
_MIN_EXPOSURE = 1e-6
_MAX_STEP_LENGTH = 2.0
_NEWTON_STEPS = 10
_TOLERANCE = 0.02


def taste_weights(events: Events) -> Float32:
    """The weight of each event in the estimate of its user's taste, shape [n]; `events` must be in order."""
    repeated = np.zeros(len(events), bool)
    repeated[1:] = (events.item[1:] == events.item[:-1]) & (events.user[1:] == events.user[:-1])
    return taste_weights_of(events.weight, repeated)


def taste_weights_of(weight: Float32, repeated: npt.NDArray[np.bool_]) -> Float32:
    """The same from the events' weights [n] and whether each is on the same item as the event before it [n]."""
    event_weights: Float32 = weight * np.where(repeated, np.float32(REPEAT_WEIGHT), np.float32(1))
    return event_weights


@dataclass(frozen=True, slots=True)
class Posterior:
    """The posterior distributions of the tastes of q users, Gaussian by the Laplace approximation."""

    mean: Float32
    """Shape [q, k]: the mode of each taste."""
    covariance: Float32
    """Shape [q, k, k]."""


@dataclass(frozen=True, slots=True)
class Tastes:
    """The fitted parameters that all users share."""

    attribute_loadings: Float32
    """Shape [m, k]: the loadings of each attribute."""
    item_offsets: Float32
    """Shape [n_items, k]: each item's own part of its loadings."""
    loadings: Float32
    """Shape [n_items, k]: item loadings, the sum of those of the item's attributes and of its offset."""
    item_bias: Float32
    """Shape [n_items]: the bias of each item at the times when it is in the catalogue."""
    exposed_bias: Float32
    """Shape [n_items]: the bias plus the logarithm of the item's exposure, for histories in which a late item was often
    not in the catalogue yet."""
    cold_variance: Float32
    """Shape [n_items]: the variance of an item's loadings, the same in each dimension; 0 for items with events."""
    item_space: "_ItemSpace" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_space", _ItemSpace.of(self.loadings, self.exposed_bias))

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a taste, k; 0 when no tastes could be learned."""
        return int(self.loadings.shape[1])

    @classmethod
    def fit(
        cls,
        events: Events,
        attributes: sparse.csr_matrix,
        share: Float64,
        exposure: Float64,
        *,
        fields: Int32,
        start: Self | None = None,
    ) -> Self:
        """Fit to events in order, whose mean weight is about one.

        attributes: csr [n_items, m]. share: [n_items], the expected share of events of each item. exposure: [n_items],
        the share of all events that happened while the item was in the catalogue. fields: [m], the field of each
        attribute. start: tastes fitted to nearly the same events, from which the fit continues.
        """
        n_items, m = attributes.shape
        log_exposure = np.log(np.maximum(exposure, _MIN_EXPOSURE)).astype(np.float32)
        expected = np.log(share).astype(np.float32)
        event_weights = taste_weights(events)
        if n_items <= MAX_ITEMS:
            event_weights = event_weights * preference_probability(events, attributes, fields)
        counts = sparse.csr_matrix((event_weights, (events.user, events.item)), shape=(events.n_users, n_items))
        counts = counts[np.diff(counts.indptr) > 1]
        k = DIMENSIONS if n_items <= MAX_ITEMS and counts.shape[0] else 0
        if not k:
            nothing = np.zeros((n_items, 0), np.float32)
            cold_variance = np.zeros(n_items, np.float32)
            return cls(np.zeros((m, 0), np.float32), nothing, nothing, expected, expected + log_exposure, cold_variance)
        rng = np.random.default_rng(0)
        if start is None or not start.dimensions:
            steps, item_offsets, item_bias = _STEPS, np.zeros((n_items, k), np.float32), expected.copy()
            attribute_loadings = _INITIAL_SCALE / np.float32(np.sqrt(k)) * rng.standard_normal((m, k), np.float32)
            if not m:
                item_offsets += _INITIAL_SCALE / np.float32(np.sqrt(k)) * rng.standard_normal((n_items, k), np.float32)
        else:
            steps, item_offsets, item_bias = _WARM_STEPS, start.item_offsets.copy(), start.item_bias.copy()
            attribute_loadings = start.attribute_loadings.copy()
        optimiser = _AdamFit(counts, attributes, expected, log_exposure, (attribute_loadings, item_offsets, item_bias))
        # The products are small: threads would wait for one another longer than they work.
        with threadpool_limits(1, user_api="blas"):
            optimiser.run(steps, rng)
        weights = counts_of(events)
        warm = weights > 0
        item_bias[~warm] = expected[~warm] + _predict_cold_bias(attributes, item_bias - expected, warm)
        cold_variance = np.where(warm, np.float32(0), _cold_variance(attributes, fields, attribute_loadings, weights))
        exposed_bias = item_bias + log_exposure
        return cls(attribute_loadings, item_offsets, optimiser.loadings(), item_bias, exposed_bias, cold_variance)

    def posterior(self, sums: Float32, total_weight: Float32) -> Posterior:
        """The tastes of q users, by Newton's method.

        sums: [q, k], the weighted sum of the loadings of each user's events. total_weight: [q], the sum of the weights.
        """
        mean: Float32 = np.zeros_like(sums)
        for _ in range(_NEWTON_STEPS):
            step, curvature = self.item_space.newton(sums, total_weight, mean)
            mean += step
            if np.abs(step).max(initial=0.0) < _TOLERANCE:
                break
        return Posterior(mean, np.linalg.inv(curvature))

    def posterior_of_each(self, sums: Float32, total_weight: Float32) -> Posterior:
        """As `posterior` of each user alone: no user takes more Newton steps because another converges later."""
        mean, covariance = np.zeros_like(sums), np.empty((*sums.shape, sums.shape[1]), np.float32)
        active = np.arange(len(sums))
        for number in range(_NEWTON_STEPS):
            step, curvature = self.item_space.newton(sums[active], total_weight[active], mean[active])
            mean[active] += step
            unfinished = np.abs(step).max(axis=1, initial=0.0) >= _TOLERANCE
            converged = ~unfinished if number < _NEWTON_STEPS - 1 else np.ones(len(active), bool)
            covariance[active[converged]] = np.linalg.inv(curvature[converged])
            active = active[~converged]
            if not len(active):
                break
        return Posterior(mean, covariance)

    def log_probabilities(self, sums: Float32, total_weight: Float32) -> Float32:
        """Shape [q, n_items]: the log-probability of each item as the choice of each user's taste."""
        logits = self._logits(self.posterior(sums, total_weight), len(total_weight))
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def probabilities(self, sums: Float32, total_weight: Float32) -> Float32:
        """Shape [q, n_items]: the probability of each item as the choice of each user's taste."""
        logits = self._logits(self.posterior_of_each(sums, total_weight), len(total_weight))
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def _logits(self, posterior: Posterior, count: int) -> Float32:
        """Shape [q, n_items]: the logits of the items under these tastes; the largest logit of each user is 0."""
        logits: Float32 = np.tile(self.item_bias, (count, 1))
        if self.dimensions:
            logits += posterior.mean @ self.loadings.T
            # The mean of exp(v . z) over the posterior of z is that of a log-normal: it grows with the variance of v .
            # z.
            with_attributes = bool(len(self.attribute_loadings))
            bonus = np.float32((_VARIANCE_BONUS_WITH_ATTRIBUTES if with_attributes else _VARIANCE_BONUS) / 2)
            logits += _twice_off_diagonal(posterior.covariance) @ (self.item_space.products.T * bonus)
            if self.cold_variance.any():
                # The same for the variance of v, the loadings of items without events.
                factor = (posterior.mean**2).sum(axis=1) / 2 + bonus * np.trace(posterior.covariance, axis1=1, axis2=2)
                logits += factor[:, None] * self.cold_variance
        logits -= logits.max(axis=1, keepdims=True)
        return logits

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            "taste_attribute_loadings": self.attribute_loadings,
            "taste_item_offsets": self.item_offsets,
            "taste_loadings": self.loadings,
            "taste_item_bias": self.item_bias,
            "taste_exposed_bias": self.exposed_bias,
            "taste_cold_variance": self.cold_variance,
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The tastes that `arrays` gave."""
        names = ("attribute_loadings", "item_offsets", "loadings", "item_bias", "exposed_bias", "cold_variance")
        return cls(*(stored[f"taste_{name}"] for name in names))


@dataclass(frozen=True, slots=True)
class _ItemSpace:
    """The items as Newton's method needs them."""

    loadings: Float32
    """Shape [n, k]: item loadings."""
    products: Float32
    """Shape [n, k (k + 1) / 2]: the products of any two loadings of an item."""
    exposed_bias: Float32
    """Shape [n]: as `Tastes.exposed_bias`."""

    @classmethod
    def of(cls, loadings: Float32, exposed_bias: Float32) -> Self:
        first, second = _upper(loadings.shape[1])
        return cls(loadings, loadings[:, first] * loadings[:, second], exposed_bias)

    def shares(self, mean: Float32) -> Float32:
        """Shape [q, n]: the probabilities of the items for q tastes [q, k]."""
        shares: Float32 = mean @ self.loadings.T
        shares += self.exposed_bias
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def newton(self, sums: Float32, total_weight: Float32, mean: Float32) -> tuple[Float32, Float32]:
        """A Newton step [q, k] towards the mode of each taste, and the negative curvature [q, k, k] where it starts."""
        shares = self.shares(mean)
        mean_loading = shares @ self.loadings
        curvature = _symmetric(shares @ self.products, mean.shape[1])
        curvature -= mean_loading[:, :, None] * mean_loading[:, None, :]
        curvature *= total_weight[:, None, None]
        curvature += np.eye(mean.shape[1], dtype=np.float32)
        slope = sums - total_weight[:, None] * mean_loading - mean
        step: Float32 = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        # Far from the mode the quadratic model overshoots.
        step *= np.minimum(1, _MAX_STEP_LENGTH / np.maximum(length, np.float32(1e-9)))
        return step, curvature


class _AdamFit:
    """Fits the shared parameters, in place: Adam (Kingma and Ba 2015) on batches of users."""

    def __init__(
        self,
        counts: sparse.csr_matrix,
        attributes: sparse.csr_matrix,
        expected: Float32,
        log_exposure: Float32,
        parameters: tuple[Float32, Float32, Float32],
    ) -> None:
        self.counts = counts
        self.total_weight = np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
        self.attributes, self.by_attribute = attributes, attributes.T.tocsr()
        with_attributes = bool(attributes.shape[1])
        self.precision_of_offsets = _PRECISION_OF_OFFSETS_WITH_ATTRIBUTES if with_attributes else _PRECISION_OF_OFFSETS
        self.expected, self.log_exposure = expected, log_exposure
        self.parameters = parameters
        self.tastes = np.zeros((counts.shape[0], parameters[1].shape[1]), np.float32)

    def loadings(self) -> Float32:
        """Shape [n_items, k]: item loadings."""
        attribute_loadings, item_offsets, _ = self.parameters
        return np.asarray(self.attributes @ attribute_loadings + item_offsets, dtype=np.float32)

    def run(self, steps: int, rng: np.random.Generator) -> None:
        """Take `steps` steps of gradient ascent; the learning rate falls towards the end."""
        means = [np.zeros_like(parameter) for parameter in self.parameters]
        squares = [np.zeros_like(parameter) for parameter in self.parameters]
        queue: Indices = np.empty(0, np.intp)
        for step in range(1, steps + 1):
            if not len(queue):
                queue = rng.permutation(self.counts.shape[0])
            chosen, queue = queue[:_BATCH], queue[_BATCH:]
            rate = _LEARNING_RATE * (1.0 if step <= 0.6 * steps else 0.3 if step <= 0.85 * steps else 0.1)
            gradients = self._gradients(
                chosen, rng, newton_steps=2 if step * _BATCH < 2 * len(self.total_weight) else 1
            )
            for parameter, gradient, mean, square in zip(self.parameters, gradients, means, squares, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.02 * (gradient * gradient - square)
                parameter += rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.98**step)) + 1e-6)

    def _gradients(
        self, chosen: Indices, rng: np.random.Generator, *, newton_steps: int
    ) -> tuple[Float32, Float32, Float32]:
        """The gradients on the chosen users, after `newton_steps` Newton steps of their tastes.

        Shapes [m, k], [n_items, k] and [n_items]: of attribute loadings, item offsets and item biases.
        """
        attribute_loadings, item_offsets, item_bias = self.parameters
        item_space = _ItemSpace.of(self.loadings(), item_bias + self.log_exposure)
        counts, total_weight, z = self.counts[chosen], self.total_weight[chosen], self.tastes[chosen]
        sums = np.asarray(counts @ item_space.loadings, dtype=np.float32)
        for _ in range(newton_steps):
            step, curvature = item_space.newton(sums, total_weight, z)
            z = z + step
        self.tastes[chosen] = z
        spread = np.linalg.cholesky(np.linalg.inv(curvature))
        drawn = z + np.matmul(spread, rng.standard_normal((*z.shape, 1), np.float32))[:, :, 0]
        predicted = item_space.shares(drawn)
        predicted *= total_weight[:, None]
        loading_gradient = counts.T @ drawn - predicted.T @ drawn
        bias_gradient = np.asarray(counts.sum(axis=0)).ravel() - predicted.sum(axis=0)
        part = np.float32(len(chosen) / self.counts.shape[0])
        return (
            self.by_attribute @ loading_gradient - _PRECISION_OF_ATTRIBUTES * part * attribute_loadings,
            loading_gradient - self.precision_of_offsets * part * item_offsets,
            bias_gradient - _PRECISION_OF_BIAS * part * (item_bias - self.expected),
        )


def _predict_cold_bias(attributes: sparse.csr_matrix, gap: Float32, warm: npt.NDArray[np.bool_]) -> Float32:
    """The gaps of the items without events, predicted from their attributes by a ridge on the items with events (warm).

    gap: [n_items], the bias less the logarithm of the expected share. It is the lower, the larger an item's loadings
    are: few users want such items, but these want them much. The fit of the biases sees items with events only.
    """
    if not warm.any():
        return np.zeros(int((~warm).sum()), np.float32)
    warm_attributes = attributes[warm]
    mean_gap = gap[warm].mean()
    gram = (warm_attributes.T @ warm_attributes).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += _ATTRIBUTE_RIDGE
    coefficients = np.linalg.solve(gram, warm_attributes.T @ (gap[warm] - mean_gap))
    return np.asarray(attributes[~warm] @ coefficients + mean_gap, dtype=np.float32)


def _cold_variance(
    attributes: sparse.csr_matrix, fields: Int32, attribute_loadings: Float32, counts: Float64
) -> Float32:
    """Shape [n_items]: the variance of the loadings that attributes predict for each item, the same in each dimension.

    The loadings of a value without events vary like those of the other values of its field; the more events its items
    had (counts [n_items]), the less they vary.
    """
    uncertainty = prior_weight(attributes.T @ counts)
    mean_square = (attribute_loadings**2).mean(axis=1)
    n_fields = int(fields.max(initial=-1)) + 1
    certainty = np.bincount(fields, weights=1 - uncertainty, minlength=n_fields)
    total = np.bincount(fields, weights=(1 - uncertainty) * mean_square, minlength=n_fields)
    variance = total / np.maximum(certainty, 1e-9)
    return np.asarray(attributes.power(2) @ (uncertainty * variance[fields]), dtype=np.float32)


@cache
def _upper(k: int) -> tuple[Indices, Indices]:
    """Rows and columns of the upper triangle of a square matrix [k, k]."""
    return np.triu_indices(k)


def _symmetric(upper: Float32, k: int) -> Float32:
    first, second = _upper(k)
    whole = np.empty((len(upper), k, k), np.float32)
    whole[:, first, second] = upper
    whole[:, second, first] = upper
    return whole


def _twice_off_diagonal(symmetric: Float32) -> Float32:
    first, second = _upper(symmetric.shape[1])
    return np.asarray(symmetric[:, first, second] * np.where(first == second, 1, 2), dtype=np.float32)
