"""What is known of the catalogue: attributes in columns, and the share of events that each item may expect."""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, Float64, Int32

MAX_ATTRIBUTES = 1500
"""Attributes that count, those of most items: each has a row and a column in the ridges' dense matrices."""
_MAX_FIELDS = 12
_PRIOR_EVENTS = 5.0
"""Events' worth of its kind's popularity that an item starts from."""
_MIN_EXPOSURE = 0.05
"""Items listed for less than this tell nothing about what their attributes let expect."""
_ATTRIBUTE_RIDGE = 3.0


def expected_shares(events: Events, catalogue: Catalogue, attributes: sparse.csr_matrix) -> Float64:
    """The share of events of each item [n_items], were it listed throughout; they are positive and sum to one.

    An item starts from what its attributes let expect, so that one without events has the share of its kind.
    """
    counts, exposure = counts_of(events), exposure_of(events, catalogue)
    return posterior_shares(counts, exposure, _expected(counts, exposure, attributes))


def unproven(counts: Float64) -> Float64:
    """How little is known of items with these counts of events: 1 for no event, falling to 0."""
    unknown: Float64 = _PRIOR_EVENTS / (counts + _PRIOR_EVENTS)
    return unknown


def columns_of(catalogue: Catalogue) -> tuple[sparse.csr_matrix, Int32]:
    """The catalogue's attributes and the field of each; without attributes, a matrix without columns."""
    if catalogue.attributes is None:
        return sparse.csr_matrix((catalogue.n_items, 0), dtype=np.float32), np.empty(0, np.int32)
    attributes = sparse.csr_matrix(catalogue.attributes, dtype=np.float32)
    held_by = np.asarray((attributes != 0).sum(axis=0)).ravel()
    used = np.flatnonzero(held_by)
    used = np.sort(used[np.argsort(-held_by[used], kind="stable")[:MAX_ATTRIBUTES]])
    attributes = attributes[:, used]
    if catalogue.fields is None:
        return attributes, np.zeros(attributes.shape[1], np.int32)
    _, fields = np.unique(catalogue.fields[used], return_inverse=True)
    return attributes, np.minimum(fields, _MAX_FIELDS - 1).astype(np.int32)


def counts_of(events: Events) -> Float64:
    """The weight of each item's events, shape [n_items]."""
    return np.bincount(events.item, weights=events.weight, minlength=events.n_items).astype(np.float64)


def exposure_of(events: Events, catalogue: Catalogue) -> Float64:
    """The share of all events that came while each item was in the catalogue, shape [n_items]; 1 when not known."""
    if catalogue.created is None or not len(events):
        return np.ones(catalogue.n_items)
    return 1 - np.searchsorted(np.sort(events.time), catalogue.created) / len(events)


def _expected(counts: Float64, exposure: Float64, attributes: sparse.csr_matrix) -> Float64:
    """The events that each item's attributes let expect, were it listed throughout: a ridge on the log of the rates."""
    known = np.flatnonzero(exposure >= _MIN_EXPOSURE)
    level = np.log((counts[known] + 0.5) / exposure[known])
    centre = level.mean() if len(known) else 0.0
    of_known = attributes[known]
    inner = (of_known.T @ of_known).toarray().astype(np.float64)
    inner[np.diag_indices_from(inner)] += _ATTRIBUTE_RIDGE
    slopes = np.linalg.solve(inner, of_known.T @ (level - centre))
    expected: Float64 = np.exp(attributes @ slopes + centre)
    return expected


def posterior_shares(counts: Float64, exposure: Float64, expected: Float64) -> Float64:
    """The share of events that each item would have, listed throughout; they sum to one.

    The mean of a Gamma-Poisson posterior: an item starts from what is expected of it and moves to its own rate with the
    events that it had, or did not have while it was listed.
    """
    rate = (counts + _PRIOR_EVENTS) / (exposure + _PRIOR_EVENTS / expected)
    shares: Float64 = rate / rate.sum()
    return shares
