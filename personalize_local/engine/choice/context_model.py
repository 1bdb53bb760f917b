"""What the circumstances of a request say of the items: the contextual metadata of events (device, daytime, place).

For each contextual field two features: how much more often than usual the item was met where the field had the
request's value, and the same of the item's attributes, so that an item without events follows its kind. Both are
logarithms of lifts, held near none by a few events' worth of the usual. A conditional logit (`blend`) weighs them on
events of users whom the counts have not seen, on top of what the model says without them; a field that tells nothing
gets no weight.

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

_USUAL_EVENTS = 5.0
"""Events' worth of what is usual that each lift starts from."""
_PRECISION = 5.0


@dataclass(frozen=True, slots=True)
class Field:
    """One contextual field: how often each item was met with each value."""

    counts: sparse.csr_matrix
    """Shape [values, n_items], float32: the weight of the events."""
    usual: Float32
    """Shape [n_items]: each item's share of the events whose value is known."""

    @classmethod
    def fit(cls, value: Int32, item: Int32, weight: Float32, n_items: int) -> Self:
        """The counts of events [n]; values of -1 are not known and do not count."""
        known = value >= 0
        shape = (int(value.max(initial=-1)) + 1, n_items)
        counts = sparse.csr_matrix((weight[known], (value[known], item[known])), shape=shape, dtype=np.float32)
        of_item = np.bincount(item[known], weights=weight[known], minlength=n_items)
        return cls(counts, (of_item / max(of_item.sum(), 1e-12)).astype(np.float32))

    def lifts(self, values: Indices, attributes: sparse.csr_matrix) -> Float32:
        """The logarithms of the lifts of items and of their attributes, shape [q, n_items, 2]; 0 for unknown values."""
        features = np.zeros((len(values), len(self.usual), 2), np.float32)
        known = np.flatnonzero((values >= 0) & (values < self.counts.shape[0]))
        met = self.counts[values[known]]
        total = np.asarray(met.sum(axis=1), dtype=np.float32).reshape(-1, 1)
        features[known, :, 0] = _log_lift(met.toarray(), total * self.usual)
        of_attributes = _log_lift((met @ attributes).toarray(), total * (attributes.T @ self.usual))
        features[known, :, 1] = (attributes @ of_attributes.T).T
        return features


@dataclass(frozen=True, slots=True)
class ContextModel:
    """Fitted lifts of each contextual field, and what they weigh."""

    attributes: sparse.csr_matrix
    fields: tuple[Field, ...]
    weights: Float64
    """Shape [2 c]: of items and of attributes, field by field."""

    @classmethod
    def fit(cls, events: Events, attributes: sparse.csr_matrix, weights: Float64 | None = None) -> Self:
        """The lifts in events whose weights are about one; without weights they say nothing."""
        context = np.empty((len(events), 0), np.int32) if events.context is None else events.context
        fields = tuple(Field.fit(column, events.item, events.weight, events.n_items) for column in context.T)
        return cls(attributes, fields, np.zeros(2 * len(fields)) if weights is None else weights)

    def weighed(self, context: Int32, chosen: Indices, importance: Float64, said: Float32) -> Self:
        """The same with the weights under which choices are most likely that were made by unseen users.

        context: [q, c]. chosen: [q], the item that came. importance: [q], how much each choice counts. said: [q,
        n_items], the scores without the circumstances.
        """
        features = np.concatenate(
            [one.lifts(context[:, number].astype(np.intp), self.attributes) for number, one in enumerate(self.fields)],
            axis=2,
        )
        weights = fit_weights(
            features, chosen, importance, prior=np.zeros(len(self.weights)), precision=_PRECISION, offset=said
        )
        return replace(self, weights=weights)

    def score(self, context: Int32) -> Float32:
        """What is added to the score of each item, shape [n_items]; nothing for what is not known."""
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
            arrays[f"context_{number}_usual"] = one.usual
            arrays |= storage.of_sparse(f"context_{number}", one.counts)
        return arrays

    @classmethod
    def of_arrays(cls, stored: Mapping[str, npt.NDArray[Any]], attributes: sparse.csr_matrix) -> Self:
        """The circumstances that `arrays` gave, over the catalogue's attributes."""
        weights = stored["context_weights"]
        fields = []
        for number in range(len(weights) // 2):
            usual = stored[f"context_{number}_usual"]
            shape = (len(stored[f"context_{number}_indptr"]) - 1, len(usual))
            fields.append(Field(storage.sparse_of(f"context_{number}", stored, shape), usual))
        return cls(attributes, tuple(fields), weights)


def _log_lift(met: Float32, expected: Float32) -> Float32:
    lift: Float32 = np.log((met + _USUAL_EVENTS) / (expected + _USUAL_EVENTS)).astype(np.float32)
    return lift
