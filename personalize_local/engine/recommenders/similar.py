"""Items similar to an item, by interactions and by attributes, as recipe aws-similar-items finds them."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Int32
from personalize_local.engine.base.models import Capabilities, refuse_unknown
from personalize_local.engine.base.shares import attribute_columns, expected_shares, exposure_of
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.linear.cooccurrence import Cooccurrence, item_of

MODEL = "similar-items"
_PRIOR_PAIRS = 1.0
"""The weight of the prior in the rate of a pair of items, in users; the prior is predicted from attributes."""
_MAX_PAIRS, _MIN_PAIRS = 1000, 100
_MAX_VALUES = 20_000_000
"""The most features in memory at a time while the weights are fitted (80 MB)."""
_PRECISION = 5.0
_MIN_COUNT = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class SimilarItemsModel:
    """The probability that users of one item interact with another, from counts and from attributes.

    A conditional logit on pairs of items with users in common learns the weight of each shared attribute. Its
    prediction is the prior of the rate of a pair; the posterior moves to the count of users in common while the items
    were in the catalogue (the mean of a Gamma-Poisson posterior). So an item with few events has neighbours by its
    attributes, and an item without events is a neighbour of similar items. The scores are for the last item of the
    history, which itself is ranked last; an empty history gets the popular items.

    Source: developer guide, "Similar-Items recipe".
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=True, real_time=False, by_item=True)

    common: sparse.csr_matrix
    """csr float32 [n_items, n_items]: the number of users in common of two items."""
    attributes: sparse.csr_matrix
    """csr float32 [n_items, m]: the attributes; each item's values of one field have a length of one."""
    fields: Int32
    """Shape [m]: the field of each attribute."""
    weights: Float32
    """Shape [1 + n_fields]: the weights of the log-share of events, and of shared values in each field."""
    log_share: Float32
    """Shape [n_items]: the logarithm of the expected share of events of each item."""
    exposure: Float32
    """Shape [n_items]: the share of all events that happened while each item was in the catalogue."""
    discount: float
    """The share of an item's log-popularity that is subtracted from its scores, from 0 to 1."""

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        popularity_discount_factor: float = 0.0,
        **unknown: float,
    ) -> Self:
        """Count pairs, and fit the weights of shared attributes.

        popularity_discount_factor: the share of an item's log-popularity that is subtracted from its scores, 0 to 1.
        """
        refuse_unknown(MODEL, unknown)
        counting = events.of(events.weight > 0).in_order()
        columns, fields = attribute_columns(catalogue)
        attributes = _of_length_one(columns, fields)
        share = expected_shares(counting, catalogue, columns)
        log_share = np.log(share).astype(np.float32)
        common = Cooccurrence.of(counting).common
        weights = _weights(common, attributes, fields, log_share, np.random.default_rng(seed))
        exposure = exposure_of(counting, catalogue).astype(np.float32)
        return cls(common, attributes, fields, weights, log_share, exposure, popularity_discount_factor)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        item = item_of(history)
        if item is None:
            return self.log_share
        attribute_scores = self.attributes @ (self.attributes[item].toarray()[0] * self.weights[1:][self.fields])
        expected = self.weights[0] * self.log_share + attribute_scores
        expected = np.exp(expected - expected.max())
        expected[item] = 0.0
        begin, end = self.common.indptr[item : item + 2]
        neighbours, counted = self.common.indices[begin:end], self.common.data[begin:end]
        expected *= max(counted.sum(), np.float32(1.0)) / max(expected.sum(), _MIN_COUNT)
        rate = np.full(len(expected), np.float32(_PRIOR_PAIRS))
        rate[neighbours] += counted
        rate /= self.exposure + np.float32(_PRIOR_PAIRS) / np.maximum(expected, _MIN_COUNT)
        scores: Float32 = np.log(rate)
        scores -= np.float32(self.discount) * self.log_share
        scores[item] = scores.min() - 1
        return scores

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model=MODEL,
            facts={"discount": self.discount},
            arrays={
                **storage.of_sparse("common", self.common),
                **storage.of_sparse("attributes", self.attributes),
                "fields": self.fields,
                "weights": self.weights,
                "log_share": self.log_share,
                "exposure": self.exposure,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts, arrays = storage.read(folder, model=MODEL)
        n_items, m = len(arrays["log_share"]), len(arrays["fields"])
        return cls(
            storage.sparse_of("common", arrays, (n_items, n_items)),
            storage.sparse_of("attributes", arrays, (n_items, m)),
            arrays["fields"],
            arrays["weights"],
            arrays["log_share"],
            arrays["exposure"],
            float(facts["discount"]),
        )


def _of_length_one(columns: sparse.csr_matrix, fields: Int32) -> sparse.csr_matrix:
    """Each item's values of a field scaled to a length of one: sharing all of several values counts as sharing one."""
    entries = columns.tocoo()
    n_fields = int(fields.max(initial=-1)) + 1
    place = entries.row.astype(np.int64) * max(n_fields, 1) + fields[entries.col]
    squares = np.bincount(place, weights=entries.data.astype(np.float64) ** 2)
    data = entries.data / np.sqrt(squares[place]) if len(place) else entries.data
    return sparse.csr_matrix((data.astype(np.float32), (entries.row, entries.col)), shape=columns.shape)


def _weights(
    common: sparse.csr_matrix,
    attributes: sparse.csr_matrix,
    fields: Int32,
    log_share: Float32,
    rng: np.random.Generator,
) -> Float32:
    """Shape [1 + n_fields]: the weights of popularity and shared fields, fitted on pairs sampled by users in common."""
    n_items, n_fields = len(log_share), int(fields.max(initial=-1)) + 1
    prior: Float64 = np.array([1.0] + [0.5] * n_fields)
    pairs = common.tocoo()
    if not pairs.nnz:
        return prior.astype(np.float32)
    budget = min(_MAX_PAIRS, max(_MIN_PAIRS, _MAX_VALUES // (n_items * (n_fields + 2))))
    drawn = rng.choice(pairs.nnz, size=budget, p=pairs.data.astype(np.float64) / pairs.data.sum(dtype=np.float64))
    asked, chosen = pairs.row[drawn], pairs.col[drawn]
    # The last feature marks the item of the query itself, which is never its own neighbour.
    features = np.zeros((budget, n_items, n_fields + 2), np.float32)
    features[:, :, 0] = log_share
    for field in range(n_fields):
        columns_of_field = attributes[:, np.flatnonzero(fields == field)]
        features[:, :, 1 + field] = (columns_of_field[asked] @ columns_of_field.T).toarray()
    features[np.arange(budget), asked, -1] = 1.0
    fitted = fit_weights(
        features, chosen.astype(np.intp), np.ones(budget), prior=np.r_[prior, -10.0], precision=_PRECISION
    )
    return fitted[:-1].astype(np.float32)
