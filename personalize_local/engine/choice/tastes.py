"""Tastes: what each visitor wants, as a random-coefficients logit in which a few events place a visitor.

The chance of item i is the softmax of a_i + v_i . z: its appeal to everybody, and how it lies with the visitor's taste
z, a standard Gaussian of few dimensions. v_i is the sum of what the item's attributes say and of what is its own, so an
item without events lies where its kind lies, and what two kinds have in common is learned once for all their items.

McFadden and Train, "Mixed MNL models for discrete response" (2000). The population's part is fitted by stochastic
gradient ascent, each visitor's z drawn from its Laplace approximation (Tierney and Kadane 1986), from events in so far
as they were chosen and did not only stay with the kind of the one before (`staying`). A new visitor's z is found from
sums over their events, so an event changes it in one sparse update.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from personalize_local.engine.base.data import Events, Float32, Float64, Indices, Int32
from personalize_local.engine.base.shares import counts_of, unproven
from personalize_local.engine.choice.stickiness import by_taste

DIMENSIONS = 10
MAX_ITEMS = 20_000
"""Items for which tastes are learned: each step looks at all of them."""
REPEATED = 0.25
"""How much an event says of the taste that only goes on with the item of the event before it."""
_STEPS, _FEWER_STEPS = 200, 60
"""Steps of the fit, from nothing and from tastes that were fitted to nearly the same events."""
_BATCH = 200
_LEARNING_RATE = 0.05
_PRECISION_OF_ATTRIBUTES, _PRECISION_OF_OWN, _PRECISION_OF_APPEAL = 2.0, 10.0, 5.0
"""Gaussian priors, in events' worth: of what attributes say, of what is an item's own, and of how appeals differ."""
_PRECISION_BESIDE_ATTRIBUTES = 30.0
"""Of what is an item's own where attributes say most of it already."""
_WORTH_OF_UNKNOWN, _WORTH_BESIDE_ATTRIBUTES = 1.0, 0.5
"""How much counts what is not known of a taste, by itself and where attributes place the items: wants of kinds have an
end (nobody wants more than cats alone), a Gaussian has none."""
_FIRST_SIZE = 0.3
_ATTRIBUTE_RIDGE = 3.0
"""How firmly the gaps of items without events stay at the mean, in items' worth."""
_LEAST_EXPOSURE = 1e-6
_LONGEST_STEP = 2.0
_NEWTON_STEPS = 10
_NEAR = 0.02


def evidence(events: Events) -> Float32:
    """How much each event says of its visitor's taste, shape [n]; `events` must be in order."""
    repeated = np.zeros(len(events), bool)
    repeated[1:] = (events.item[1:] == events.item[:-1]) & (events.user[1:] == events.user[:-1])
    return evidence_of(events.weight, repeated)


def evidence_of(weight: Float32, repeated: npt.NDArray[np.bool_]) -> Float32:
    """The same from the events' weights and whether each only goes on with the item before it."""
    said: Float32 = weight * np.where(repeated, np.float32(REPEATED), np.float32(1))
    return said


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of q visitors' tastes: mean [q, k] and covariance [q, k, k]."""

    mean: Float32
    covariance: Float32


