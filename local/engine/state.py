"""One visitor's state: what they did so far, ready for the next event.

A new event costs one row of each part's weights, whatever the number of users and however long the history: an
exponential memory forgets by a factor, so the sums of a history are the sums before, times the factor, and the new row.
An event that falls out of reach is taken out again. Scores equal those computed from the whole history.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

import numpy as np

from local.engine.data import Float32, Float64, History, Indices, Int32
from local.engine.models import Model
from local.engine.parts import Parts

KEPT: Final = 1000
"""Newest events that a state keeps: more than any model reads."""


class Heard:
    """What the parts have heard of one visitor: raw scores and masses, kept up to date."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # In double precision: what falls out of reach must leave nothing behind.
        self._raw = [np.zeros(len(parts.head), np.float64) for _ in parts.memory]
        self._mass = np.zeros(len(parts.memory))
        self._reached: deque[tuple[int, float]] = deque()

    def add(self, item: int, weight: float) -> None:
        """One more event: each part forgets a little and hears the item's row."""
        self._reached.append((item, weight))
        gone = self._reached.popleft() if len(self._reached) > self._parts.reach else None
        for number, tau in enumerate(self._parts.memory):
            kept = np.exp(-1 / tau)
            self._raw[number] *= kept
            self._mass[number] = kept * self._mass[number] + weight
            self._hear(number, item, weight)
            if gone is not None:
                forgotten = gone[1] * float(np.exp(-self._parts.reach / tau))
                self._mass[number] -= forgotten
                self._hear(number, gone[0], -forgotten)

    def signals(self) -> Float32:
        """The signals [parts, n_items] of `Parts.signals` for the events so far."""
        signals = np.zeros((len(self._raw), self._parts.n_items), np.float32)
        for number, (raw, mass) in enumerate(zip(self._raw, self._mass.tolist(), strict=True)):
            self._parts.scale_into(signals[number], raw, mass)
        return signals

    def _hear(self, number: int, item: int, weight: float) -> None:
        if weight:
            self._parts.hear(number, item, weight, self._raw[number])


class VisitorState:
    """A model and one visitor's events so far: the `Visitor` of models that read a history anew each time."""

    def __init__(self, model: Model, history: History) -> None:
        self._model = model
        self._item: deque[int] = deque(maxlen=KEPT)
        self._time: deque[float] = deque(maxlen=KEPT)
        self._weight: deque[float] = deque(maxlen=KEPT)
        events: Iterable[tuple[int, float, float]] = zip(
            history.item.tolist(), history.time.tolist(), history.weight.tolist(), strict=True
        )
        for item, time, weight in events:
            self.update(item, time, weight)

    def update(self, item: int, time: float, weight: float = 1.0) -> None:
        """As `Visitor.update`."""
        self._item.append(item)
        self._time.append(time)
        self._weight.append(weight)

    @property
    def history(self) -> History:
        """The newest KEPT events."""
        time: Float64 = np.array(self._time, np.float64)
        return History(np.array(self._item, np.int32), time, np.array(self._weight, np.float32))

    def score(self, *, now: float | None = None, context: Int32 | None = None, items: Indices | None = None) -> Float32:
        """As `Visitor.score`."""
        scores = self._scores(now, context)
        return scores if items is None else scores[items]

    def _scores(self, now: float | None, context: Int32 | None) -> Float32:
        return self._model.score(self.history, now=now, context=context)
