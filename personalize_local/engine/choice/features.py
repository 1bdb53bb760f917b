"""What speaks for each item, given a history: the features that the sequence model blends.

popularity      the logarithm of the item's share of all events, apart for strangers and for visitors with a history
trend           the same over the last tenth of the time
kind            for each field of the catalogue: how much more the history holds of the item's value than others do
follows         the item's lift in the next-item ridges, and its kind's
again           how much of the history is the item itself
journey         the item's chance in a mixture of ways to go on from the last event (`journey`)
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
    columns_of,
    counts_of,
    expected_shares,
    exposure_of,
    posterior_shares,
    unproven,
)
from personalize_local.engine.choice.next_item import NextItemMixture, Prefixes
from personalize_local.engine.linear.ridge import NextItemRidge

SHORT, LONG = 2.0, 50.0
"""Memories of the two readings of a history, in events: the mood of the moment and the taste."""
REACH = 100
"""Events of a history that count, the newest, unless the model says otherwise."""
PSEUDO_EVENTS = 1.0
"""Events' worth of the average visitor that a profile starts from."""
_RECENT_SHARE = 0.1


FOLLOWS = ("follows now", "kind follows now", "again now", "follows", "kind follows", "again")


def memory_of(reach: int) -> float:
    """The memory of the taste, in events: one that is longer than the history would be cut off, not fade."""
    return min(LONG, float(reach))


