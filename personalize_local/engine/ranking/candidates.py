"""The features of the re-ranker, for the candidates of one user.

For each candidate: its scores by the stages below and its signals, as values and as ranks; its score by each part after
only one of the newest events; its popularity, overall and recent, at the time of the newest event; its age; its weight
in the history. Popularity is counted strictly before that time, so it never includes the event to predict.
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
"""The number of newest events after which each part scores the candidates separately."""
PROFILE_EVENTS: Final = 10
"""The number of newest events that make the profile: their mean popularity and attributes are compared with a
candidate's."""
SESSION_GAP: Final = 3600.0
"""Seconds without an event after which a new session begins."""
MAX_EVENTS: Final = 200
"""Only so many newest events of a history count."""
DAYS: Final = (1.0, 30.0, 365.0)
"""The periods of recent popularity."""
PRIOR_EVENTS: Final = 100.0
"""Pseudo-events by which shares of events are smoothed."""


@dataclass(frozen=True, slots=True)
class StageScores:
    """The scores of all items by the stages below the re-ranker."""

    logits: Float32
    """Shape [n_items]: by the calibrated blend."""
    signals: Float32
    """Shape [signals, n_items]: by each part, and the mean logits of the networks if there are any."""
    closed_form: Float32
    """Shape [n_items]: by the closed form, which is blend and parts together."""
    total: Float32
    """Shape [n_items]: by closed form and networks together; as `closed_form` without networks."""


@dataclass(frozen=True, slots=True)
class CandidateFeatures:
    """Computes the features of candidates."""

    timeline: Timeline
    created: Float64
    """Shape [n_items]: when each item entered the catalogue, seconds since the epoch."""
    log_counts: Float32
    """Shape [n_items]: log(1 + n) of the number of events of each item."""
    attributes: sparse.csr_matrix
    """csr [n_items, m]: the attributes of the items."""
    signal_names: tuple[str, ...] = NAMES
    """The names of the rows of `StageScores.signals`."""

    @classmethod
    def of(
        cls,
        events: Events,
        catalogue: Catalogue,
        attributes: sparse.csr_matrix,
        signal_names: tuple[str, ...] = NAMES,
    ) -> Self:
        """Prepare the features from events in any order, the catalogue, and its attributes, csr [n_items, m]."""
        timeline = Timeline.of(events)
        created = timeline.first() if catalogue.created is None else catalogue.created
        return cls(timeline, created, np.log1p(timeline.counts()), attributes, signal_names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in their order: k of them."""
        pair_names = tuple(f"{name} after {back}" for back in range(NEWEST) for name in NAMES)
        return (
            *("total", "rank", "gap", "logit"),
            *(f"{name} signal" for name in self.signal_names),
            *(f"{name} rank" for name in self.signal_names),
            *pair_names,
            *("popularity", "share", *(f"events of {days:.0f} days" for days in DAYS), "trend", "events of all time"),
            *("age", "popularity of the history", "popularity above the history"),
            *("events of the history", "events of the session", "weight of the newest"),
            *("repeats", "events since", "similarity to the newest", "similarity to the history"),
        )

    def features(self, items: Indices, history: History, stage_scores: StageScores, parts: Parts) -> Float32:
        """Shape [c, k]: the features of the candidates `items` [c], which are ordered by falling `stage_scores.total`.

        The history must not be empty.
        """
        count = len(items)
        features = np.empty((count, len(self.names)), np.float32)
        total = stage_scores.total[items]
        columns = [total, np.arange(count), total - total[0], stage_scores.logits[items]]
        signals = stage_scores.signals[:, items]
        columns.extend(signals)
        columns.extend(np.argsort(np.argsort(-signals, axis=1, kind="stable"), axis=1, kind="stable"))
        columns.extend(self._pair_scores(items, history, parts))
        columns.extend(self._popularity(items, history))
        columns.extend(self._session(history))
        columns.extend(self._repeats(items, history))
        columns.extend(self._similarity(items, history))
        for number, column in enumerate(columns):
            features[:, number] = column
        return features

    def _pair_scores(self, items: Indices, history: History, parts: Parts) -> list[Any]:
        newest = history.item[::-1][:NEWEST].tolist()
        return [
            parts.pair_score(part, newest[back], items) if back < len(newest) else 0.0
            for back in range(NEWEST)
            for part in range(len(NAMES))
        ]

    def _popularity(self, items: Indices, history: History) -> list[Any]:
        moment = float(history.time[-1])
        before, whole = self.timeline.before(items, moment), self.timeline.total_before(moment)
        recent, recent_total = [], 0
        for days in DAYS:
            recent.append(before - self.timeline.before(items, moment - days * DAY))
            recent_total = whole - self.timeline.total_before(moment - days * DAY)
        share = np.log((before + 1) / (whole + PRIOR_EVENTS))
        trend = np.log((recent[-1] + 1) / (recent_total + PRIOR_EVENTS)) - share
        of_history = self.log_counts[history.item[-PROFILE_EVENTS:]].mean()
        counts = self.log_counts[items]
        age = np.clip((moment - self.created[items]) / DAY, -1000, 5000)
        logs = [np.log1p(count) for count in recent]
        return [np.log1p(before), share, *logs, trend, counts, age, of_history, counts - of_history]

    def _session(self, history: History) -> list[Any]:
        length = min(len(history), MAX_EVENTS)
        pauses = np.flatnonzero(np.diff(history.time[-length:]) > SESSION_GAP)
        session = length - 1 - (pauses[-1] if len(pauses) else -1)
        return [np.log1p(length), np.log1p(session), history.weight[-1]]

    def _repeats(self, items: Indices, history: History) -> list[Any]:
        """The weight of each candidate in the history [c], and the number of events since its last one [c]."""
        items_seen = history.item[-MAX_EVENTS:]
        same = items[:, None] == items_seen[None, :]
        since = np.where(same.any(axis=1), np.argmax(same[:, ::-1], axis=1), MAX_EVENTS)
        return [same @ history.weight[-MAX_EVENTS:], since]

    def _similarity(self, items: Indices, history: History) -> list[Any]:
        """The number of attributes that each candidate shares with the newest item [c], and with the profile [c]."""
        if not self.attributes.shape[1]:
            return [0.0, 0.0]
        candidate_attributes = self.attributes[items]
        newest = self.attributes[history.item[-PROFILE_EVENTS:]]
        shared = (candidate_attributes @ newest.T).toarray()
        return [shared[:, -1], shared.mean(axis=1)]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays for storage; without the attributes, which are stored with the catalogue."""
        return {**self.timeline.arrays(), "candidates_created": self.created}

    @classmethod
    def of_arrays(
        cls,
        stored: dict[str, npt.NDArray[Any]],
        attributes: sparse.csr_matrix,
        signal_names: tuple[str, ...],
    ) -> Self:
        """The features that `arrays` stored, with the catalogue's attributes."""
        timeline = Timeline.of_arrays(stored)
        return cls(timeline, stored["candidates_created"], np.log1p(timeline.counts()), attributes, signal_names)
