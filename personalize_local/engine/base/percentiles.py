"""Filters by the number of events of users and items: the featurization hyperparameters of Amazon Personalize."""

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Events, Float64


def within_percentiles(counts: npt.NDArray[np.integer] | Float64, low: float, high: float) -> npt.NDArray[np.bool_]:
    """Shape [n], boolean: whether each count [n] lies between two percentiles (0..1) of the positive counts, inclusive.

    Source: developer guide, `min_..._percentile` and `max_..._percentile` of the recipes' featurization.
    """
    positive = counts[counts > 0]
    if not len(positive):
        return np.zeros(len(counts), bool)
    least, most = np.quantile(positive, [low, max(low, high)])
    chosen: npt.NDArray[np.bool_] = (counts > 0) & (counts >= least) & (counts <= most)
    return chosen


def filter_users(events: Events, low: float, high: float) -> Events:
    """The events of users whose number of events lies between two percentiles of all users'."""
    counting = events.of(events.weight > 0)
    if low <= 0 and high >= 1:
        return counting
    chosen = within_percentiles(np.bincount(counting.user, minlength=events.n_users), low, high)
    return counting.of(chosen[counting.user])