@dataclass(frozen=True, slots=True)
class FeatureExtractor:
    """Fitted makers of features."""

    attributes: sparse.csr_matrix
    fields: Int32
    log_share: Float32
    log_recent: Float32
    log_usual: Float32
    """Shape [m]: the logarithm of each attribute's share of its field, over all events."""
    unproven: Float32
    """Shape [n_items]: how little is known of each item, from 1 for no event down to 0."""
    short: NextItemRidge
    long: NextItemRidge
    journey: NextItemMixture

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in their order."""
        kinds = tuple(f"kind {field}" for field in range(self.n_fields))
        return ("stranger popularity", "stranger trend", "popularity", "trend", *FOLLOWS, *kinds, "journey")

    @property
    def prior(self) -> Float64:
        """Weights that make sense without evidence: the mixture's chances alone."""
        return np.array([0.0] * (4 + len(FOLLOWS) + self.n_fields) + [1.0])

    @property
    def n_fields(self) -> int:
        """How many fields the catalogue has."""
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
        """The makers of features, from events (in order) with a mean weight of about one.

        reach: newest events of a history that count. rank: the dimension that the ridges are squeezed through, None for
        none. recency: without it the trend is the same for all items and says nothing.
        """
        attributes, fields = columns_of(catalogue)
        counts = counts_of(events)
        share = expected_shares(events, catalogue, attributes)
        log_recent = np.zeros(catalogue.n_items)
        if recency:
            last, first = events.time.max(initial=0.0), events.time.min(initial=0.0)
            recent = events.of(events.time >= last - _RECENT_SHARE * (last - first))
            of_recent = counts_of(recent)
            expected = share * max(of_recent.sum(), 1.0)
            log_recent = np.log(posterior_shares(of_recent, exposure_of(recent, catalogue), expected))
        usual = attributes.T @ share
        per_field = np.bincount(fields, weights=usual, minlength=int(fields.max(initial=-1)) + 1)
        return cls(
            attributes,
            fields,
            np.log(share).astype(np.float32),
            log_recent.astype(np.float32),
            np.log(usual / np.maximum(per_field, 1e-12)[fields]).astype(np.float32),
            unproven(counts).astype(np.float32),
            NextItemRidge.fit(events, attributes, tau=SHORT, ridge=ridge, reach=reach, rank=rank),
            NextItemRidge.fit(events, attributes, tau=memory_of(reach), ridge=ridge, reach=reach, rank=rank),
            NextItemMixture.fit(
                events,
                attributes,
                fields,
                share,
                exposure_of(events, catalogue),
                memory=memory_of(reach),
                reach=reach,
            ),
        )

    def of_prefixes(self, events: Events, chosen: npt.NDArray[np.bool_]) -> Float32:
        """Features [q, n_items, k] of the histories before the chosen events; `events` must be in order."""
        prefixes = Prefixes.of(events, chosen, memory=self.long.tau, reach=self.long.reach)
        short = prefix_rows(events, tau=SHORT, reach=self.short.reach)[chosen]
        return self._features(short, prefixes.held, self.journey.log_chances(prefixes))

    def of_history(self, history: History) -> Float32:
        """Features [n_items, k] of one history."""
        rows = self._row(history, self.short), self._row(history, self.long)
        features: Float32 = self._features(*rows, self.journey.log_chances_after(history, self.long.reach)[None, :])[0]
        return features

    def _row(self, history: History, ridge: NextItemRidge) -> sparse.csr_matrix:
        items, values = history_row(history, tau=ridge.tau, reach=ridge.reach)
        return sparse.csr_matrix((values, items, np.array([0, len(items)])), shape=(1, len(self.log_share)))

    def _features(self, short: sparse.csr_matrix, long: sparse.csr_matrix, onward: Float32) -> Float32:
        features = np.empty((*short.shape, len(self.names)), np.float32)
        mass = np.asarray(long.sum(axis=1), dtype=np.float32)
        stranger = 1 / (1 + mass)
        columns = [
            stranger * self.log_share,
            stranger * self.log_recent,
            (1 - stranger) * self.log_share,
            (1 - stranger) * self.log_recent,
            *self._following(short, self.short),
            *self._following(long, self.long),
            *self._kinds(long),
            onward,
        ]
        for number, column in enumerate(columns):
            features[:, :, number] = column
        return features

    def _following(self, rows: sparse.csr_matrix, ridge: NextItemRidge) -> tuple[Float32, Float32, Float32]:
        """What a ridge says of items and of their kinds, as lifts, and how much of the history each item is."""
        items, attributes = ridge.follow(rows, self.attributes)
        # An item that is hardly known follows as often as it is seen at all: silence says nothing against it.
        foreseen = np.maximum(items.sum(axis=1, keepdims=True), 0.0)
        lift = np.log1p(np.maximum(items, 0.0) / np.exp(self.log_share) + foreseen * self.unproven)
        of_attribute = np.log1p(np.maximum(attributes, 0.0) / np.exp(self.log_usual))
        return lift, np.asarray((self.attributes @ of_attribute.T).T), np.log1p(rows.toarray())

    def _kinds(self, rows: sparse.csr_matrix) -> list[Float32]:
        """For each field: how much more of the item's values than usual a visitor has, in logarithms."""
        held = (rows @ self.attributes).toarray()
        usual = np.exp(self.log_usual)
        lifts = []
        for field in range(self.n_fields):
            mine = np.flatnonzero(self.fields == field)
            total = held[:, mine].sum(axis=1, keepdims=True)
            share = (held[:, mine] + PSEUDO_EVENTS * usual[mine]) / (total + PSEUDO_EVENTS)
            lifts.append((self.attributes[:, mine] @ (np.log(share) - self.log_usual[mine]).T).T)
        return lifts

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            **storage.of_sparse("attributes", self.attributes),
            "fields": self.fields,
            "log_share": self.log_share,
            "log_recent": self.log_recent,
            "log_usual": self.log_usual,
            "unproven": self.unproven,
            "reach": np.array(self.long.reach),
            "short_head": self.short.head,
            "short_weights": self.short.weights,
            "long_head": self.long.head,
            "long_weights": self.long.weights,
            **self.journey.arrays(),
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The evidence that `arrays` gave."""
        shape = (len(stored["log_share"]), len(stored["fields"]))
        reach = int(stored["reach"])
        attributes = storage.sparse_of("attributes", stored, shape)
        return cls(
            attributes,
            stored["fields"],
            stored["log_share"],
            stored["log_recent"],
            stored["log_usual"],
            stored["unproven"],
            NextItemRidge(SHORT, reach, stored["short_head"], stored["short_weights"]),
            NextItemRidge(memory_of(reach), reach, stored["long_head"], stored["long_weights"]),
            NextItemMixture.of_arrays(stored, attributes, stored["fields"]),
        )
