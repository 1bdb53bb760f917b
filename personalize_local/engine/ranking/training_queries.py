"""Training queries: on what the ranking pipeline is trained and validated.

A query is one of a user's newest events: given the history before it, which item is next?
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Events, Float64, History, Indices
from personalize_local.engine.base.prefixes import positions

_NEWEST_EVENTS: Final = 20
_NEWEST_SHARE: Final = 3
"""The newest events of a user that become queries: twenty, but at most a third of the user's events."""
_MAX_QUERIES: Final = 10_000
_MIN_QUERIES: Final = 500
_QUERIES_PER_ITEM: Final = 8
"""The most queries for each item of the catalogue: 8,000 for 1,000 items."""
_MAX_SCORES: Final = 200_000_000
"""The most scores over all queries; with more than 20,000 items there are fewer queries."""
_MAX_WEIGHTING: Final = 1000
"""The most queries on which weights are fitted: there are five weights at most."""
_MAX_VALUES: Final = 20_000_000
"""The most features in memory at a time while weights are fitted (80 MB)."""
_VALIDATION_SHARE: Final = 0.25
"""The share of users whose queries validate."""
_SHORT_SHARE: Final = 0.2
_SHORT: Final = 5
"""A fifth of the histories is cut to the newest one to five events, because new users are served too."""
_CUTOFF: Final = 10


@dataclass(frozen=True, slots=True)
class Query:
    """A history and the item that was next."""

    history: History
    item: int
    weight: float
    """The importance of the next event."""
    is_validation: bool
    """Whether the query validates stages; otherwise it trains them. All queries of a user do the same."""


def newest_of(events: Events) -> npt.NDArray[np.bool_]:
    """Shape [n], boolean: which events are among the newest of their users, from which queries are made.

    events: all of them, in order.
    """
    counts = np.bincount(events.user, minlength=events.n_users)[events.user]
    left = counts - positions(events)
    chosen: npt.NDArray[np.bool_] = left <= np.minimum(_NEWEST_EVENTS, counts // _NEWEST_SHARE)
    return chosen


def training_queries(events: Events, newest: npt.NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Query]:
    """The queries: as many as are affordable, drawn at random from the events in `newest` (as `newest_of` gives it)."""
    position = positions(events)
    chosen = np.flatnonzero(newest & (position > 0))
    affordable = min(_MAX_QUERIES, _QUERIES_PER_ITEM * events.n_items, _MAX_SCORES // max(events.n_items, 1))
    most = max(_MIN_QUERIES, affordable)
    chosen = np.sort(rng.permutation(chosen)[:most])
    is_validation = rng.random(events.n_users) < _VALIDATION_SHARE
    short = np.where(rng.random(len(chosen)) < _SHORT_SHARE, rng.integers(1, _SHORT + 1, len(chosen)), len(events))
    for event, length in zip(chosen.tolist(), np.minimum(short, position[chosen]).tolist(), strict=True):
        before = slice(event - length, event)
        history = History(events.item[before], events.time[before], events.weight[before])
        user = int(events.user[event])
        yield Query(history, int(events.item[event]), float(events.weight[event]), bool(is_validation[user]))


def return_rate(events: Events) -> float:
    """The share of events that repeat an item of the same user's history."""
    distinct = np.unique(events.user.astype(np.int64) * max(events.n_items, 1) + events.item)
    return 1 - len(distinct) / max(len(events), 1)


def evenly_sampled(queries: list[Query], values: int) -> list[Query]:
    """At least one, and as many of the queries as fit into memory with `values` features each, at equal distances."""
    step = max(1, -(-len(queries) // max(1, min(_MAX_WEIGHTING, _MAX_VALUES // values))))
    return queries[::step]


def targets_of(queries: list[Query]) -> tuple[Indices, Float64]:
    """The next items and their weights, shape [q] both."""
    return np.array([query.item for query in queries], np.intp), np.array([query.weight for query in queries])


def ndcg_at_10(rank: int) -> float:
    """NDCG@10 of a list whose only relevant item has this rank, from 0."""
    return float(1 / np.log2(rank + 2)) if rank < _CUTOFF else 0.0


def significantly_better(gains: list[float], baseline: list[float]) -> bool:
    """Whether the mean of `gains` is above that of `baseline` by more than the standard error of the difference.

    Both: [q], of the same queries.
    """
    difference = np.array(gains) - np.array(baseline)
    return bool(difference.mean() > difference.std() / np.sqrt(len(difference)))
