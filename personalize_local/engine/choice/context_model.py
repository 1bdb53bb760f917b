"""Contextual metadata: how the device, hour or place of a request changes the scores of the items.

For each contextual field there are two features: the log-lift of the item in the events in which the field had the
value of the request, and the same for the item's attributes, so that an item without events follows others of its kind.
Lifts are smoothed by a few pseudo-events. A conditional logit (`blend`) fits the weights of the features on events of
users who are not in the counts, with the scores without context as the offset; a field without influence gets a weight
near 0.

Source: developer guide of Amazon Personalize, "Increasing recommendation relevance with contextual metadata".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Events, Float32, Float64, Indices, Int32
from personalize_local.engine.choice.blend import fit_weights

_PRIOR_EVENTS = 5.0
"""Pseudo-events by which each lift is smoothed towards 1."""
_PRECISION = 5.0


@dataclass(frozen=True, slots=True)
class ContextField:
    """One contextual field: the events of each item by value of the field."""

    counts: sparse.csr_matrix
    """csr float32 [values, n_items]: the weight of the events with each value on each item."""
    item_share: Float32
    """Shape [n_items]: each item's share of the events whose value is known."""

    @classmethod
    def fit(cls, value: Int32, item: Int32, weight: Float32, n_items: int) -> Self:
        """Count events, all arrays of shape [n]; those whose value is -1 (not known) do not count."""
        known = value >= 0
        shape = (int(value.max(initial=-1)) + 1, n_items)
        counts = sparse.csr_matrix((weight[known], (value[known], item[known])), shape=shape, dtype=np.float32)
        item_counts = np.bincount(item[known], weights=weight[known], minlength=n_items)
        return cls(counts, (item_counts / max(item_counts.sum(), 1e-12)).astype(np.float32))

    def lifts(self, values: Indices, attributes: sparse.csr_matrix) -> Float32:
        """Shape [q, n_items, 2]: the log-lifts of items and of their attributes at values [q]; 0 for unknown ones."""
        features = np.zeros((len(values), len(self.item_share), 2), np.float32)
        known = np.flatnonzero((values >= 0) & (values < self.counts.shape[0]))
        counts = self.counts[values[known]]
        total = np.asarray(counts.sum(axis=1), dtype=np.float32).reshape(-1, 1)
        features[known, :, 0] = _log_lift(counts.toarray(), total * self.item_share)
        attribute_lifts = _log_lift((counts @ attributes).toarray(), total * (attributes.T @ self.item_share))
        features[known, :, 1] = (attributes @ attribute_lifts.T).T
        return features


@dataclass(frozen=True, slots=True)
class ContextModel:
    """The counts of each of the c contextual fields, and the weights of their lifts."""

    attributes: sparse.csr_matrix
    """csr [n_items, m]: the attributes of the items."""
    fields: tuple[ContextField, ...]
    weights: Float64
    """Shape [2 c]: the weights of the lifts of items and of attributes, field by field."""

    @classmethod
    def fit(cls, events: Events, attributes: sparse.csr_matrix, weights: Float64 | None = None) -> Self:
        """Count events, whose mean weight is about one; without `weights` [2 c] the context has no influence."""
        context = np.empty((len(events), 0), np.int32) if events.context is None else events.context
        fields = tuple(ContextField.fit(column, events.item, events.weight, events.n_items) for column in context.T)
        return cls(attributes, fields, np.zeros(2 * len(fields)) if weights is None else weights)

    def with_fitted_weights(self, context: Int32, chosen: Indices, importance: Float64, offset: Float32) -> Self:
        """The same with weights that maximize the likelihood of the choices of users who are not in the counts.

        context: [q, c], as `Events.context`. chosen: [q], the item of each choice. importance: [q], the weight of each
        choice. offset: [q, n_items], the scores without context.
        """
        features = np.concatenate(
            [one.lifts(context[:, number].astype(np.intp), self.attributes) for number, one in enumerate(self.fields)],
            axis=2,
        )
        weights = fit_weights(
            features, chosen, importance, prior=np.zeros(len(self.weights)), precision=_PRECISION, offset=offset
        )
        return replace(self, weights=weights)

    def score(self, context: Int32) -> Float32:
        """Shape [n_items]: what a context [c] adds to the score of each item; 0 for unknown values."""
        scores = np.zeros(self.attributes.shape[0], np.float32)
        for number, (one, value) in enumerate(zip(self.fields, context.tolist(), strict=False)):
            if 0 <= value < one.counts.shape[0]:
                weights = self.weights[2 * number : 2 * number + 2].astype(np.float32)
                scores += one.lifts(np.array([value], np.intp), self.attributes)[0] @ weights
        return scores

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage, but the catalogue's attributes."""
        arrays: dict[str, npt.NDArray[Any]] = {"context_weights": self.weights}
        for number, one in enumerate(self.fields):
            arrays[f"context_{number}_item_share"] = one.item_share
            arrays |= storage.of_sparse(f"context_{number}", one.counts)
        return arrays

    @classmethod
    def of_arrays(cls, stored: Mapping[str, npt.NDArray[Any]], attributes: sparse.csr_matrix) -> Self:
        """The model that `arrays` stored, with the catalogue's attributes."""
        weights = stored["context_weights"]
        fields = []
        for number in range(len(weights) // 2):
            item_share = stored[f"context_{number}_item_share"]
            shape = (len(stored[f"context_{number}_indptr"]) - 1, len(item_share))
            fields.append(ContextField(storage.sparse_of(f"context_{number}", stored, shape), item_share))
        return cls(attributes, tuple(fields), weights)


def _log_lift(counts: Float32, expected: Float32) -> Float32:
    lift: Float32 = np.log((counts + _PRIOR_EVENTS) / (expected + _PRIOR_EVENTS)).astype(np.float32)
    return lift
