"""How much an event says of a taste that may only have stayed with the kind of the event before it.

Were every item chosen by taste alone, the events of a visitor could come in any order: two in a row would have as much
in common as two far apart. What events in a row have in common beyond that comes from staying (a list of one breed, a
shelf), and says nothing new of what the visitor wants.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Float64, Indices, Int32
from personalize_local.engine.base.prefixes import positions

_APART = 10
"""Events that lie so many apart have nothing to do with each other but the visitor."""
_MOST_BITS = 62
"""Fields of a pattern that are told apart; beyond, two fields share a bit."""
_PRIOR_PAIRS = 10.0
"""Pairs' worth of no staying that each pattern starts from."""


def by_taste(events: Events, attributes: sparse.csr_matrix, fields: Int32) -> Float32:
    """The chance that each event was chosen by taste and did not stay with a kind, shape [n]; `events` in order.

    attributes: csr [n_items, m]. fields: the field of each attribute [m]. A pattern is the set of fields of which two
    items share a value. It comes with a share p of the pairs of events far apart, which taste alone brings together,
    and with a share q of those in a row, a mixture of p and of staying. The patterns with q < p, where nothing stays,
    tell the share of taste in the mixture, c; the chance is c p / q, at most 1. Without attributes or long histories it
    is 1. Pairs of the same item do not count.
    """
    chance = np.ones(len(events), np.float32)
    position = positions(events)
    if not len(fields) or position.max(initial=0) < _APART:
        return chance
    later = np.flatnonzero(position > 0)
    later = later[events.item[later] != events.item[later - 1]]
    in_a_row = _patterns(events.item[later], events.item[later - 1], attributes, fields)
    # The same visitors on both sides: those with long histories.
    far = np.flatnonzero(position >= _APART)
    far = far[events.item[far] != events.item[far - _APART]]
    apart = _patterns(events.item[far], events.item[far - _APART], attributes, fields)
    known, number = np.unique(np.r_[in_a_row, apart], return_inverse=True)
    of_row, of_apart = number[: len(later)], number[len(later) :]
    often = _shares(of_row[position[later] >= _APART], len(known))
    usual = _shares(of_apart, len(known))
    prior = _PRIOR_PAIRS / max(len(far), 1)
    rarer = often < usual
    chosen = often[rarer].sum() / usual[rarer].sum() if rarer.any() else 1.0
    chance[later] = np.minimum(1, chosen * (usual + prior) / (often + prior))[of_row]
    return chance


def _patterns(one: Int32, other: Int32, attributes: sparse.csr_matrix, fields: Int32) -> Indices:
    """Of which fields the items share a value, as bits, shape [n]."""
    patterns = np.zeros(len(one), np.intp)
    for field in np.unique(fields):
        mine = attributes[:, np.flatnonzero(fields == field)]
        shared: npt.NDArray[np.bool_] = np.asarray(mine[one].multiply(mine[other]).sum(axis=1)).ravel() > 0
        patterns |= shared.astype(np.intp) << int(field) % _MOST_BITS
    return patterns


def _shares(numbers: Indices, length: int) -> Float64:
    counts = np.bincount(numbers, minlength=length).astype(np.float64)
    shares: Float64 = counts / max(counts.sum(), 1.0)
    return shares
