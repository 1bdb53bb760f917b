"""The features of each item, given a history, that the sequence model blends.

popularity         the logarithm of the item's share of all events; one feature for users with a history and one (cold)
                   for users without, weighted by how long the history is
trend              the same for the last tenth of the time
ridge              the lift of the item that a next-item ridge predicts; one ridge reads the history with a short
                   memory, one with a long memory
ridge attributes   the lifts that the ridge predicts for the attributes of the item
repeat             the weight of the item itself in the history
field f            for each field of the catalogue, the lift of the item's values in the history
mixture            the log-probability of the item in the mixture of next-item components (`next_item`)
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Int32
from personalize_local.engine.base.prefixes import history_row, prefix_rows
from personalize_local.engine.base.shares import (
    attribute_columns,
    counts_of,
    expected_shares,
    exposure_of,
    posterior_shares,
    prior_weight,
)
from personalize_local.engine.choice.next_item import NextItemMixture, Prefixes
from personalize_local.engine.linear.ridge import NextItemRidge

SHORT, LONG = 2.0, 50.0
"""The taus of the two ridges, in events: what the user does now, and what the user likes in the long run."""
REACH = 100
"""The number of newest events of a history that count, unless the hyperparameter says otherwise."""
PSEUDO_EVENTS = 1.0
"""The weight of the average user in the profile of a history, in events."""
_RECENT_SHARE = 0.1
"""The last part of the time, for the trend."""

RIDGE_FEATURES = (
    *("short ridge", "short ridge attributes", "short repeat"),
    *("long ridge", "long ridge attributes", "long repeat"),
)


def long_memory(reach: int) -> float:
    """The tau of the long ridge, in events, at most `reach`: with a longer one a history would end before it decays."""
    return min(LONG, float(reach))


@dataclass(frozen=True, slots=True)
class FeatureExtractor:
    """The fitted models from which features are computed."""

    attributes: sparse.csr_matrix
    """csr [n_items, m]: the attributes of the items, one column a value."""
    fields: Int32
    """Shape [m]: the field of each attribute, numbered from 0."""
    log_share: Float32
    """Shape [n_items]: the logarithm of the expected share of events of each item."""
    log_recent_share: Float32
    """Shape [n_items]: the same for the last tenth of the time; zeros without recency."""
    log_attribute_share: Float32
    """Shape [m]: the logarithm of each attribute's share of the events with its field."""
    prior_weight: Float32
    """Shape [n_items]: the weight of the prior in what is known of each item, from 1 without events down to 0."""
    short: NextItemRidge
    """The ridge that reads a history with a short memory."""
    long: NextItemRidge
    """The ridge that reads a history with a long memory."""
    mixture: NextItemMixture

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in their order: k of them."""
        profiles = tuple(f"field {field}" for field in range(self.n_fields))
        return ("cold popularity", "cold trend", "popularity", "trend", *RIDGE_FEATURES, *profiles, "mixture")

    @property
    def prior(self) -> Float64:
        """Shape [k]: the prior mean of the blend's weights: the scores are the mixture's log-probabilities."""
        return np.array([0.0] * (4 + len(RIDGE_FEATURES) + self.n_fields) + [1.0])

    @property
    def n_fields(self) -> int:
        """The number of fields of the catalogue."""
        return int(self.fields.max(initial=-1)) + 1

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        ridge: float,
        reach: int = REACH,
        rank: int | None = None,
        recency: bool = True,
    ) -> Self:
        """Fit to events in order, whose mean weight is about one.

        ridge: the lambda of both ridges. reach: the number of newest events of a history that count. rank: the rank to
        which the ridges' weights are reduced; None for full rank. recency: false makes the trend 0 for all items.
        """
        attributes, fields = attribute_columns(catalogue)
        counts = counts_of(events)
        share = expected_shares(events, catalogue, attributes)
        log_recent_share = np.zeros(catalogue.n_items)
        if recency:
            last, first = events.time.max(initial=0.0), events.time.min(initial=0.0)
            recent = events.of(events.time >= last - _RECENT_SHARE * (last - first))
            recent_counts = counts_of(recent)
            expected = share * max(recent_counts.sum(), 1.0)
            log_recent_share = np.log(posterior_shares(recent_counts, exposure_of(recent, catalogue), expected))
        attribute_share = attributes.T @ share
        per_field = np.bincount(fields, weights=attribute_share, minlength=int(fields.max(initial=-1)) + 1)
        return cls(
            attributes,
            fields,
            np.log(share).astype(np.float32),
            log_recent_share.astype(np.float32),
            np.log(attribute_share / np.maximum(per_field, 1e-12)[fields]).astype(np.float32),
            prior_weight(counts).astype(np.float32),
            NextItemRidge.fit(events, attributes, tau=SHORT, ridge=ridge, reach=reach, rank=rank),
            NextItemRidge.fit(events, attributes, tau=long_memory(reach), ridge=ridge, reach=reach, rank=rank),
            NextItemMixture.fit(
                events,
                attributes,
                fields,
                share,
                exposure_of(events, catalogue),
                memory=long_memory(reach),
                reach=reach,
            ),
        )

    def prefix_features(self, events: Events, chosen: npt.NDArray[np.bool_]) -> Float32:
        """Shape [q, n_items, k]: features for the histories before the chosen events; `events` must be in order."""
        prefixes = Prefixes.of(events, chosen, memory=self.long.tau, reach=self.long.reach)
        short = prefix_rows(events, tau=SHORT, reach=self.short.reach)[chosen]
        return self._features(short, prefixes.history_rows, self.mixture.log_probabilities(prefixes))

    def history_features(self, history: History) -> Float32:
        """Shape [n_items, k]: features for one history."""
        rows = self._row(history, self.short), self._row(history, self.long)
        mixture_logits = self.mixture.log_probabilities_after(history, self.long.reach)[None, :]
        features: Float32 = self._features(*rows, mixture_logits)[0]
        return features

    def _row(self, history: History, ridge: NextItemRidge) -> sparse.csr_matrix:
        items, values = history_row(history, tau=ridge.tau, reach=ridge.reach)
        return sparse.csr_matrix((values, items, np.array([0, len(items)])), shape=(1, len(self.log_share)))

    def _features(self, short: sparse.csr_matrix, long: sparse.csr_matrix, mixture_logits: Float32) -> Float32:
        features = np.empty((*short.shape, len(self.names)), np.float32)
        mass = np.asarray(long.sum(axis=1), dtype=np.float32)
        cold_weight = 1 / (1 + mass)
        columns = [
            cold_weight * self.log_share,
            cold_weight * self.log_recent_share,
            (1 - cold_weight) * self.log_share,
            (1 - cold_weight) * self.log_recent_share,
            *self._ridge_features(short, self.short),
            *self._ridge_features(long, self.long),
            *self._profile_lifts(long),
            mixture_logits,
        ]
        for number, column in enumerate(columns):
            features[:, :, number] = column
        return features

    def _ridge_features(self, rows: sparse.csr_matrix, ridge: NextItemRidge) -> tuple[Float32, Float32, Float32]:
        """The three features [q, n_items] of one ridge: lifts of items, lifts by their attributes, and repeats."""
        items, attributes = ridge.predict(rows, self.attributes)
        # An item with few events is expected to follow as often as it occurs at all: the ridge could not learn it.
        predicted = np.maximum(items.sum(axis=1, keepdims=True), 0.0)
        lift = np.log1p(np.maximum(items, 0.0) / np.exp(self.log_share) + predicted * self.prior_weight)
        of_attribute = np.log1p(np.maximum(attributes, 0.0) / np.exp(self.log_attribute_share))
        return lift, np.asarray((self.attributes @ of_attribute.T).T), np.log1p(rows.toarray())

    def _profile_lifts(self, rows: sparse.csr_matrix) -> list[Float32]:
        """For each field, shape [q, n_items]: the log-lift of the item's values in the history over all events."""
        held = (rows @ self.attributes).toarray()
        attribute_share = np.exp(self.log_attribute_share)
        lifts = []
        for field in range(self.n_fields):
            columns = np.flatnonzero(self.fields == field)
            total = held[:, columns].sum(axis=1, keepdims=True)
            share = (held[:, columns] + PSEUDO_EVENTS * attribute_share[columns]) / (total + PSEUDO_EVENTS)
            lifts.append((self.attributes[:, columns] @ (np.log(share) - self.log_attribute_share[columns]).T).T)
        return lifts

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            **storage.of_sparse("attributes", self.attributes),
            "fields": self.fields,
            "log_share": self.log_share,
            "log_recent_share": self.log_recent_share,
            "log_attribute_share": self.log_attribute_share,
            "prior_weight": self.prior_weight,
            "reach": np.array(self.long.reach),
            "short_head": self.short.head,
            "short_weights": self.short.weights,
            "long_head": self.long.head,
            "long_weights": self.long.weights,
            **self.mixture.arrays(),
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The extractor that `arrays` stored."""
        shape = (len(stored["log_share"]), len(stored["fields"]))
        reach = int(stored["reach"])
        attributes = storage.sparse_of("attributes", stored, shape)
        return cls(
            attributes,
            stored["fields"],
            stored["log_share"],
            stored["log_recent_share"],
            stored["log_attribute_share"],
            stored["prior_weight"],
            NextItemRidge(SHORT, reach, stored["short_head"], stored["short_weights"]),
            NextItemRidge(long_memory(reach), reach, stored["long_head"], stored["long_weights"]),
            NextItemMixture.of_arrays(stored, attributes, stored["fields"]),
        )