@dataclass(frozen=True, slots=True)
class Tastes:
    """The population's part: where the items lie, and what tastes are made of."""

    of_attributes: Float32
    """Shape [m, k]."""
    own: Float32
    """Shape [n_items, k]."""
    loadings: Float32
    """Shape [n_items, k]: both together."""
    appeal: Float32
    """Shape [n_items]: of each item while it is listed."""
    met: Float32
    """Shape [n_items]: the same less for items that came late, as the events behind the histories met them."""
    unknown: Float32
    """Shape [n_items]: the variance, in each dimension, of where an item without events lies; 0 where it was met."""
    plane: "_Plane" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plane", _Plane.of(self.loadings, self.met))

    @property
    def dimensions(self) -> int:
        """How many dimensions a taste has; 0 when none could be learned."""
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
        """The tastes behind events in order, with a mean weight of about one.

        attributes: csr [n_items, m]. fields: the field of each attribute [m]. share: the share of events that each item
        may expect [n_items]. exposure: the share of the events that came while it was listed. start: tastes fitted to
        nearly the same events, or None.
        """
        n_items, m = attributes.shape
        log_exposure = np.log(np.maximum(exposure, _LEAST_EXPOSURE)).astype(np.float32)
        expected = np.log(share).astype(np.float32)
        said = evidence(events)
        if n_items <= MAX_ITEMS:
            said = said * by_taste(events, attributes, fields)
        counts = sparse.csr_matrix((said, (events.user, events.item)), shape=(events.n_users, n_items))
        counts = counts[np.diff(counts.indptr) > 1]
        k = DIMENSIONS if n_items <= MAX_ITEMS and counts.shape[0] else 0
        if not k:
            nothing = np.zeros((n_items, 0), np.float32)
            unknown = np.zeros(n_items, np.float32)
            return cls(np.zeros((m, 0), np.float32), nothing, nothing, expected, expected + log_exposure, unknown)
        rng = np.random.default_rng(0)
        if start is None or not start.dimensions:
            steps, own, appeal = _STEPS, np.zeros((n_items, k), np.float32), expected.copy()
            of_attributes = _FIRST_SIZE / np.float32(np.sqrt(k)) * rng.standard_normal((m, k), np.float32)
            if not m:
                own += _FIRST_SIZE / np.float32(np.sqrt(k)) * rng.standard_normal((n_items, k), np.float32)
        else:
            steps, own, appeal = _FEWER_STEPS, start.own.copy(), start.appeal.copy()
            of_attributes = start.of_attributes.copy()
        climb = _AdamFit(counts, attributes, expected, log_exposure, (of_attributes, own, appeal))
        # The products are small: threads would wait for one another longer than they work.
        with threadpool_limits(1, user_api="blas"):
            climb.run(steps, rng)
        weights = counts_of(events)
        met = weights > 0
        appeal[~met] = expected[~met] + _foretold(attributes, appeal - expected, met)
        unknown = np.where(met, np.float32(0), _not_known(attributes, fields, of_attributes, weights))
        return cls(of_attributes, own, climb.loadings(), appeal, appeal + log_exposure, unknown)

    def of(self, sums: Float32, amount: Float32) -> Posterior:
        """The tastes of q visitors, from the sum of the loadings of their events [q, k] and how much these say [q]."""
        mean: Float32 = np.zeros_like(sums)
        for _ in range(_NEWTON_STEPS):
            step, curvature = self.plane.newton(sums, amount, mean)
            mean += step
            if np.abs(step).max(initial=0.0) < _NEAR:
                break
        return Posterior(mean, np.linalg.inv(curvature))

    def of_each(self, sums: Float32, amount: Float32) -> Posterior:
        """As `of` for each visitor alone: nobody takes more steps because another's taste is farther away."""
        mean, covariance = np.zeros_like(sums), np.empty((*sums.shape, sums.shape[1]), np.float32)
        moving = np.arange(len(sums))
        for number in range(_NEWTON_STEPS):
            step, curvature = self.plane.newton(sums[moving], amount[moving], mean[moving])
            mean[moving] += step
            still = np.abs(step).max(axis=1, initial=0.0) >= _NEAR
            ended = ~still if number < _NEWTON_STEPS - 1 else np.ones(len(moving), bool)
            covariance[moving[ended]] = np.linalg.inv(curvature[ended])
            moving = moving[~ended]
            if not len(moving):
                break
        return Posterior(mean, covariance)

    def log_chances(self, sums: Float32, amount: Float32) -> Float32:
        """The logarithm of each item's chance to be what the taste chooses, shape [q, n_items]."""
        logits = self._logits(self.of(sums, amount), len(amount))
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def chances(self, sums: Float32, amount: Float32) -> Float32:
        """Each item's chance to be what the taste chooses, shape [q, n_items]."""
        logits = self._logits(self.of_each(sums, amount), len(amount))
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def _logits(self, known: Posterior, visitors: int) -> Float32:
        """The logits [q, n_items] of the chances under these tastes; the largest of each visitor is 0."""
        logits: Float32 = np.tile(self.appeal, (visitors, 1))
        if self.dimensions:
            logits += known.mean @ self.loadings.T
            # What is not known of the taste speaks for items far from the middle: the mean of a log-normal.
            worth = np.float32((_WORTH_BESIDE_ATTRIBUTES if len(self.of_attributes) else _WORTH_OF_UNKNOWN) / 2)
            logits += _twice_off_diagonal(known.covariance) @ (self.plane.products.T * worth)
            if self.unknown.any():
                # The same of where the item lies: some of a kind that nobody met yet lie where the taste points.
                reach = (known.mean**2).sum(axis=1) / 2 + worth * np.trace(known.covariance, axis1=1, axis2=2)
                logits += reach[:, None] * self.unknown
        logits -= logits.max(axis=1, keepdims=True)
        return logits

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            "taste_of_attributes": self.of_attributes,
            "taste_own": self.own,
            "taste_loadings": self.loadings,
            "taste_appeal": self.appeal,
            "taste_met": self.met,
            "taste_unknown": self.unknown,
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The tastes that `arrays` gave."""
        names = ("of_attributes", "own", "loadings", "appeal", "met", "unknown")
        return cls(*(stored[f"taste_{name}"] for name in names))


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where the items lie for tastes: loadings [n, k], their products [n, k (k + 1) / 2], and the appeal [n]."""

    loadings: Float32
    products: Float32
    met: Float32

    @classmethod
    def of(cls, loadings: Float32, met: Float32) -> Self:
        first, second = _upper(loadings.shape[1])
        return cls(loadings, loadings[:, first] * loadings[:, second], met)

    def shares(self, mean: Float32) -> Float32:
        """The chances of the items for q tastes [q, k], shape [q, n]."""
        shares: Float32 = mean @ self.loadings.T
        shares += self.met
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def newton(self, sums: Float32, amount: Float32, mean: Float32) -> tuple[Float32, Float32]:
        """A step [q, k] towards the mode of each visitor's taste, and the curvature [q, k, k] where it starts."""
        shares = self.shares(mean)
        middle = shares @ self.loadings
        curvature = _symmetric(shares @ self.products, mean.shape[1])
        curvature -= middle[:, :, None] * middle[:, None, :]
        curvature *= amount[:, None, None]
        curvature += np.eye(mean.shape[1], dtype=np.float32)
        slope = sums - amount[:, None] * middle - mean
        step: Float32 = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        # Far from the mode the quadratic model overshoots.
        step *= np.minimum(1, _LONGEST_STEP / np.maximum(length, np.float32(1e-9)))
        return step, curvature


