"""Sums over histories, from pairs of events: what next-item ridges need, without a row for each history.

The histories before the events of a visitor (`prefixes`) are nested: X'DX and X'DY are sums over pairs of events that
lie at most `reach` apart, with weights in closed form. That costs n * reach additions where the product of the rows
costs n * reach^2. D holds the events' weights.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float64, Indices, Int32
from personalize_local.engine.base.prefixes import positions

_NEGLIGIBLE: Final = 1e-7
"""Weights of pairs below this are left out, relative to the largest."""
_HELD: Final = 16_000_000
"""Pairs held at once before they are summed up."""
_MOST_PAIRS: Final = 40_000_000
_LEAST_REACH: Final = 8
_DOUBLE_ITEMS: Final = 10_000
"""Larger catalogues are summed in single precision: their matrices are large, and their systems small."""


def affordable_reach(n_events: int, reach: int) -> int:
    """The newest events of a history that can count when there are so many events in all: fewer beyond 400,000."""
    return min(reach, max(_LEAST_REACH, _MOST_PAIRS // max(n_events, 1)))


def gram(events: Events, *, tau: float, reach: int) -> sparse.csr_matrix:
    """X'DX, the sum over all events of weight * row' row. Shape [n_items, n_items]; `events` must be in order."""
    left = _left(events)
    decay = float(np.exp(-2 / tau))
    endless = _decayed_after(events, left, decay)
    weight = events.weight.astype(np.float64)
    own = weight**2 * _within(endless, left, decay, reach)
    # As floats: without any event the counts would be integers.
    diagonal = np.bincount(events.item, weights=own, minlength=events.n_items).astype(np.float64)

    def pairs() -> Iterator[tuple[Int32, Int32, Float64]]:
        for lag in range(1, _last_lag(left, tau, reach - 1) + 1):
            first = np.flatnonzero(left >= lag)
            second = first + lag
            # The row must hold the older event too, so fewer rows hold a pair the farther it is apart.
            rows = _within(endless, left, decay, reach - lag)[second]
            yield events.item[first], events.item[second], weight[first] * weight[second] * np.exp(-lag / tau) * rows

    upper = _summed(pairs(), events.n_items)
    return (upper + upper.T + sparse.diags_array(diagonal.astype(upper.dtype))).tocsr()


def cross(events: Events, *, tau: float, reach: int, ahead: float = 0.0) -> sparse.csr_matrix:
    """X'DY, Y holding each event's item. Shape [n_items, n_items]: what stood in the history, what came.

    ahead: the later events of the visitor count as well, as exp(-steps / ahead); 0 for the next one alone.
    """
    left = _left(events)
    weight = events.weight.astype(np.float64)

    def pairs() -> Iterator[tuple[Int32, Int32, Float64]]:
        for lag in range(1, _last_lag(left, max(tau, ahead), reach) + 1):
            first = np.flatnonzero(left >= lag)
            second = first + lag
            yield events.item[first], events.item[second], weight[first] * weight[second] * _follows(lag, tau, ahead)

    return _summed(pairs(), events.n_items)


def _follows(lag: int, tau: float, ahead: float) -> float:
    """What a pair that far apart counts: the sum over the rows between of the input's age and the target's distance."""
    if not ahead:
        return float(np.exp((1 - lag) / tau))
    age = np.arange(lag)
    return float(np.sum(np.exp(-age / tau - (lag - 1 - age) / ahead)))


def _left(events: Events) -> Indices:
    """How many events of the same user come after each one, shape [n]."""
    counts = np.bincount(events.user, minlength=events.n_users)
    return counts[events.user] - 1 - positions(events)


def _last_lag(left: Indices, tau: float, reach: int) -> int:
    return min(reach, int(left.max(initial=0)), int(-tau * np.log(_NEGLIGIBLE)) + 1)


def _decayed_after(events: Events, left: Indices, decay: float) -> Float64:
    """For each event: the weights of the user's later events, the next one whole and each further one times `decay`."""
    total = np.zeros(len(events))
    later = np.flatnonzero(left >= 1)
    total[later] = events.weight[later + 1]
    span = 1
    while span <= left.max(initial=0) and decay**span > _NEGLIGIBLE:
        both = np.flatnonzero(left >= span)
        doubled = total.copy()
        doubled[both] += decay**span * total[both + span]
        total, span = doubled, 2 * span
    return total


def _within(endless: Float64, left: Indices, decay: float, count: int) -> Float64:
    """The same sum over the next `count` events alone."""
    short = endless.copy()
    beyond = np.flatnonzero(left >= count)
    short[beyond] -= decay**count * endless[beyond + count]
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
