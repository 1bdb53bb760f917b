"""Popularity: the items with the most users, the baseline that every other model must beat."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, History, Int32
from personalize_local.engine.base.models import Capabilities, refuse_unknown


@dataclass(frozen=True, slots=True)
class PopularityModel:
    """Gives every user the same list: the items with which the most different users interacted.

    Users are counted, not events, as recipe aws-popularity-count documents; each user counts with the largest weight of
    their events on the item. The score is the logarithm of the smoothed count, so its softmax is the share of users.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=False, real_time=False)

    log_share: Float32
    """Shape [n_items]: the logarithm of each item's share of users."""

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **unknown: float) -> Self:
        """Count users; half a user is added to each item, so that every item has a positive probability."""
        refuse_unknown("popularity", unknown)
        counts = np.zeros(catalogue.n_items)
        if len(events):
            pair = events.user.astype(np.int64) * catalogue.n_items + events.item
            pairs, of_pair = np.unique(pair, return_inverse=True)
            largest = np.zeros(len(pairs))
            np.maximum.at(largest, of_pair, events.weight)
            heaviest = largest.max()
            if heaviest > 0:
                np.add.at(counts, pairs % catalogue.n_items, largest / heaviest)
        smoothed = counts + 0.5
        return cls(np.log(smoothed / smoothed.sum()).astype(np.float32))

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        return self.log_share

    def save(self, folder: Path) -> None:
        storage.write(folder, model="popularity", facts={}, arrays={"log_share": self.log_share})

    @classmethod
    def load(cls, folder: Path) -> Self:
        _, arrays = storage.read(folder, model="popularity")
        return cls(arrays["log_share"])
