"""Stickiness: events that continue with the kind of item of the event before say less of the user's taste.

If users chose every item by taste alone, their events could be in any order: two adjacent events would have as much in
common as two distant ones. What adjacent events have in common beyond that comes from the way that users browse (a list
of one breed, for example), and tells nothing new of their tastes.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Float64, Indices, Int32
from personalize_local.engine.base.prefixes import positions

_LAG = 10
"""Two events of a user with this distance, in events, are taken as independent of the way that the user browses."""
_MAX_BITS = 62
"""The bits of a pattern; with more fields, two fields share a bit."""
_PRIOR_PAIRS = 10.0
"""Pseudo-pairs without stickiness by which the share of each pattern is smoothed."""


def preference_probability(events: Events, attributes: sparse.csr_matrix, fields: Int32) -> Float32:
    """Shape [n]: the probability that each event was chosen by taste and did not only continue with a kind of item.

    events: in order. attributes: csr [n_items, m]. fields: [m], the field of each attribute. A pattern is the set of
    fields in which two items share a value. Let p be a pattern's share of the pairs of distant events, which depends on
    tastes alone, and q its share of the pairs of adjacent events, a mixture of p and of stickiness. The patterns with
    q < p have no stickiness, so they give c, the share of choices by taste among adjacent events. The probability is
    c p / q, at most 1. It is 1 without attributes or long histories. Pairs of the same item do not count.
    """
    probability = np.ones(len(events), np.float32)
    position = positions(events)
    if not len(fields) or position.max(initial=0) < _LAG:
        return probability
    later = np.flatnonzero(position > 0)
    later = later[events.item[later] != events.item[later - 1]]
    in_a_row = _patterns(events.item[later], events.item[later - 1], attributes, fields)
    # Adjacent and distant pairs of the same users: those with long histories.
    far = np.flatnonzero(position >= _LAG)
    far = far[events.item[far] != events.item[far - _LAG]]
    apart = _patterns(events.item[far], events.item[far - _LAG], attributes, fields)
    known, number = np.unique(np.r_[in_a_row, apart], return_inverse=True)
    of_row, of_apart = number[: len(later)], number[len(later) :]
    adjacent_share = _shares(of_row[position[later] >= _LAG], len(known))
    distant_share = _shares(of_apart, len(known))
    prior = _PRIOR_PAIRS / max(len(far), 1)
    rarer = adjacent_share < distant_share
    preference_share = adjacent_share[rarer].sum() / distant_share[rarer].sum() if rarer.any() else 1.0
    probability[later] = np.minimum(1, preference_share * (distant_share + prior) / (adjacent_share + prior))[of_row]
    return probability


def _patterns(one: Int32, other: Int32, attributes: sparse.csr_matrix, fields: Int32) -> Indices:
    """Shape [n]: the fields in which items `one` and `other` [n] share a value, as bits."""
    patterns = np.zeros(len(one), np.intp)
    for field in np.unique(fields):
        mine = attributes[:, np.flatnonzero(fields == field)]
        shared: npt.NDArray[np.bool_] = np.asarray(mine[one].multiply(mine[other]).sum(axis=1)).ravel() > 0
        patterns |= shared.astype(np.intp) << int(field) % _MAX_BITS
    return patterns


def _shares(numbers: Indices, length: int) -> Float64:
    counts = np.bincount(numbers, minlength=length).astype(np.float64)
    shares: Float64 = counts / max(counts.sum(), 1.0)
    return shares
