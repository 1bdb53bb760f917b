"""The sequence model's scores of one history, as fast as a request needs them.

The same weighted sum of the features of `FeatureExtractor`, rearranged for one history: constants are computed when the
model is made, everything that is linear in the attributes is one product, the features themselves are never stored, and
no sparse matrix is built.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices, Int32
from personalize_local.engine.choice.features import PSEUDO_EVENTS, RIDGE_FEATURES, FeatureExtractor
from personalize_local.engine.choice.next_item import NextItemMixture
from personalize_local.engine.linear.ridge import NextItemRidge


@dataclass(frozen=True, slots=True)
class RidgeScorer:
    """One next-item ridge, with the blend's weights of its features."""

    ridge: NextItemRidge
    covers_all_items: bool
    """Whether every item has a column of its own, in the order of the items."""
    column_of_item: Int32
    """Shape [n_items]: the column of each item in the ridge, -1 for items without a column."""
    lift_weight: np.float32
    """The blend's weight of the items' lifts."""
    attribute_weight: np.float32
    """The blend's weight of the lifts of the items' attributes."""
    repeat_weight: np.float32
    """The blend's weight of the item's own weight in the history."""


@dataclass(frozen=True, slots=True)
class BlendScorer:
    """Feature extractor and blend, prepared to score one history at a time."""

    mixture: NextItemMixture
    mixture_weight: np.float32
    """The blend's weight of the mixture's log-probabilities."""
    attributes: sparse.csr_matrix
    """csr [n_items, m]: the attributes of the items."""
    rows: tuple[Int32, Int32, Float32]
    """The arrays of `attributes`: where each item's attributes begin [n_items + 1], their columns and their values."""
    fields: Int32
    """Shape [m]: the field of each attribute."""
    inverse_share: Float32
    """Shape [n_items]: one over each item's share of events."""
    inverse_attribute_share: Float32
    """Shape [m]: one over each attribute's share of the events with its field."""
    attribute_share: Float32
    """Shape [m]: each attribute's share of the events with its field."""
    log_attribute_share: Float32
    """Shape [m]: its logarithm."""
    prior_weight: Float32
    """Shape [n_items]: as `FeatureExtractor.prior_weight`."""
    cold_bias: Float32
    """Shape [n_items]: the score by popularity and trend for an empty history."""
    warm_bias: Float32
    """Shape [n_items]: the same in the limit of a long history."""
    field_weights: Float32
    """Shape [n_fields]: the blend's weight of the lift in each field."""
    short: RidgeScorer
    long: RidgeScorer

    @classmethod
    def of(cls, extractor: FeatureExtractor, blend: Float64) -> Self:
        """The scorer whose scores equal `extractor.history_features(history) @ blend` except for rounding."""
        weights = blend.astype(np.float32)
        short_weights, long_weights = weights[4:7], weights[7 : 4 + len(RIDGE_FEATURES)]
        attributes = extractor.attributes
        return cls(
            mixture=extractor.mixture,
            mixture_weight=weights[-1],
            attributes=attributes,
            rows=(attributes.indptr, attributes.indices, attributes.data),
            fields=extractor.fields,
            inverse_share=np.exp(-extractor.log_share),
            inverse_attribute_share=np.exp(-extractor.log_attribute_share),
            attribute_share=np.exp(extractor.log_attribute_share),
            log_attribute_share=extractor.log_attribute_share,
            prior_weight=extractor.prior_weight,
            cold_bias=weights[0] * extractor.log_share + weights[1] * extractor.log_recent_share,
            warm_bias=weights[2] * extractor.log_share + weights[3] * extractor.log_recent_share,
            field_weights=weights[4 + len(RIDGE_FEATURES) : -1],
            short=_ridge_scorer(extractor.short, short_weights, len(extractor.log_share)),
            long=_ridge_scorer(extractor.long, long_weights, len(extractor.log_share)),
        )

    def score(self, history: History) -> Float32:
        """Shape [n_items]: the score of each item. The weights of the history are relative to the mean in training."""
        items, short_values, long_values = self._rows_of(history)
        weight = 1 / (1 + long_values.sum(dtype=np.float32))
        scores: Float32 = weight * self.cold_bias + (1 - weight) * self.warm_bias
        scores += self.mixture_weight * self.mixture.log_probabilities_after(history, self.long.ridge.reach)
        if not len(items):
            return scores
        short_held, long_held = self._held(items, short_values, long_values)
        profile_scores = self.profile_scores(long_held)
        profile_scores += self._add_ridge_scores(self.short, items, short_values, short_held, scores)
        profile_scores += self._add_ridge_scores(self.long, items, long_values, long_held, scores)
        if len(profile_scores):
            scores += self.attributes @ profile_scores
        return scores

    def _rows_of(self, history: History) -> tuple[Indices, Float32, Float32]:
        """The items of the history [h], and their values [h] in its rows (`prefixes`) with short and long memory."""
        reach = self.long.ridge.reach
        item, weight = history.item[-reach:], history.weight[-reach:]
        age = np.arange(len(item) - 1, -1, -1, dtype=np.float64)
        items, of_event = np.unique(item[weight > 0], return_inverse=True)
        age, weight = age[weight > 0], weight[weight > 0]
        short_values, long_values = (
            np.bincount(of_event, weights=weight * np.exp(age / -part.ridge.tau), minlength=len(items))
            for part in (self.short, self.long)
        )
        return items.astype(np.intp), short_values.astype(np.float32), long_values.astype(np.float32)

    def _held(self, items: Indices, *rows: Float32) -> list[Float32]:
        """Shape [m] for each row: the sum of the values of the items with each attribute. items, rows: shape [h]."""
        begins, attribute, amount = self.rows
        first = begins[items]
        count = begins[items + 1] - first
        # The positions of all attributes of all items: for each item the numbers from its first on.
        positions = np.arange(int(count.sum())) + np.repeat(first - np.cumsum(count) + count, count)
        column, of_item = attribute[positions], amount[positions]
        return [
            np.bincount(column, weights=np.repeat(values, count) * of_item, minlength=len(self.fields)).astype(
                np.float32
            )
            for values in rows
        ]

    def _add_ridge_scores(
        self, part: RidgeScorer, items: Indices, values: Float32, held: Float32, scores: Float32
    ) -> Float32:
        """Add one ridge's part of the items' scores to `scores` [n_items]; return its scores of the attributes [m].

        items, values: the history's row, shape [h] both. held: the same by attribute, shape [m].
        """
        weights, n_head = part.ridge.weights, len(part.ridge.head)
        columns = part.column_of_item[items]
        with_column = columns >= 0
        both = values[with_column] @ weights[columns[with_column]]
        present = np.flatnonzero(held)
        both += held[present] @ weights[n_head + present]
        positive = np.maximum(both, 0)
        predicted = max(float(both[:n_head].sum()), 0.0)
        lift = self.prior_weight * np.float32(predicted)
        if part.covers_all_items:
            lift += positive[:n_head] * self.inverse_share
        else:
            lift[part.ridge.head] += positive[:n_head] * self.inverse_share[part.ridge.head]
        np.log1p(lift, out=lift)
        lift *= part.lift_weight
        scores += lift
        scores[items] += part.repeat_weight * np.log1p(values)
        of_attributes: Float32 = part.attribute_weight * np.log1p(positive[n_head:] * self.inverse_attribute_share)
        return of_attributes

    def profile_scores(self, held: Float32) -> Float32:
        """Shape [m]: the weighted log-lift of each attribute in a history, whose row by attribute is `held` [m]."""
        if not len(held):
            return held
        totals = np.bincount(self.fields, weights=held, minlength=len(self.field_weights)).astype(np.float32)
        total = totals[self.fields]
        share = (held + np.float32(PSEUDO_EVENTS) * self.attribute_share) / (total + np.float32(PSEUDO_EVENTS))
        scores: Float32 = self.field_weights[self.fields] * (np.log(share) - self.log_attribute_share)
        return scores


def _ridge_scorer(ridge: NextItemRidge, weights: Float32, n_items: int) -> RidgeScorer:
    column_of_item: npt.NDArray[np.int32] = np.full(n_items, -1, np.int32)
    column_of_item[ridge.head] = np.arange(len(ridge.head), dtype=np.int32)
    return RidgeScorer(ridge, len(ridge.head) == n_items, column_of_item, *weights)
