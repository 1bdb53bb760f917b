"""Metrics of ranked lists: MRR, NDCG and Recall of one target item, with bootstrap intervals over users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float64, Int32

CUTOFFS = (5, 10)
METRICS = tuple(f"{metric}@{k}" for k in CUTOFFS for metric in ("MRR", "NDCG", "Recall"))
SAMPLES, FEWER_SAMPLES = 10_000, 1000
"""Bootstrap samples of each interval; with many users fewer are enough."""
_VALUES_AT_ONCE = 2_000_000
_MAX_CACHED = 4000
"""Up to this number of users the samples are computed once for all contestants (80 MB)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over users with its 95 % interval (percentile bootstrap; Efron and Tibshirani, 1993)."""

    mean: float
    low: float
    high: float


def gains(ranked: Int32, targets: Int32) -> dict[str, Float64]:
    """Each metric's value for each user, shape [q]. ranked: [q, k], the lists. targets: [q], the item of each user.

    With one target the gain of the ideal list is 1: NDCG is 1 / log2(1 + rank), MRR 1 / rank, Recall 1; all 0 beyond K.
    """
    hit = ranked == targets[:, None]
    rank = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)
    values: dict[str, Float64] = {}
    for k in CUTOFFS:
        within = np.where(rank <= k, rank, np.inf)
        values[f"MRR@{k}"] = 1 / within
        values[f"NDCG@{k}"] = 1 / np.log2(1 + within)
        values[f"Recall@{k}"] = np.isfinite(within).astype(np.float64)
    return values


def over_seeds(runs: Sequence[Mapping[str, Float64]]) -> dict[str, Float64]:
    """Shape [q]: each user's mean over the runs with several seeds, by metric."""
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in METRICS}


def figures(values: Mapping[str, Float64], *, seed: int = 0) -> dict[str, Figure]:
    """Mean and interval of each metric; the same resampled users for all metrics."""
    table = np.stack([values[metric] for metric in METRICS], axis=1)
    low, high = np.quantile(_resampled_means(table, seed), (0.025, 0.975), axis=0)
    return {
        metric: Figure(float(table[:, column].mean()), float(low[column]), float(high[column]))
        for column, metric in enumerate(METRICS)
    }


def difference(ours: Float64, theirs: Float64, *, seed: int = 0) -> Figure:
    """The mean of ours less theirs [q], with a paired bootstrap over the same users."""
    table = (ours - theirs)[:, None]
    low, high = np.quantile(_resampled_means(table, seed), (0.025, 0.975))
    return Figure(float(table.mean()), float(low), float(high))


def _resampled_means(table: Float64, seed: int) -> npt.NDArray[np.float64]:
    """Shape [samples, columns]: the means of samples of the rows, drawn with replacement."""
    n = len(table)
    drawn = _cached_draws(n, seed) if n <= _MAX_CACHED else _draws(n, seed)
    return np.concatenate([part @ table / n for part in drawn])


def _draws(n: int, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    """The number of times that each of `n` rows is in each sample, in parts of shape [samples, n]."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _VALUES_AT_ONCE // n)
    samples = SAMPLES if n <= _MAX_CACHED else FEWER_SAMPLES
    for begin in range(0, samples, at_once):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(at_once, samples - begin)).astype(np.uint16)


@lru_cache(maxsize=1)
def _cached_draws(n: int, seed: int) -> tuple[npt.NDArray[np.uint16], ...]:
    """The same draws for every contestant on one log: drawing takes longer than using them."""
    return tuple(_draws(n, seed))
