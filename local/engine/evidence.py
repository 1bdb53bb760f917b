"""What speaks for each item, given a history: the features that the sequence model blends.

popularity      the logarithm of the item's share of all events, apart for strangers and for visitors with a history
trend           the same over the last tenth of the time
kind            for each field of the catalogue: how much more the history holds of the item's value than others do
follows         the item's lift in the next-item ridges, and its kind's
again           how much of the history is the item itself
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from local.engine.data import Catalogue, Events, Float32, Float64, History, Int32
from local.engine.prefixes import history_row, prefix_rows
from local.engine.ridge import NextItemRidge

SHORT, LONG = 2.0, 50.0
"""Memories of the two readings of a history, in events: the mood of the moment and the taste."""
REACH = 100
_PSEUDO_EVENTS = 3.0
"""Events' worth of the average visitor that a profile starts from."""
_PRIOR_EVENTS = 5.0
"""Events' worth of its kind's popularity that an item starts from."""
_MAX_FIELDS = 12
_RECENT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Evidence:
    """Fitted makers of features."""

    attributes: sparse.csr_matrix
    fields: Int32
    log_share: Float32
    log_recent: Float32
    log_usual: Float32
    """Shape [m]: the logarithm of each attribute's share of its field, over all events."""
    short: NextItemRidge
    long: NextItemRidge

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in their order."""
        kinds = tuple(f"kind {field}" for field in range(self._n_fields))
        return ("stranger popularity", "stranger trend", "popularity", "trend", *_FOLLOWS, *kinds)

    @property
    def prior(self) -> Float64:
        """Weights that make sense without evidence: what is popular, and what is like the history."""
        return np.array([1.0, 0.0, 0.5, 0.0] + [0.3] * len(_FOLLOWS) + [0.5] * self._n_fields)

    @property
    def _n_fields(self) -> int:
        return int(self.fields.max(initial=-1)) + 1

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, ridge: float) -> Self:
        """The makers of features, from events (in order) with a mean weight of about one."""
        attributes, fields = _columns(catalogue)
        counts = _counts(events)
        last, first = events.time.max(initial=0.0), events.time.min(initial=0.0)
        recent = events.of(events.time >= last - _RECENT_SHARE * (last - first))
        recent_counts = _counts(recent)
        share = _smoothed(counts, _expected(counts, attributes))
        usual = attributes.T @ share
        per_field = np.bincount(fields, weights=usual, minlength=int(fields.max(initial=-1)) + 1)
        return cls(
            attributes,
            fields,
            np.log(share).astype(np.float32),
            np.log(_smoothed(recent_counts, share)).astype(np.float32),
            np.log(usual / np.maximum(per_field, 1e-12)[fields]).astype(np.float32),
            NextItemRidge.fit(events, attributes, tau=SHORT, ridge=ridge, reach=REACH),
            NextItemRidge.fit(events, attributes, tau=LONG, ridge=ridge, reach=REACH),
        )

    def of_prefixes(self, events: Events, chosen: npt.NDArray[np.bool_]) -> Float32:
        """Features [q, n_items, k] of the histories before the chosen events; `events` must be in order."""
        return self._features(
            prefix_rows(events, tau=SHORT, reach=REACH)[chosen], prefix_rows(events, tau=LONG, reach=REACH)[chosen]
        )

    def of_history(self, history: History) -> Float32:
        """Features [n_items, k] of one history."""
        features: Float32 = self._features(self._row(history, SHORT), self._row(history, LONG))[0]
        return features

    def _row(self, history: History, tau: float) -> sparse.csr_matrix:
        items, values = history_row(history, tau=tau, reach=REACH)
        return sparse.csr_matrix((values, items, np.array([0, len(items)])), shape=(1, len(self.log_share)))

    def _features(self, short: sparse.csr_matrix, long: sparse.csr_matrix) -> Float32:
        features = np.empty((*short.shape, len(self.names)), np.float32)
        mass = np.asarray(long.sum(axis=1), dtype=np.float32)
        stranger = 1 / (1 + mass)
        features[:, :, 0] = stranger * self.log_share
        features[:, :, 1] = stranger * self.log_recent
        features[:, :, 2] = (1 - stranger) * self.log_share
        features[:, :, 3] = (1 - stranger) * self.log_recent
        column = 4
        share = np.exp(self.log_share)
        for rows, ridge in ((short, self.short), (long, self.long)):
            items, kinds = ridge.follow(rows, self.attributes)
            features[:, :, column] = _lift(items, share)
            features[:, :, column + 1] = _log_lift_of_kinds(kinds, self)
            features[:, :, column + 2] = np.log1p(rows.toarray())
            column += 3
        held = (long @ self.attributes).toarray()
        lifts = self._lifts(held)
        for field in range(self._n_fields):
            of_field = np.flatnonzero(self.fields == field)
            features[:, :, column + field] = (self.attributes[:, of_field] @ lifts[:, of_field].T).T
        return features

    def _lifts(self, held: Float32) -> Float32:
        """How much more of each attribute than usual a visitor has, in logarithms: shape [q, m]."""
        total = np.zeros((len(held), self._n_fields), np.float32)
        for field in range(self._n_fields):
            total[:, field] = held[:, self.fields == field].sum(axis=1)
        usual = _PSEUDO_EVENTS * np.exp(self.log_usual)
        shares = (held + usual) / (total[:, self.fields] + _PSEUDO_EVENTS)
        lifts: Float32 = np.log(shares) - self.log_usual
        return lifts

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        return {
            "attributes_data": self.attributes.data,
            "attributes_indices": self.attributes.indices,
            "attributes_indptr": self.attributes.indptr,
            "fields": self.fields,
            "log_share": self.log_share,
            "log_recent": self.log_recent,
            "log_usual": self.log_usual,
            "short_head": self.short.head,
            "short_weights": self.short.weights,
            "long_head": self.long.head,
            "long_weights": self.long.weights,
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The evidence that `arrays` gave."""
        parts = (stored["attributes_data"], stored["attributes_indices"], stored["attributes_indptr"])
        shape = (len(stored["log_share"]), len(stored["fields"]))
        return cls(
            sparse.csr_matrix(parts, shape=shape),
            stored["fields"],
            stored["log_share"],
            stored["log_recent"],
            stored["log_usual"],
            NextItemRidge(SHORT, REACH, stored["short_head"], stored["short_weights"]),
            NextItemRidge(LONG, REACH, stored["long_head"], stored["long_weights"]),
        )


