"""What tells the candidates of one visitor apart: the features of the re-ranker.

Of each candidate: what all readings together and each of them say, as values and as ranks; what each part says after
the newest events alone; how popular it was, and of late, at the moment of the newest event; how old it is; how much of
the history it is. Popularity is counted strictly before that moment, in events that do not hold the one to foresee.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, History, Indices
from personalize_local.engine.base.timeline import DAY, Timeline
from personalize_local.engine.linear.parts import NAMES, Parts

NEWEST: Final = 3
"""Events whose followers count apart."""
TASTE_EVENTS: Final = 10
"""Newest events whose popularity tells whether the visitor likes the popular."""
SESSION_GAP: Final = 3600.0
MOST_EVENTS: Final = 200
"""Longer histories are as long as this one."""
DAYS: Final = (1.0, 30.0, 365.0)
PRIOR_EVENTS: Final = 100.0


@dataclass(frozen=True, slots=True)
class StageScores:
    """What all but the re-ranker say of all items. logits, closed and total [n_items], signals [readings, n_items]."""

    logits: Float32
    """The calibrated blend's."""
    signals: Float32
    """Those of the parts, and the networks' mean logits where there are some."""
    closed: Float32
    """The closed form's: blend and parts together."""
    total: Float32
    """Closed form and networks together; the closed form's without networks."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Makes the features of candidates."""

    timeline: Timeline
    created: Float64
    """Shape [n_items], seconds: when each item came."""
    log_counts: Float32
    """Shape [n_items]."""
    attributes: sparse.csr_matrix
    readings: tuple[str, ...] = NAMES
    """The names of the readings that a `StageScores` has signals of."""

    @classmethod
    def of(
        cls,
        events: Events,
        catalogue: Catalogue,
        attributes: sparse.csr_matrix,
        readings: tuple[str, ...] = NAMES,
    ) -> Self:
        """Features as `events` (any order) and the catalogue tell them, of attributes those that count [n_items, m]."""
        timeline = Timeline.of(events)
        created = timeline.first() if catalogue.created is None else catalogue.created
        return cls(timeline, created, np.log1p(timeline.counts()), attributes, readings)

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in their order."""
        after = tuple(f"{name} after {back}" for back in range(NEWEST) for name in NAMES)
        return (
            *("total", "rank", "gap", "logit"),
            *(f"{name} signal" for name in self.readings),
            *(f"{name} rank" for name in self.readings),
            *after,
            *("popularity", "share", *(f"events of {days:.0f} days" for days in DAYS), "trend", "events of all time"),
            *("age", "popularity of the history", "popularity beside the history"),
            *("events of the history", "events of the session", "weight of the newest"),
            *("again", "events since", "alike the newest", "alike the history"),
        )

    def features(self, items: Indices, history: History, reading: StageScores, parts: Parts) -> Float32:
        """Features [c, k] of the candidates `items` [c], ordered by falling `reading.total`; the history not empty."""
        count = len(items)
        features = np.empty((count, len(self.names)), np.float32)
        total = reading.total[items]
        columns = [total, np.arange(count), total - total[0], reading.logits[items]]
        signals = reading.signals[:, items]
        columns.extend(signals)
        columns.extend(np.argsort(np.argsort(-signals, axis=1, kind="stable"), axis=1, kind="stable"))
        columns.extend(self._after(items, history, parts))
        columns.extend(self._popularity(items, history))
        columns.extend(self._visit(history))
        columns.extend(self._again(items, history))
        columns.extend(self._alike(items, history))
        for number, column in enumerate(columns):
            features[:, number] = column
        return features

    def _after(self, items: Indices, history: History, parts: Parts) -> list[Any]:
        newest = history.item[::-1][:NEWEST].tolist()
        return [
            parts.pair(part, newest[back], items) if back < len(newest) else 0.0
            for back in range(NEWEST)
            for part in range(len(NAMES))
        ]

    def _popularity(self, items: Indices, history: History) -> list[Any]:
        moment = float(history.time[-1])
        before, whole = self.timeline.before(items, moment), self.timeline.total_before(moment)
        recent, lately = [], 0
        for days in DAYS:
            recent.append(before - self.timeline.before(items, moment - days * DAY))
            lately = whole - self.timeline.total_before(moment - days * DAY)
        share = np.log((before + 1) / (whole + PRIOR_EVENTS))
        trend = np.log((recent[-1] + 1) / (lately + PRIOR_EVENTS)) - share
        of_history = self.log_counts[history.item[-TASTE_EVENTS:]].mean()
        counts = self.log_counts[items]
        age = np.clip((moment - self.created[items]) / DAY, -1000, 5000)
        logs = [np.log1p(count) for count in recent]
        return [np.log1p(before), share, *logs, trend, counts, age, of_history, counts - of_history]

    def _visit(self, history: History) -> list[Any]:
        length = min(len(history), MOST_EVENTS)
        pauses = np.flatnonzero(np.diff(history.time[-length:]) > SESSION_GAP)
        session = length - 1 - (pauses[-1] if len(pauses) else -1)
        return [np.log1p(length), np.log1p(session), history.weight[-1]]

    def _again(self, items: Indices, history: History) -> list[Any]:
        """How much of the history each candidate is, and how many events ago it came last."""
        met = history.item[-MOST_EVENTS:]
        same = items[:, None] == met[None, :]
        since = np.where(same.any(axis=1), np.argmax(same[:, ::-1], axis=1), MOST_EVENTS)
        return [same @ history.weight[-MOST_EVENTS:], since]

    def _alike(self, items: Indices, history: History) -> list[Any]:
        """How many attributes a candidate shares with the newest event's item, and with the newest on average."""
        if not self.attributes.shape[1]:
            return [0.0, 0.0]
        own = self.attributes[items]
        newest = self.attributes[history.item[-TASTE_EVENTS:]]
        alike = (own @ newest.T).toarray()
        return [alike[:, -1], alike.mean(axis=1)]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What the catalogue does not hold anyhow, for storage."""
        return {**self.timeline.arrays(), "candidates_created": self.created}

    @classmethod
    def of_arrays(
        cls,
        stored: dict[str, npt.NDArray[Any]],
        attributes: sparse.csr_matrix,
        readings: tuple[str, ...],
    ) -> Self:
        """The maker of features that `arrays` gave, with the catalogue's attributes."""
        timeline = Timeline.of_arrays(stored)
        return cls(timeline, stored["candidates_created"], np.log1p(timeline.counts()), attributes, readings)
