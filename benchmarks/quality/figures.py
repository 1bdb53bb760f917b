"""From ranked lists to figures: MRR, NDCG and Recall of one wanted item, with bootstrap intervals over visitors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float64, Int32

CUTOFFS = (5, 10)
METRICS = tuple(f"{metric}@{k}" for k in CUTOFFS for metric in ("MRR", "NDCG", "Recall"))
SAMPLES, FEWER_SAMPLES = 10_000, 1000
"""Bootstrap samples of every interval; of many visitors fewer say the same."""
_VALUES_AT_ONCE = 2_000_000
_FEW = 4000
"""Visitors up to whom the samples of all contestants are kept (80 MB)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over visitors with its 95 % interval (percentile bootstrap; Efron and Tibshirani, 1993)."""

    mean: float
    low: float
    high: float


def gains(ranked: Int32, wanted: Int32) -> dict[str, Float64]:
    """Each metric's value for each visitor, shape [q]: `ranked` [q, k] holds lists, `wanted` [q] one item each.

    With one wanted item the ideal list is worth 1: NDCG is 1 / log2(1 + rank), MRR 1 / rank, Recall 1, all 0 beyond K.
    """
    hit = ranked == wanted[:, None]
    rank = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)
    values: dict[str, Float64] = {}
    for k in CUTOFFS:
        within = np.where(rank <= k, rank, np.inf)
        values[f"MRR@{k}"] = 1 / within
        values[f"NDCG@{k}"] = 1 / np.log2(1 + within)
        values[f"Recall@{k}"] = np.isfinite(within).astype(np.float64)
    return values


def over_seeds(runs: Sequence[Mapping[str, Float64]]) -> dict[str, Float64]:
    """Each visitor's mean over the runs of several seeds."""
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in METRICS}


def figures(values: Mapping[str, Float64], *, seed: int = 0) -> dict[str, Figure]:
    """Mean and interval of each metric; the same resampled visitors for all."""
    table = np.stack([values[metric] for metric in METRICS], axis=1)
    low, high = np.quantile(_resampled_means(table, seed), (0.025, 0.975), axis=0)
    return {
        metric: Figure(float(table[:, column].mean()), float(low[column]), float(high[column]))
        for column, metric in enumerate(METRICS)
    }


def difference(ours: Float64, theirs: Float64, *, seed: int = 0) -> Figure:
    """By how much our mean is above theirs, on the same visitors resampled in pairs."""
    table = (ours - theirs)[:, None]
    low, high = np.quantile(_resampled_means(table, seed), (0.025, 0.975))
    return Figure(float(table.mean()), float(low), float(high))


def _resampled_means(table: Float64, seed: int) -> npt.NDArray[np.float64]:
    """Means of samples of the rows, drawn with replacement: shape [samples, columns]."""
    n = len(table)
    drawn = _kept_draws(n, seed) if n <= _FEW else _draws(n, seed)
    return np.concatenate([part @ table / n for part in drawn])


def _draws(n: int, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    """How often each of `n` rows is in each sample, in parts of shape [samples, n]."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _VALUES_AT_ONCE // n)
    samples = SAMPLES if n <= _FEW else FEWER_SAMPLES
    for begin in range(0, samples, at_once):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(at_once, samples - begin)).astype(np.uint16)


@lru_cache(maxsize=1)
def _kept_draws(n: int, seed: int) -> tuple[npt.NDArray[np.uint16], ...]:
    """The same for every contestant on one log, which takes longer to draw than to use."""
    return tuple(_draws(n, seed))
