"""The re-ranker's features for the candidates of many visitors at once: as `Candidates.features`, in whole tables."""

from typing import Any, Protocol

import numpy as np

from personalize_local.engine.base.data import Float32, Float64, Indices
from personalize_local.engine.base.history_rows import HistoryRows
from personalize_local.engine.base.timeline import DAY
from personalize_local.engine.linear.parts import NAMES, Parts
from personalize_local.engine.ranking.candidates import (
    DAYS,
    MOST_EVENTS,
    NEWEST,
    PRIOR_EVENTS,
    SESSION_GAP,
    TASTE_EVENTS,
    Candidates,
)


class Readings(Protocol):
    """What all but the re-ranker say of q histories: logits and total [q, n_items], signals [readings, q, n_items]."""

    @property
    def logits(self) -> Float32: ...
    @property
    def signals(self) -> Float32: ...
    @property
    def total(self) -> Float32: ...


def features_of(
    candidates: Candidates, parts: Parts, items: Indices, whose: Indices, rows: HistoryRows, reading: Readings
) -> Float32:
    """Features [v, c, k] of the candidates `items` [v, c], ordered by falling total, of the histories `whose` [v]."""
    visitors, count = items.shape
    newest = _Newest(rows, whose)
    features = np.empty((visitors, count, len(candidates.names)), np.float32)
    at = whose[:, None], items
    total = reading.total[at]
    signals = reading.signals[:, at[0], at[1]]
    ranks = np.argsort(np.argsort(-signals, axis=2, kind="stable"), axis=2, kind="stable")
    columns: list[Any] = [total, np.arange(count), total - total[:, :1], reading.logits[at], *signals, *ranks]
    columns.extend(_after(newest, items, parts))
    columns.extend(_popularity(candidates, newest, items))
    columns.extend(column[:, None] for column in newest.visit())
    columns.extend(newest.again(items))
    columns.extend(_alike(candidates, newest, items))
    for number, column in enumerate(columns):
        features[:, :, number] = column
    return features


class _Newest:
    """The newest events of some histories, side by side from the newest on: shape [v, l], -1 where there is none."""

    def __init__(self, rows: HistoryRows, whose: Indices) -> None:
        ends = np.cumsum(np.bincount(rows.row, minlength=rows.size))[whose]
        self.length = np.bincount(rows.row, minlength=rows.size)[whose]
        longest = min(int(self.length.max(initial=1)), MOST_EVENTS)
        back = np.arange(longest)
        self.there = back < self.length[:, None]
        place = np.where(self.there, ends[:, None] - 1 - back, 0)
        self.item = np.where(self.there, rows.item[place], -1)
        self.weight = np.where(self.there, rows.weight[place], np.float32(0))
        self.time: Float64 = np.where(self.there, rows.time[place], 0.0)

    def visit(self) -> list[Float32]:
        """Events of the history, events of the session, weight of the newest: shape [v] each."""
        length = np.minimum(self.length, MOST_EVENTS)
        pause = (self.time[:, :-1] - self.time[:, 1:] > SESSION_GAP) & self.there[:, 1:]
        session = np.where(pause.any(axis=1), np.argmax(pause, axis=1) + 1 if pause.shape[1] else 0, length)
        logs = [np.log1p(length).astype(np.float32), np.log1p(session).astype(np.float32)]
        return [*logs, self.weight[:, 0]]

    def again(self, items: Indices) -> list[Float32]:
        """How much of the history each candidate is, and how many events ago it came last: shape [v, c] each."""
        much = np.zeros(items.shape, np.float32)
        since = np.full(items.shape, MOST_EVENTS, np.float32)
        for back in range(self.item.shape[1] - 1, -1, -1):
            same = items == self.item[:, back : back + 1]
            much += same * self.weight[:, back : back + 1]
            since[same] = back
        return [much, since]

    def of_taste(self, values: Float32) -> Float32:
        """The mean of the items' `values` [n_items] over the newest few events, shape [v]."""
        there = self.there[:, :TASTE_EVENTS]
        of_items = np.where(there, values[self.item[:, :TASTE_EVENTS]], 0)
        mean: Float32 = of_items.sum(axis=1) / there.sum(axis=1)
        return mean


def _after(newest: _Newest, items: Indices, parts: Parts) -> list[Float32]:
    columns: list[Float32] = []
    for back in range(NEWEST):
        there = back < newest.item.shape[1]
        item = newest.item[:, back] if there else np.full(len(items), -1)
        columns.extend(parts.pairs(part, item, items) for part in range(len(NAMES)))
    return columns


def _popularity(candidates: Candidates, newest: _Newest, items: Indices) -> list[Float32]:
    timeline, moment = candidates.timeline, newest.time[:, 0]
    before, whole = timeline.before(items, moment[:, None]), timeline.totals_before(moment)
    recent, lately = [], whole
    for days in DAYS:
        recent.append(before - timeline.before(items, (moment - days * DAY)[:, None]))
        lately = whole - timeline.totals_before(moment - days * DAY)
    share = np.log((before + 1) / (whole + PRIOR_EVENTS)[:, None])
    trend = np.log((recent[-1] + 1) / (lately + PRIOR_EVENTS)[:, None]) - share
    of_history = newest.of_taste(candidates.log_counts)[:, None]
    counts = candidates.log_counts[items]
    age = np.clip((moment[:, None] - candidates.created[items]) / DAY, -1000, 5000)
    logs = [np.log1p(count) for count in recent]
    return [np.log1p(before), share, *logs, trend, counts, age, of_history, counts - of_history]


def _alike(candidates: Candidates, newest: _Newest, items: Indices) -> list[Any]:
    """How many attributes a candidate shares with the newest event's item, and with the newest on average."""
    attributes = candidates.attributes
    if not attributes.shape[1]:
        return [0.0, 0.0]
    there = newest.there[:, :TASTE_EVENTS]
    row, back = np.nonzero(there)
    met = attributes[newest.item[row, back]]
    begins = np.searchsorted(row, np.arange(len(items)))
    of_history = np.add.reduceat(met.toarray(), begins, axis=0) / there.sum(axis=1, keepdims=True)
    of_newest = attributes[newest.item[:, 0]].toarray()
    own = attributes[items.ravel()]
    entry = np.repeat(np.arange(items.size), np.diff(own.indptr))
    visitor = entry // items.shape[1]

    def shared(held: Float32) -> Float32:
        amount = np.bincount(entry, weights=own.data * held[visitor, own.indices], minlength=items.size)
        return amount.astype(np.float32).reshape(items.shape)

    return [shared(of_newest), shared(of_history)]