class _AdamFit:
    """The population's part on its way up, changed in place: Adam (Kingma and Ba 2015) on batches of visitors."""

    def __init__(
        self,
        counts: sparse.csr_matrix,
        attributes: sparse.csr_matrix,
        expected: Float32,
        log_exposure: Float32,
        parameters: tuple[Float32, Float32, Float32],
    ) -> None:
        self.counts = counts
        self.amount = np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
        self.attributes, self.by_attribute = attributes, attributes.T.tocsr()
        self.precision_of_own = _PRECISION_BESIDE_ATTRIBUTES if attributes.shape[1] else _PRECISION_OF_OWN
        self.expected, self.log_exposure = expected, log_exposure
        self.parameters = parameters
        self.tastes = np.zeros((counts.shape[0], parameters[1].shape[1]), np.float32)

    def loadings(self) -> Float32:
        """Where each item lies, shape [n_items, k]."""
        of_attributes, own, _ = self.parameters
        return np.asarray(self.attributes @ of_attributes + own, dtype=np.float32)

    def run(self, steps: int, rng: np.random.Generator) -> None:
        """Climb so many steps, the last of them shorter ones."""
        means = [np.zeros_like(one) for one in self.parameters]
        squares = [np.zeros_like(one) for one in self.parameters]
        queue: Indices = np.empty(0, np.intp)
        for step in range(1, steps + 1):
            if not len(queue):
                queue = rng.permutation(self.counts.shape[0])
            chosen, queue = queue[:_BATCH], queue[_BATCH:]
            rate = _LEARNING_RATE * (1.0 if step <= 0.6 * steps else 0.3 if step <= 0.85 * steps else 0.1)
            slopes = self._slopes(chosen, rng, moves=2 if step * _BATCH < 2 * len(self.amount) else 1)
            for one, slope, mean, square in zip(self.parameters, slopes, means, squares, strict=True):
                mean += 0.1 * (slope - mean)
                square += 0.02 * (slope * slope - square)
                one += rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.98**step)) + 1e-6)

    def _slopes(self, chosen: Indices, rng: np.random.Generator, *, moves: int) -> tuple[Float32, Float32, Float32]:
        """Where it goes up for the chosen visitors, after moving their tastes towards their modes."""
        of_attributes, own, appeal = self.parameters
        plane = _Plane.of(self.loadings(), appeal + self.log_exposure)
        counts, amount, z = self.counts[chosen], self.amount[chosen], self.tastes[chosen]
        sums = np.asarray(counts @ plane.loadings, dtype=np.float32)
        for _ in range(moves):
            step, curvature = plane.newton(sums, amount, z)
            z = z + step
        self.tastes[chosen] = z
        spread = np.linalg.cholesky(np.linalg.inv(curvature))
        drawn = z + np.matmul(spread, rng.standard_normal((*z.shape, 1), np.float32))[:, :, 0]
        foreseen = plane.shares(drawn)
        foreseen *= amount[:, None]
        of_loadings = counts.T @ drawn - foreseen.T @ drawn
        of_appeal = np.asarray(counts.sum(axis=0)).ravel() - foreseen.sum(axis=0)
        part = np.float32(len(chosen) / self.counts.shape[0])
        return (
            self.by_attribute @ of_loadings - _PRECISION_OF_ATTRIBUTES * part * of_attributes,
            of_loadings - self.precision_of_own * part * own,
            of_appeal - _PRECISION_OF_APPEAL * part * (appeal - self.expected),
        )


