"""The matrices X'DX and X'DY of next-item ridges, as sums over pairs of events, without a row for each history.

X has the histories before each event (`prefixes`), Y the items of the events, D the events' weights. The histories
before the events of a user are nested, so X'DX and X'DY are sums over pairs of events at most `reach` apart, with
weights in closed form. That needs n * reach additions; the product of the rows needs n * reach^2.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float64, Indices, Int32
from personalize_local.engine.base.prefixes import positions

_NEGLIGIBLE: Final = 1e-7
"""Pairs with a smaller weight, relative to the largest, are left out."""
_HELD: Final = 16_000_000
"""Pairs in memory at a time, before they are summed."""
_MAX_PAIRS: Final = 40_000_000
_MIN_REACH: Final = 8
_DOUBLE_ITEMS: Final = 10_000
"""Larger catalogues are summed in single precision: their matrices are large, and the systems to solve are small."""


def affordable_reach(n_events: int, reach: int) -> int:
    """The number of newest events of a history that count, for so many events in all: less than `reach` for many."""
    return min(reach, max(_MIN_REACH, _MAX_PAIRS // max(n_events, 1)))


def gram(events: Events, *, tau: float, reach: int) -> sparse.csr_matrix:
    """csr [n_items, n_items]: X'DX, the sum of weight * row' row over all events; `events` must be in order."""
    later_counts = _later_counts(events)
    decay = float(np.exp(-2 / tau))
    unlimited = _decayed_after(events, later_counts, decay)
    weight = events.weight.astype(np.float64)
    squares = weight**2 * _windowed(unlimited, later_counts, decay, reach)
    # As floats: without any event the counts would be integers.
    diagonal = np.bincount(events.item, weights=squares, minlength=events.n_items).astype(np.float64)

    def pairs() -> Iterator[tuple[Int32, Int32, Float64]]:
        for lag in range(1, _last_lag(later_counts, tau, reach - 1) + 1):
            first = np.flatnonzero(later_counts >= lag)
            second = first + lag
            # A row that has the pair must have its older event too: the larger the distance, the fewer rows.
            rows = _windowed(unlimited, later_counts, decay, reach - lag)[second]
            yield events.item[first], events.item[second], weight[first] * weight[second] * np.exp(-lag / tau) * rows

    upper = _summed(pairs(), events.n_items)
    return (upper + upper.T + sparse.diags_array(diagonal.astype(upper.dtype))).tocsr()


def cross(events: Events, *, tau: float, reach: int, target_tau: float = 0.0) -> sparse.csr_matrix:
    """csr [n_items, n_items]: X'DY; rows are items of the history, columns the items of the events after it.

    target_tau: with a positive one, later events of the user are targets too, with the weight
    exp(-steps / target_tau); with 0 only the next event is a target.
    """
    later_counts = _later_counts(events)
    weight = events.weight.astype(np.float64)

    def pairs() -> Iterator[tuple[Int32, Int32, Float64]]:
        for lag in range(1, _last_lag(later_counts, max(tau, target_tau), reach) + 1):
            first = np.flatnonzero(later_counts >= lag)
            second = first + lag
            yield (
                events.item[first],
                events.item[second],
                weight[first] * weight[second] * _pair_weight(lag, tau, target_tau),
            )

    return _summed(pairs(), events.n_items)


def _pair_weight(lag: int, tau: float, target_tau: float) -> float:
    """The weight of a pair whose events are `lag` apart: the sum over the histories that end between them."""
    if not target_tau:
        return float(np.exp((1 - lag) / tau))
    age = np.arange(lag)
    return float(np.sum(np.exp(-age / tau - (lag - 1 - age) / target_tau)))


def _later_counts(events: Events) -> Indices:
    """Shape [n]: the number of later events of the same user."""
    counts = np.bincount(events.user, minlength=events.n_users)
    return counts[events.user] - 1 - positions(events)


def _last_lag(later_counts: Indices, tau: float, reach: int) -> int:
    return min(reach, int(later_counts.max(initial=0)), int(-tau * np.log(_NEGLIGIBLE)) + 1)


def _decayed_after(events: Events, later_counts: Indices, decay: float) -> Float64:
    """Shape [n]: the sum of the weights of the user's later events; each further event is multiplied by `decay`."""
    total = np.zeros(len(events))
    later = np.flatnonzero(later_counts >= 1)
    total[later] = events.weight[later + 1]
    span = 1
    while span <= later_counts.max(initial=0) and decay**span > _NEGLIGIBLE:
        both = np.flatnonzero(later_counts >= span)
        doubled = total.copy()
        doubled[both] += decay**span * total[both + span]
        total, span = doubled, 2 * span
    return total


def _windowed(unlimited: Float64, later_counts: Indices, decay: float, count: int) -> Float64:
    """Shape [n]: the same sum over only the next `count` events. unlimited: [n], the sum over all."""
    short = unlimited.copy()
    beyond = np.flatnonzero(later_counts >= count)
    short[beyond] -= decay**count * unlimited[beyond + count]
    return short


def _summed(pairs: Iterator[tuple[Int32, Int32, Float64]], n_items: int) -> sparse.csr_matrix:
    precision: type[np.float64 | np.float32] = np.float64 if n_items <= _DOUBLE_ITEMS else np.float32
    total = sparse.csr_matrix((n_items, n_items), dtype=precision)
    held: list[tuple[Int32, Int32, npt.NDArray[Any]]] = []
    count = 0
    for pair in pairs:
        held.append((pair[0], pair[1], pair[2].astype(precision)))
        count += len(pair[0])
        if count > _HELD:
            total, held, count = total + _matrix(held, n_items), [], 0
    return (total + _matrix(held, n_items)).tocsr() if held else total


def _matrix(pairs: list[tuple[Int32, Int32, npt.NDArray[Any]]], n_items: int) -> sparse.csr_matrix:
    rows, columns, values = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return sparse.csr_matrix((values, (rows, columns)), shape=(n_items, n_items))