_FOLLOWS = ("follows now", "kind follows now", "again now", "follows", "kind follows", "again")


def _columns(catalogue: Catalogue) -> tuple[sparse.csr_matrix, Int32]:
    """The catalogue's attributes and the field of each; without attributes, a matrix without columns."""
    if catalogue.attributes is None:
        return sparse.csr_matrix((catalogue.n_items, 0), dtype=np.float32), np.empty(0, np.int32)
    attributes = sparse.csr_matrix(catalogue.attributes, dtype=np.float32)
    used = np.flatnonzero(np.asarray(attributes.sum(axis=0)).ravel())
    attributes = attributes[:, used]
    if catalogue.fields is None:
        return attributes, np.zeros(attributes.shape[1], np.int32)
    _, fields = np.unique(catalogue.fields[used], return_inverse=True)
    return attributes, np.minimum(fields, _MAX_FIELDS - 1).astype(np.int32)


def _counts(events: Events) -> Float64:
    return np.bincount(events.item, weights=events.weight, minlength=events.n_items).astype(np.float64)


def _expected(counts: Float64, attributes: sparse.csr_matrix) -> Float64:
    """The share of all events that an item's kind lets expect, shape [n_items], summing to one."""
    level = np.log(counts + 1.0)
    centre = level.mean() if len(level) else 0.0
    inner = (attributes.T @ attributes).toarray().astype(np.float64)
    inner[np.diag_indices_from(inner)] += 10.0
    slopes = np.linalg.solve(inner, attributes.T @ (level - centre))
    expected: Float64 = np.exp(attributes @ slopes + centre)
    expected /= expected.sum()
    return expected


def _smoothed(counts: Float64, prior: Float64) -> Float64:
    """Counts as shares, each item starting from a few events' worth of its prior share."""
    smoothed: Float64 = counts + _PRIOR_EVENTS * len(prior) * prior
    smoothed /= smoothed.sum()
    return smoothed


def _lift(likely: Float32, share: Float32) -> Float32:
    """log(1 + chance / usual chance): nothing for a chance of 0, flat where the ridge falls below it."""
    lift: Float32 = np.log1p(np.maximum(likely, 0.0) / share)
    return lift


def _log_lift_of_kinds(likely: Float32, evidence: Evidence) -> Float32:
    lifts = np.log1p(np.maximum(likely, 0.0) / np.exp(evidence.log_usual))
    return np.asarray((evidence.attributes @ lifts.T).T, dtype=np.float32)
