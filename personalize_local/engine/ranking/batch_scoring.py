"""The sequence model's scores of many histories at once.

The same sums as `SequenceModel.score`, in matrices of whole batches: products of sparse rows with the weights
instead of one row a part and history, one Newton step for all tastes, one table of features for the re-ranker. Scores
differ from those of the single form by rounding alone; `benchmarks/scoring.py` says how much faster it is a history.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.history_rows import HistoryRows
from personalize_local.engine.choice.next_item import NextItemMixture
from personalize_local.engine.choice.reading import Following, Reader
from personalize_local.engine.linear.parts import SILENT, Parts
from personalize_local.engine.ranking.batch_candidates import features_of
from personalize_local.engine.ranking.candidates import StageScores
from personalize_local.engine.ranking.pipeline import FIRST, RankingPipeline

_MOST_VALUES = 700_000
"""Scores of one batch: about ten arrays of this size are held at once, 4 MB each."""


def batch_size(n_items: int) -> int:
    """How many histories are best scored at once, for a catalogue of `n_items`."""
    return max(1, min(512, _MOST_VALUES // max(n_items, 1)))


def blended(reader: Reader, rows: HistoryRows) -> Float32:
    """What `Reader.score` gives for each of q histories with events that count, shape [q, n_items]."""
    reach = reader.long.ridge.reach
    short, long = (rows.decayed(tau=part.ridge.tau, reach=reach) for part in (reader.short, reader.long))
    amount = np.asarray(long.sum(axis=1), np.float32)
    weight = np.asarray(1 / (1 + amount), np.float32).reshape(-1, 1)
    scores: Float32 = weight * reader.stranger
    scores += (1 - weight) * reader.friend
    scores += reader.onward * log_chances(reader.journey, rows, reach)
    held_short, held_long = (np.asarray((part @ reader.attributes).toarray(), np.float32) for part in (short, long))
    kinds = _kinds(reader, held_long)
    kinds += _add_followers(reader, reader.short, short, held_short, scores)
    kinds += _add_followers(reader, reader.long, long, held_long, scores)
    if kinds.shape[1]:
        scores += (reader.attributes @ kinds.T).T
    return scores


def _kinds(reader: Reader, held: Float32) -> Float32:
    """As `Reader.kinds`, shape [q, m]."""
    return np.stack([reader.kinds(one) for one in held]) if held.shape[1] else np.zeros_like(held)


def _add_followers(reader: Reader, part: Following, rows: sparse.csr_matrix, held: Float32, scores: Float32) -> Float32:
    """Add what one ridge says of the items to `scores` [q, n_items]; give what it says of the attributes [q, m]."""
    weights, n_head = part.ridge.weights, len(part.ridge.head)
    both: Float32 = np.asarray(_columns(rows, part.place, n_head) @ weights[:n_head])
    if held.shape[1]:
        both += held @ weights[n_head:]
    expected = np.maximum(both[:, :n_head].sum(axis=1), 0)
    positive = np.maximum(both, 0, out=both)
    lift: Float32 = expected[:, None] * reader.unproven
    if part.everywhere:
        lift += positive[:, :n_head] * reader.per_share
    else:
        lift[:, part.ridge.head] += positive[:, :n_head] * reader.per_share[part.ridge.head]
    # Of a number below 1 `log` loses what a score of this size cannot hold anyhow, and takes a tenth of the time.
    lift += 1
    np.log(lift, out=lift)
    lift *= part.lift
    scores += lift
    scores[_rows_of(rows), rows.indices] += part.again * np.log1p(rows.data)
    of_kind: Float32 = part.of_kind * np.log1p(positive[:, n_head:] * reader.per_usual)
    return of_kind


def log_chances(journey: NextItemMixture, rows: HistoryRows, reach: int) -> Float32:
    """What `NextItemMixture.log_chances_after` gives for each of q histories, shape [q, n_items]."""
    counting = np.flatnonzero(rows.weight > 0)
    row, item = rows.row[counting], rows.item[counting]
    # Before cutting: the oldest event that counts may go on with one that does not.
    repeated = np.zeros(len(row), bool)
    repeated[1:] = (item[1:] == item[:-1]) & (row[1:] == row[:-1])
    newest = rows.age[counting] < reach
    counting, row, item, repeated = counting[newest], row[newest], item[newest], repeated[newest]
    weight = rows.weight[counting]
    says, held = journey.says_and_held(weight, rows.age[counting], repeated)
    evidence = rows.matrix(row, item, says)
    sums = np.asarray(evidence @ journey.tastes.loadings, np.float32)
    of_taste = journey.tastes.chances(sums, np.asarray(evidence.sum(axis=1), np.float32).ravel())
    known = np.flatnonzero(np.bincount(row, minlength=rows.size))
    last = np.searchsorted(row, known, side="right") - 1
    ways = np.zeros((rows.size, journey.ways.shape[1]), np.float32)
    ways[known] = journey.ways_after(weight[last])
    chances: Float32 = ways[:, :1] * of_taste
    chances += ways[:, 1:2] * journey.share
    chances[known, item[last]] += ways[known, 2]
    whole = np.bincount(row, weights=held, minlength=rows.size)
    back = rows.matrix(row, item, ways[row, 3] * held / whole[row])
    chances[_rows_of(back), back.indices] += back.data
    if journey.attributes.nnz:
        for one, newest_item in zip(known.tolist(), item[last].tolist(), strict=True):
            journey.add_alike(chances[one], ways[one], of_taste[one], newest_item)
    unknown = np.ones(rows.size, bool)
    unknown[known] = False
    chances[unknown] = journey.share
    return journey.log(chances)


def stacked(stack: RankingPipeline, histories: Sequence[History], rows: HistoryRows, logits: Float32) -> Float32:
    """`RankingPipeline.score` of q histories with events that count, given the blend's logits; shape [q, n_items]."""
    reading = _read(stack, histories, rows, logits)
    if stack.reranker is None or stack.candidates is None or stack.mix is None:
        return reading.total
    first = [stack.first(history, reading.of(number)) for number, history in enumerate(histories)]
    of_total, of_margin, of_first = stack.mix.astype(np.float32).tolist()
    scores: Float32 = np.float32(of_total) * reading.total
    whole = np.array([number for number, items in enumerate(first) if len(items) == FIRST], np.intp)
    if len(whole):
        items = np.stack([first[number] for number in whole.tolist()])
        features = features_of(stack.candidates, stack.parts, items, whole, rows, reading)
        margins = stack.reranker.margins(features)
        at = whole[:, None], items
        scores[at] = scores[at].mean(axis=1, keepdims=True) + np.float32(of_margin) * margins + np.float32(of_first)
    for number in np.setdiff1d(np.arange(rows.size), whole).tolist():
        # Fewer candidates than usual: a small catalogue, or a visitor who has met most of it.
        scores[number] = stack.score(histories[number], logits[number])
    return scores


