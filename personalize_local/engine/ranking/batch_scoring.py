"""The sequence model's scores of many histories at once.

The same sums as `SequenceModel.score`, in matrices for a whole batch: products of sparse rows with the weights instead
of one product for each part and history, each Newton step for all tastes, and one table of features for the re-ranker.
The scores differ only by rounding from those of single histories; `benchmarks/scoring.py` measures how much faster it
is.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.history_rows import HistoryRows
from personalize_local.engine.choice.blend_scorer import BlendScorer, RidgeScorer
from personalize_local.engine.choice.next_item import NextItemMixture
from personalize_local.engine.linear.parts import MIN_SPREAD, Parts
from personalize_local.engine.ranking.batch_candidates import features_of
from personalize_local.engine.ranking.candidates import StageScores
from personalize_local.engine.ranking.pipeline import N_CANDIDATES, RankingPipeline

_MAX_VALUES = 700_000
"""The most scores of one batch: about ten arrays of this size are in memory at a time, 4 MB each."""


def batch_size(n_items: int) -> int:
    """The number of histories that are best scored at once, for a catalogue of `n_items`."""
    return max(1, min(512, _MAX_VALUES // max(n_items, 1)))


def blend_scores(blend_scorer: BlendScorer, rows: HistoryRows) -> Float32:
    """Shape [q, n_items]: as `BlendScorer.score` for each of q histories, all with events of positive weight."""
    reach = blend_scorer.long.ridge.reach
    short, long = (rows.decayed(tau=part.ridge.tau, reach=reach) for part in (blend_scorer.short, blend_scorer.long))
    total_weight = np.asarray(long.sum(axis=1), np.float32)
    weight = np.asarray(1 / (1 + total_weight), np.float32).reshape(-1, 1)
    scores: Float32 = weight * blend_scorer.cold_bias
    scores += (1 - weight) * blend_scorer.warm_bias
    scores += blend_scorer.mixture_weight * log_probabilities(blend_scorer.mixture, rows, reach)
    held_short, held_long = (
        np.asarray((part @ blend_scorer.attributes).toarray(), np.float32) for part in (short, long)
    )
    profile_scores = _profile_scores(blend_scorer, held_long)
    profile_scores += _add_ridge_scores(blend_scorer, blend_scorer.short, short, held_short, scores)
    profile_scores += _add_ridge_scores(blend_scorer, blend_scorer.long, long, held_long, scores)
    if profile_scores.shape[1]:
        scores += (blend_scorer.attributes @ profile_scores.T).T
    return scores


def _profile_scores(blend_scorer: BlendScorer, held: Float32) -> Float32:
    """Shape [q, m]: as `BlendScorer.profile_scores` for each row of `held` [q, m]."""
    return np.stack([blend_scorer.profile_scores(one) for one in held]) if held.shape[1] else np.zeros_like(held)


def _add_ridge_scores(
    blend_scorer: BlendScorer, part: RidgeScorer, rows: sparse.csr_matrix, held: Float32, scores: Float32
) -> Float32:
    """Add one ridge's part of the items' scores to `scores` [q, n_items]; return its scores of the attributes [q, m].

    rows: csr [q, n_items], the histories. held: [q, m], the same by attribute.
    """
    weights, n_head = part.ridge.weights, len(part.ridge.head)
    both: Float32 = np.asarray(_columns(rows, part.column_of_item, n_head) @ weights[:n_head])
    if held.shape[1]:
        both += held @ weights[n_head:]
    expected = np.maximum(both[:, :n_head].sum(axis=1), 0)
    positive = np.maximum(both, 0, out=both)
    lift: Float32 = expected[:, None] * blend_scorer.prior_weight
    if part.covers_all_items:
        lift += positive[:, :n_head] * blend_scorer.inverse_share
    else:
        lift[:, part.ridge.head] += positive[:, :n_head] * blend_scorer.inverse_share[part.ridge.head]
    # log(1 + x) as `log`: it loses digits of small x that a score does not have anyway, and takes a tenth of the time.
    lift += 1
    np.log(lift, out=lift)
    lift *= part.lift_weight
    scores += lift
    scores[_rows_of(rows), rows.indices] += part.repeat_weight * np.log1p(rows.data)
    of_attributes: Float32 = np.log1p(positive[:, n_head:] * blend_scorer.inverse_attribute_share)
    return part.attribute_weight * of_attributes


def log_probabilities(mixture: NextItemMixture, rows: HistoryRows, reach: int) -> Float32:
    """Shape [q, n_items]: as `NextItemMixture.log_probabilities_after` for each of q histories."""
    counting = np.flatnonzero(rows.weight > 0)
    row, item = rows.row[counting], rows.item[counting]
    # Before the cut: the oldest event that counts may repeat the item of one that does not.
    repeated = np.zeros(len(row), bool)
    repeated[1:] = (item[1:] == item[:-1]) & (row[1:] == row[:-1])
    newest = rows.age[counting] < reach
    counting, row, item, repeated = counting[newest], row[newest], item[newest], repeated[newest]
    weight = rows.weight[counting]
    taste_weights, history_weights = mixture.taste_and_history_weights(weight, rows.age[counting], repeated)
    taste_rows = rows.matrix(row, item, taste_weights)
    sums = np.asarray(taste_rows @ mixture.tastes.loadings, np.float32)
    taste_probabilities = mixture.tastes.probabilities(sums, np.asarray(taste_rows.sum(axis=1), np.float32).ravel())
    known = np.flatnonzero(np.bincount(row, minlength=rows.size))
    last = np.searchsorted(row, known, side="right") - 1
    mixing_weights = np.zeros((rows.size, mixture.mixing_weights.shape[1]), np.float32)
    mixing_weights[known] = mixture.mixing_weights_after(weight[last])
    probabilities: Float32 = mixing_weights[:, :1] * taste_probabilities
    probabilities += mixing_weights[:, 1:2] * mixture.share
    probabilities[known, item[last]] += mixing_weights[known, 2]
    total = np.bincount(row, weights=history_weights, minlength=rows.size)
    revisits = rows.matrix(row, item, mixing_weights[row, 3] * history_weights / total[row])
    probabilities[_rows_of(revisits), revisits.indices] += revisits.data
    if mixture.attributes.nnz:
        for one, newest_item in zip(known.tolist(), item[last].tolist(), strict=True):
            mixture.add_similar(probabilities[one], mixing_weights[one], taste_probabilities[one], newest_item)
    unknown = np.ones(rows.size, bool)
    unknown[known] = False
    probabilities[unknown] = mixture.share
    return mixture.log(probabilities)


def pipeline_scores(
    pipeline: RankingPipeline, histories: Sequence[History], rows: HistoryRows, logits: Float32
) -> Float32:
    """Shape [q, n_items]: `RankingPipeline.score` of q histories, all with events of positive weight.

    logits: [q, n_items], the blend's.
    """
    stage_scores = _stage_scores(pipeline, histories, rows, logits)
    if pipeline.reranker is None or pipeline.candidates is None or pipeline.rerank_weights is None:
        return stage_scores.total
    candidate_items = [
        pipeline.candidate_items(history, stage_scores.of(number)) for number, history in enumerate(histories)
    ]
    of_total, of_margin, of_candidate = pipeline.rerank_weights.astype(np.float32).tolist()
    scores: Float32 = np.float32(of_total) * stage_scores.total
    full = np.array([number for number, items in enumerate(candidate_items) if len(items) == N_CANDIDATES], np.intp)
    if len(full):
        items = np.stack([candidate_items[number] for number in full.tolist()])
        features = features_of(pipeline.candidates, pipeline.parts, items, full, rows, stage_scores)
        margins = pipeline.reranker.margins(features)
        at = full[:, None], items
        scores[at] = scores[at].mean(axis=1, keepdims=True) + np.float32(of_margin) * margins + np.float32(of_candidate)
    for number in np.setdiff1d(np.arange(rows.size), full).tolist():
        # Fewer candidates than usual: a small catalogue, or a history with most of its items.
        scores[number] = pipeline.score(histories[number], logits[number])
    return scores


class _BatchStageScores(StageScores):
    """`StageScores` of q histories: logits, closed_form and total [q, n_items], signals [signals, q, n_items]."""

    def of(self, number: int) -> StageScores:
        """Those of one history."""
        return StageScores(self.logits[number], self.signals[:, number], self.closed_form[number], self.total[number])


def _stage_scores(
    pipeline: RankingPipeline, histories: Sequence[History], rows: HistoryRows, logits: Float32
) -> _BatchStageScores:
    """As `RankingPipeline.score_stages` for each history."""
    signals = _signals(pipeline.parts, rows)
    weights = pipeline.weights.astype(np.float32)
    mass = np.bincount(rows.row, weights=rows.weight, minlength=rows.size).astype(np.float32)
    closed_form: Float32 = (1 + mass / (1 + mass) * weights[0])[:, None] * logits
    for weight, signal in zip(weights[1:], signals, strict=True):
        closed_form += weight * signal
    if pipeline.ensemble is None:
        return _BatchStageScores(logits, signals, closed_form, closed_form)
    total, network_logits = np.empty_like(closed_form), np.empty_like(closed_form)
    for number, history in enumerate(histories):
        total[number], network_logits[number] = pipeline.ensemble.combine(history, closed_form[number])
    return _BatchStageScores(logits, np.concatenate([signals, network_logits[None]]), closed_form, total)


def _signals(parts: Parts, rows: HistoryRows) -> Float32:
    """Shape [parts, q, n_items]: as `Parts.signals` for each history."""
    signals = np.empty((len(parts.memory), rows.size, parts.n_items), np.float32)
    for number, tau in enumerate(parts.memory):
        history_weights = rows.decayed(tau=tau, reach=parts.reach)
        mass = np.asarray(history_weights.sum(axis=1), np.float64).ravel()
        weights = parts.weights[number]
        raw = _columns(history_weights, parts.column_of_item, len(parts.head)) @ weights
        if isinstance(raw, np.ndarray):
            for one, out, total in zip(raw, signals[number], mass.tolist(), strict=True):
                parts.scale_into(out, one, total)
        else:
            _scale_sparse_into(signals[number], raw.tocsr(), mass)
    return signals


def _scale_sparse_into(signals: Float32, raw: sparse.csr_matrix, mass: Float64) -> None:
    """As `Parts.scale_into` for each row of `raw` [q, n_items], when every item has a column; mass: [q]."""
    count, row = raw.shape[1], _rows_of(raw)
    values = raw.data.astype(np.float64)
    mean = np.bincount(row, weights=values, minlength=len(signals)) / count
    square = np.bincount(row, weights=values**2, minlength=len(signals)) / count
    std = np.sqrt(np.maximum(square - mean**2, 0))
    has_spread = std >= MIN_SPREAD
    inverse_std = np.divide(1, std, out=np.zeros_like(std), where=has_spread)
    confidence = mass / (1 + mass) * has_spread
    signals[:] = (_squashed(-mean * inverse_std) * confidence).astype(np.float32)[:, None]
    z_scores = ((values - mean[row]) * inverse_std[row]).astype(np.float32)
    signals[row, raw.indices] = _squashed(z_scores) * confidence[row].astype(np.float32)


def _squashed(values: Float32) -> Float32:
    squashed: Float32 = np.copysign(np.log1p(np.abs(values)), values)
    return squashed


def _columns(rows: sparse.csr_matrix, column_of_item: Indices | Int32, count: int) -> sparse.csr_matrix:
    """csr [q, count]: the rows [q, n_items] with other columns; `column_of_item` [n_items] is -1 for dropped items."""
    columns = column_of_item[rows.indices]
    known = columns >= 0
    before = np.r_[0, np.cumsum(known)]
    return sparse.csr_matrix((rows.data[known], columns[known], before[rows.indptr]), shape=(rows.shape[0], count))


def _rows_of(matrix: sparse.csr_matrix) -> Indices:
    """Shape [entries]: the row of each entry."""
    rows: Indices = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows
