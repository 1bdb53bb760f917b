"""The re-ranker's features for the candidates of many histories at once: `CandidateFeatures.features` in arrays."""

from typing import Any, Protocol

import numpy as np

from personalize_local.engine.base.data import Float32, Float64, Indices
from personalize_local.engine.base.history_rows import HistoryRows
from personalize_local.engine.base.timeline import DAY
from personalize_local.engine.linear.parts import NAMES, Parts
from personalize_local.engine.ranking.candidates import (
    DAYS,
    MAX_EVENTS,
    NEWEST,
    PRIOR_EVENTS,
    PROFILE_EVENTS,
    SESSION_GAP,
    CandidateFeatures,
)


class BatchScores(Protocol):
    """The scores of q histories by the stages below the re-ranker, as `StageScores` with one more dimension.

    logits and total: [q, n_items]. signals: [signals, q, n_items].
    """

    @property
    def logits(self) -> Float32: ...
    @property
    def signals(self) -> Float32: ...
    @property
    def total(self) -> Float32: ...


def features_of(
    candidates: CandidateFeatures,
    parts: Parts,
    items: Indices,
    history_of: Indices,
    rows: HistoryRows,
    stage_scores: BatchScores,
) -> Float32:
    """Shape [v, c, k]: the features of candidates of v of the histories in `rows`.

    items: [v, c], the candidates, ordered by falling total score. history_of: [v], the numbers of the histories.
    """
    n_histories, count = items.shape
    newest = _NewestEvents(rows, history_of)
    features = np.empty((n_histories, count, len(candidates.names)), np.float32)
    at = history_of[:, None], items
    total = stage_scores.total[at]
    signals = stage_scores.signals[:, at[0], at[1]]
    ranks = np.argsort(np.argsort(-signals, axis=2, kind="stable"), axis=2, kind="stable")
    columns: list[Any] = [total, np.arange(count), total - total[:, :1], stage_scores.logits[at], *signals, *ranks]
    columns.extend(_pair_scores(newest, items, parts))
    columns.extend(_popularity(candidates, newest, items))
    columns.extend(column[:, None] for column in newest.session())
    columns.extend(newest.repeats(items))
    columns.extend(_similarity(candidates, newest, items))
    for number, column in enumerate(columns):
        features[:, :, number] = column
    return features


class _NewestEvents:
    """The l newest events of v histories, from the newest on, in arrays of shape [v, l].

    `present` says which entries are events; the others have item -1 and weight 0.
    """

    def __init__(self, rows: HistoryRows, history_of: Indices) -> None:
        ends = np.cumsum(np.bincount(rows.row, minlength=rows.size))[history_of]
        self.length = np.bincount(rows.row, minlength=rows.size)[history_of]
        longest = min(int(self.length.max(initial=1)), MAX_EVENTS)
        back = np.arange(longest)
        self.present = back < self.length[:, None]
        place = np.where(self.present, ends[:, None] - 1 - back, 0)
        self.item = np.where(self.present, rows.item[place], -1)
        self.weight = np.where(self.present, rows.weight[place], np.float32(0))
        self.time: Float64 = np.where(self.present, rows.time[place], 0.0)

    def session(self) -> list[Float32]:
        """The log-lengths of the history and of the session, and the newest event's weight: shape [v] each."""
        length = np.minimum(self.length, MAX_EVENTS)
        pause = (self.time[:, :-1] - self.time[:, 1:] > SESSION_GAP) & self.present[:, 1:]
        session = np.where(pause.any(axis=1), np.argmax(pause, axis=1) + 1 if pause.shape[1] else 0, length)
        logs = [np.log1p(length).astype(np.float32), np.log1p(session).astype(np.float32)]
        return [*logs, self.weight[:, 0]]

    def repeats(self, items: Indices) -> list[Float32]:
        """Each candidate's weight in the history, and the number of events since its last one: shape [v, c] each."""
        history_weight = np.zeros(items.shape, np.float32)
        since = np.full(items.shape, MAX_EVENTS, np.float32)
        for back in range(self.item.shape[1] - 1, -1, -1):
            same = items == self.item[:, back : back + 1]
            history_weight += same * self.weight[:, back : back + 1]
            since[same] = back
        return [history_weight, since]

    def profile_mean(self, values: Float32) -> Float32:
        """Shape [v]: the mean of `values` [n_items] over the items of the profile, the newest PROFILE_EVENTS events."""
        present = self.present[:, :PROFILE_EVENTS]
        of_items = np.where(present, values[self.item[:, :PROFILE_EVENTS]], 0)
        mean: Float32 = of_items.sum(axis=1) / present.sum(axis=1)
        return mean


def _pair_scores(newest: _NewestEvents, items: Indices, parts: Parts) -> list[Float32]:
    columns: list[Float32] = []
    for back in range(NEWEST):
        present = back < newest.item.shape[1]
        item = newest.item[:, back] if present else np.full(len(items), -1)
        columns.extend(parts.pair_scores(part, item, items) for part in range(len(NAMES)))
    return columns


def _popularity(candidates: CandidateFeatures, newest: _NewestEvents, items: Indices) -> list[Float32]:
    timeline, moment = candidates.timeline, newest.time[:, 0]
    before, whole = timeline.before(items, moment[:, None]), timeline.totals_before(moment)
    recent, recent_total = [], whole
    for days in DAYS:
        recent.append(before - timeline.before(items, (moment - days * DAY)[:, None]))
        recent_total = whole - timeline.totals_before(moment - days * DAY)
    share = np.log((before + 1) / (whole + PRIOR_EVENTS)[:, None])
    trend = np.log((recent[-1] + 1) / (recent_total + PRIOR_EVENTS)[:, None]) - share
    of_history = newest.profile_mean(candidates.log_counts)[:, None]
    counts = candidates.log_counts[items]
    age = np.clip((moment[:, None] - candidates.created[items]) / DAY, -1000, 5000)
    logs = [np.log1p(count) for count in recent]
    return [np.log1p(before), share, *logs, trend, counts, age, of_history, counts - of_history]


def _similarity(candidates: CandidateFeatures, newest: _NewestEvents, items: Indices) -> list[Any]:
    """The number of attributes that each candidate shares with the newest item, and with the profile: [v, c] each."""
    attributes = candidates.attributes
    if not attributes.shape[1]:
        return [0.0, 0.0]
    present = newest.present[:, :PROFILE_EVENTS]
    row, back = np.nonzero(present)
    recent_attributes = attributes[newest.item[row, back]]
    begins = np.searchsorted(row, np.arange(len(items)))
    of_history = np.add.reduceat(recent_attributes.toarray(), begins, axis=0) / present.sum(axis=1, keepdims=True)
    of_newest = attributes[newest.item[:, 0]].toarray()
    candidate_attributes = attributes[items.ravel()]
    entry = np.repeat(np.arange(items.size), np.diff(candidate_attributes.indptr))
    history = entry // items.shape[1]

    def shared(held: Float32) -> Float32:
        products = candidate_attributes.data * held[history, candidate_attributes.indices]
        amount = np.bincount(entry, weights=products, minlength=items.size)
        return amount.astype(np.float32).reshape(items.shape)

    return [shared(of_newest), shared(of_history)]