def _foretold(attributes: sparse.csr_matrix, gap: Float32, met: npt.NDArray[np.bool_]) -> Float32:
    """What the attributes of items without events let expect of their gap: a ridge on those of the items that were met.

    The appeal lies below the share that is expected, the farther an item from the middle: who wants such items wants
    them much. The fit can lower only what was met.
    """
    if not met.any():
        return np.zeros(int((~met).sum()), np.float32)
    of_met = attributes[met]
    middle = gap[met].mean()
    inner = (of_met.T @ of_met).toarray().astype(np.float64)
    inner[np.diag_indices_from(inner)] += _ATTRIBUTE_RIDGE
    slopes = np.linalg.solve(inner, of_met.T @ (gap[met] - middle))
    return np.asarray(attributes[~met] @ slopes + middle, dtype=np.float32)


def _not_known(attributes: sparse.csr_matrix, fields: Int32, of_attributes: Float32, counts: Float64) -> Float32:
    """The variance of where items would lie if only their attributes said so, in each dimension, shape [n_items].

    A value that nobody met lies somewhere among the values of its field, and the more events its items had [n_items],
    the less so.
    """
    not_known = unproven(attributes.T @ counts)
    size = (of_attributes**2).mean(axis=1)
    n_fields = int(fields.max(initial=-1)) + 1
    proven = np.bincount(fields, weights=1 - not_known, minlength=n_fields)
    variance = np.bincount(fields, weights=(1 - not_known) * size, minlength=n_fields) / np.maximum(proven, 1e-9)
    return np.asarray(attributes.power(2) @ (not_known * variance[fields]), dtype=np.float32)


@cache
def _upper(k: int) -> tuple[Indices, Indices]:
    """Rows and columns of the upper half of a square matrix."""
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
