"""What models derive from the catalogue: the attributes in columns, and the expected share of events of each item."""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, Float64, Int32

MAX_ATTRIBUTES = 1500
"""The most attributes that are used, those of the most items: each is a row and a column of the ridges' dense
matrices."""
_MAX_FIELDS = 12
_PRIOR_EVENTS = 5.0
"""The weight of the prior in an item's rate, in events; the prior is what its attributes predict."""
_MIN_EXPOSURE = 0.05
"""Items with a smaller exposure are not used to predict rates from attributes."""
_ATTRIBUTE_RIDGE = 3.0


def expected_shares(events: Events, catalogue: Catalogue, attributes: sparse.csr_matrix) -> Float64:
    """Shape [n_items]: the share of events of each item if it were in the catalogue at all times; positive, sum one.

    The prior of an item's share is predicted from its attributes, so an item without events has the share of similar
    items. attributes: csr [n_items, m].
    """
    counts, exposure = counts_of(events), exposure_of(events, catalogue)
    return posterior_shares(counts, exposure, _expected(counts, exposure, attributes))


def prior_weight(counts: Float64) -> Float64:
    """The weight of the prior in the posterior of items with these counts of events: 1 without events, falling to 0."""
    weight: Float64 = _PRIOR_EVENTS / (counts + _PRIOR_EVENTS)
    return weight


def attribute_columns(catalogue: Catalogue) -> tuple[sparse.csr_matrix, Int32]:
    """The catalogue's attributes, csr [n_items, m], and the field of each [m]; m is 0 without attributes."""
    if catalogue.attributes is None:
        return sparse.csr_matrix((catalogue.n_items, 0), dtype=np.float32), np.empty(0, np.int32)
    attributes = sparse.csr_matrix(catalogue.attributes, dtype=np.float32)
    item_counts = np.asarray((attributes != 0).sum(axis=0)).ravel()
    used = np.flatnonzero(item_counts)
    used = np.sort(used[np.argsort(-item_counts[used], kind="stable")[:MAX_ATTRIBUTES]])
    attributes = attributes[:, used]
    if catalogue.fields is None:
        return attributes, np.zeros(attributes.shape[1], np.int32)
    _, fields = np.unique(catalogue.fields[used], return_inverse=True)
    return attributes, np.minimum(fields, _MAX_FIELDS - 1).astype(np.int32)


def counts_of(events: Events) -> Float64:
    """Shape [n_items]: the sum of the weights of each item's events."""
    return np.bincount(events.item, weights=events.weight, minlength=events.n_items).astype(np.float64)


def exposure_of(events: Events, catalogue: Catalogue) -> Float64:
    """Shape [n_items]: the share of all events that happened while each item was in the catalogue; 1 when not known."""
    if catalogue.created is None or not len(events):
        return np.ones(catalogue.n_items)
    return 1 - np.searchsorted(np.sort(events.time), catalogue.created) / len(events)


def _expected(counts: Float64, exposure: Float64, attributes: sparse.csr_matrix) -> Float64:
    """Shape [n_items]: the rate of events of each item, predicted from its attributes by a ridge on the log-rates."""
    known = np.flatnonzero(exposure >= _MIN_EXPOSURE)
    log_rates = np.log((counts[known] + 0.5) / exposure[known])
    mean_log_rate = log_rates.mean() if len(known) else 0.0
    known_attributes = attributes[known]
    gram = (known_attributes.T @ known_attributes).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += _ATTRIBUTE_RIDGE
    slopes = np.linalg.solve(gram, known_attributes.T @ (log_rates - mean_log_rate))
    expected: Float64 = np.exp(attributes @ slopes + mean_log_rate)
    return expected


def posterior_shares(counts: Float64, exposure: Float64, expected: Float64) -> Float64:
    """Shape [n_items]: the share of events of each item if it were in the catalogue at all times; the sum is one.

    The mean of a Gamma-Poisson posterior: the prior is the expected rate [n_items]; the more exposure [n_items] and
    events (counts [n_items]) an item has, the nearer it is to its own rate.
    """
    rate = (counts + _PRIOR_EVENTS) / (exposure + _PRIOR_EVENTS / expected)
    shares: Float64 = rate / rate.sum()
    return shares