class _Readings(StageScores):
    """`StageScores` of q histories: logits, closed and total [q, n_items], signals [readings, q, n_items]."""

    def of(self, number: int) -> StageScores:
        """One of them."""
        return StageScores(self.logits[number], self.signals[:, number], self.closed[number], self.total[number])


def _read(stack: RankingPipeline, histories: Sequence[History], rows: HistoryRows, logits: Float32) -> _Readings:
    """What all but the re-ranker say."""
    signals = _signals(stack.parts, rows)
    weights = stack.weights.astype(np.float32)
    mass = np.bincount(rows.row, weights=rows.weight, minlength=rows.size).astype(np.float32)
    closed: Float32 = (1 + mass / (1 + mass) * weights[0])[:, None] * logits
    for weight, signal in zip(weights[1:], signals, strict=True):
        closed += weight * signal
    if stack.pool is None:
        return _Readings(logits, signals, closed, closed)
    total, said = np.empty_like(closed), np.empty_like(closed)
    for number, history in enumerate(histories):
        total[number], said[number] = stack.pool.read(history, closed[number])
    return _Readings(logits, np.concatenate([signals, said[None]]), closed, total)


def _signals(parts: Parts, rows: HistoryRows) -> Float32:
    """What `Parts.signals` gives for each history, shape [parts, q, n_items]."""
    signals = np.empty((len(parts.memory), rows.size, parts.n_items), np.float32)
    for number, tau in enumerate(parts.memory):
        held = rows.decayed(tau=tau, reach=parts.reach)
        mass = np.asarray(held.sum(axis=1), np.float64).ravel()
        weights = parts.weights[number]
        raw = _columns(held, parts.place, len(parts.head)) @ weights
        if isinstance(raw, np.ndarray):
            for one, out, much in zip(raw, signals[number], mass.tolist(), strict=True):
                parts.scale_into(out, one, much)
        else:
            _scale_sparse_into(signals[number], raw.tocsr(), mass)
    return signals


def _scale_sparse_into(signals: Float32, raw: sparse.csr_matrix, mass: Float64) -> None:
    """As `Parts.scale_into` of each row of `raw` [q, n_items], where every item has a column."""
    count, row = raw.shape[1], _rows_of(raw)
    values = raw.data.astype(np.float64)
    middle = np.bincount(row, weights=values, minlength=len(signals)) / count
    square = np.bincount(row, weights=values**2, minlength=len(signals)) / count
    spread = np.sqrt(np.maximum(square - middle**2, 0))
    speaking = spread >= SILENT
    per_spread = np.divide(1, spread, out=np.zeros_like(spread), where=speaking)
    confidence = mass / (1 + mass) * speaking
    signals[:] = (_squashed(-middle * per_spread) * confidence).astype(np.float32)[:, None]
    standing = ((values - middle[row]) * per_spread[row]).astype(np.float32)
    signals[row, raw.indices] = _squashed(standing) * confidence[row].astype(np.float32)


def _squashed(values: Float32) -> Float32:
    squashed: Float32 = np.copysign(np.log1p(np.abs(values)), values)
    return squashed


def _columns(rows: sparse.csr_matrix, place: Indices | Int32, count: int) -> sparse.csr_matrix:
    """The rows over other columns: `place` [n_items] is the column of each item, -1 for those without."""
    columns = place[rows.indices]
    known = columns >= 0
    before = np.r_[0, np.cumsum(known)]
    return sparse.csr_matrix((rows.data[known], columns[known], before[rows.indptr]), shape=(rows.shape[0], count))


def _rows_of(matrix: sparse.csr_matrix) -> Indices:
    """The row of each entry."""
    rows: Indices = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows
