"""What the stack learns from and is judged by: visitors' newest events, each asked of the history before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Events, Float64, History, Indices
from personalize_local.engine.base.prefixes import positions

_NEWEST_EVENTS: Final = 20
_NEWEST_SHARE: Final = 3
"""A visitor's newest events that are learned from: twenty, at most a third of them."""
_MOST_QUERIES: Final = 10_000
_LEAST_QUERIES: Final = 500
_QUERIES_PER_ITEM: Final = 8
"""Small catalogues have less to tell: a thousand items ask eight thousand times."""
_MOST_SCORES: Final = 200_000_000
"""Items scored in all; beyond 20,000 items there are fewer queries."""
_MOST_WEIGHING: Final = 1000
"""Queries that weights are fitted on: there are five at most."""
_MOST_VALUES: Final = 20_000_000
"""Features held at once while weights are fitted (80 MB)."""
_CHECKING_SHARE: Final = 0.25
_SHORT_SHARE: Final = 0.2
_SHORT: Final = 5
"""A fifth of the histories are cut to their newest one to five events: newcomers are served too."""
_CUTOFF: Final = 10


@dataclass(frozen=True, slots=True)
class Query:
    """A history and the item that came next; `checks` says that its visitor teaches nothing but decides."""

    history: History
    item: int
    weight: float
    checks: bool


def newest_of(events: Events) -> npt.NDArray[np.bool_]:
    """Which events, of all in order, are their users' newest: those that are learned from."""
    counts = np.bincount(events.user, minlength=events.n_users)[events.user]
    left = counts - positions(events)
    chosen: npt.NDArray[np.bool_] = left <= np.minimum(_NEWEST_EVENTS, counts // _NEWEST_SHARE)
    return chosen


def queries_of(events: Events, newest: npt.NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Query]:
    """What is asked: `newest` as `newest_of` gives it, as many as are affordable, drawn from all."""
    position = positions(events)
    chosen = np.flatnonzero(newest & (position > 0))
    affordable = min(_MOST_QUERIES, _QUERIES_PER_ITEM * events.n_items, _MOST_SCORES // max(events.n_items, 1))
    most = max(_LEAST_QUERIES, affordable)
    chosen = np.sort(rng.permutation(chosen)[:most])
    checks = rng.random(events.n_users) < _CHECKING_SHARE
    short = np.where(rng.random(len(chosen)) < _SHORT_SHARE, rng.integers(1, _SHORT + 1, len(chosen)), len(events))
    for event, length in zip(chosen.tolist(), np.minimum(short, position[chosen]).tolist(), strict=True):
        before = slice(event - length, event)
        history = History(events.item[before], events.time[before], events.weight[before])
        user = int(events.user[event])
        yield Query(history, int(events.item[event]), float(events.weight[event]), bool(checks[user]))


def returns_of(events: Events) -> float:
    """The share of events on an item that the visitor met before."""
    met = np.unique(events.user.astype(np.int64) * max(events.n_items, 1) + events.item)
    return 1 - len(met) / max(len(events), 1)


def some_of(queries: list[Query], values: int) -> list[Query]:
    """Evenly from all as many as can be held at so many values each, and at least one."""
    step = max(1, -(-len(queries) // max(1, min(_MOST_WEIGHING, _MOST_VALUES // values))))
    return queries[::step]


def targets_of(queries: list[Query]) -> tuple[Indices, Float64]:
    """The items that came and what they weigh, shape [q] both."""
    return np.array([query.item for query in queries], np.intp), np.array([query.weight for query in queries])


def ndcg_at_10(rank: int) -> float:
    """NDCG at 10 of the only item that is relevant."""
    return float(1 / np.log2(rank + 2)) if rank < _CUTOFF else 0.0


def significantly_better(gains: list[float], than: list[float]) -> bool:
    """By more than the standard error of the difference."""
    difference = np.array(gains) - np.array(than)
    return bool(difference.mean() > difference.std() / np.sqrt(len(difference)))
