"""Items whose interactions grow fastest, as recipe aws-trending-now finds them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Int32
from personalize_local.engine.base.models import Capabilities, refuse_unknown
from personalize_local.engine.recommenders.popularity import PopularityModel

MODEL = "trending-now"
REFRESH_SECONDS = 7200.0
"""The list is updated at least this often, however long the interval (developer guide, "Trending-Now recipe")."""


@dataclass(frozen=True, slots=True)
class TrendingModel:
    """Gives every user the items whose events grew most from one interval to the next.

    An item's growth is the weight of its events in the last interval less that in the interval before. Intervals end at
    multiples of the refresh time; in between the list does not change. Items that do not grow are ranked by popularity
    after those that do; without events in the last two intervals these are all items.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=False, real_time=False, trends=True)

    interval: float
    """The length of an interval in seconds."""
    log_share: Float32
    """Shape [n_items]: the logarithm of each item's share of users."""
    item: Int32
    """Shape [k]: the items of the newest events, in order of time."""
    time: Float64
    """Shape [k], rising: their times, seconds since the epoch."""
    weight: Float32
    """Shape [k]: their weights."""

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        interval: float = REFRESH_SECONDS,
        **unknown: float,
    ) -> Self:
        """Keep the events of the newest intervals. interval: seconds (`trend_discovery_frequency`)."""
        refuse_unknown(MODEL, unknown)
        if interval <= 0:
            raise ValueError(f"interval must be positive, not {interval}")
        popular = PopularityModel.fit(events, catalogue, seed=seed)
        nothing = History.empty()
        model = cls(interval, popular.log_share, nothing.item, nothing.time, nothing.weight)
        return model.with_events(events.item, events.time, events.weight)

    def with_events(self, item: Int32, time: Float64, weight: Float32) -> Self:
        """The model with more events, shape [k] each; events that are too old for any later interval are dropped."""
        items = np.concatenate([self.item, item])
        times = np.concatenate([self.time, time])
        weights = np.concatenate([self.weight, weight])
        newest = float(times.max(initial=0.0))
        needed = (weights > 0) & (times >= newest - 2 * self.interval - REFRESH_SECONDS)
        order = np.flatnonzero(needed)[np.lexsort((weights[needed], items[needed], times[needed]))]
        return replace(self, item=items[order], time=times[order], weight=weights[order])

    def interval_end(self, now: float) -> float:
        """The end of the interval from which the list at `now` is made, in seconds since the epoch."""
        refresh = min(self.interval, REFRESH_SECONDS)
        return now // refresh * refresh

    def growth(self, end: float) -> Float64:
        """Shape [n_items]: the weight of each item's events in the interval up to `end`, less the interval before."""
        borders = np.searchsorted(self.time, [end - 2 * self.interval, end - self.interval, end])
        before, last = self._between(*borders[:2]), self._between(*borders[1:])
        return last - before

    def _between(self, first: int, end: int) -> Float64:
        """Shape [n_items]: the weight of each item's events from index `first` to `end`."""
        chosen = slice(first, end)
        counts = np.bincount(self.item[chosen], weights=self.weight[chosen], minlength=len(self.log_share))
        return counts.astype(np.float64)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        """Shape [n_items]: the logarithm of the growth; without `now` the interval ends with the newest event."""
        if now is None:
            end = float(np.nextafter(self.time[-1], np.inf)) if len(self.time) else 0.0
        else:
            end = self.interval_end(now)
        # Popularity adds a share of one event: enough to rank items without growth, and small relative to any growth.
        scores: Float64 = np.log(np.maximum(self.growth(end), 0.0) + np.exp(self.log_share))
        return scores.astype(np.float32)

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model=MODEL,
            facts={"interval": self.interval},
            arrays={"log_share": self.log_share, "item": self.item, "time": self.time, "weight": self.weight},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        facts, arrays = storage.read(folder, model=MODEL)
        return cls(float(facts["interval"]), arrays["log_share"], arrays["item"], arrays["time"], arrays["weight"])
