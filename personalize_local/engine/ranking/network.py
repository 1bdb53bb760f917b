"""A small neural network that reads a history: what the sums of the closed form cannot say.

Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations" (RecSys 2016): averages of learned
vectors of the history's items, a hidden layer, and a softmax over the items. Here there are four averages, each with a
memory of its own, `sum(weight * exp(-age / tau) * vector) / sqrt(1 + sum(weight * exp(-age / tau)))`, the age counted
in events; they also reach the last layer directly; and the softmax is over all items, so nothing is sampled. Trained
with Adam (Kingma and Ba, ICLR 2015) on one thread and in a fixed order: the same events give the same network.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from personalize_local.engine.base.data import Events, Float32, History, Indices
from personalize_local.engine.base.prefixes import positions

MEMORY: Final = (1.0, 3.0, 10.0, 40.0)
"""The memories of the averages, in events."""
REACH: Final = 60
"""Newest events of a history that the network reads."""
_WIDTH: Final = 32
"""Of an item's vector in an average."""
_HIDDEN: Final = 64
_OUTPUT: Final = 48
"""Of an item's vector in the softmax."""
_LEAK: Final = np.float32(0.01)
_DROPOUT: Final = np.float32(0.2)
_BATCH: Final = 512
_EPOCHS: Final = 8
_MORE_EPOCHS: Final = 3
"""When a network that knows nearly the same events goes on."""
_LEAST_STEPS, _MOST_STEPS = 500, 4000
_RATE: Final = 4e-3
_LAST_RATE: Final = 0.05
"""The share of the rate that is left at the end."""
_WARMING: Final = 100
"""Steps in which the rate rises."""
_DECAY: Final = 1e-4
"""Of the weights but the biases, a step at the full rate."""
_SLOPES_KEPT, _SQUARES_KEPT, _LEAST_SPREAD = 0.9, 0.999, 1e-8
_FADING: Final = np.exp(-np.arange(REACH)[:, None] / np.array(MEMORY)).astype(np.float32)
"""Shape [REACH, memories]: what an event counts after so many others."""

_Weights = dict[str, Float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A trained network over the `h` items of `head`."""

    head: Indices
    place: Indices
    """Shape [n_items]: the row of each item, -1 for those without events."""
    weights: _Weights
    """vectors [h, width], hidden [memories * width, hidden] and hidden_bias, across [memories * width, output],
    onward [hidden, output], items [h, output] and items_bias [h]."""

    @classmethod
    def fit(cls, events: Events, *, seed: int, start: "Network | None" = None) -> Self:
        """The network of events in order. start: one that was trained on nearly the same events, to go on from."""
        head = np.flatnonzero(np.bincount(events.item, minlength=events.n_items))
        place = np.full(events.n_items, -1, np.intp)
        place[head] = np.arange(len(head))
        rng = np.random.default_rng(seed)
        weights = _first(events, head, rng)
        if start is not None:
            _take_over(weights, head, start)
        training = _Training(events, place, weights, rng)
        # The products are small: threads would wait for one another longer than they work.
        with threadpool_limits(1, user_api="blas"):
            training.run(_EPOCHS if start is None else _MORE_EPOCHS, 1.0 if start is None else 0.5)
        return cls(head, place, weights)

    def logits(self, history: History) -> Float32:
        """What the network says of the items of `head`, shape [h]: the logits of their chances to come next."""
        rows = self.place[history.item[-REACH:][::-1]]
        fading = _FADING[: len(rows)].T * history.weight[-REACH:][::-1] * (rows >= 0)
        fading /= np.sqrt(1 + fading.sum(axis=1, keepdims=True))
        weights = self.weights
        averages = (fading @ weights["vectors"][rows]).ravel()
        hidden = averages @ weights["hidden"] + weights["hidden_bias"]
        hidden = np.maximum(hidden, _LEAK * hidden)
        asked = hidden @ weights["onward"] + averages @ weights["across"]
        logits: Float32 = weights["items"] @ asked + weights["items_bias"]
        return logits

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage, under names that begin with this one."""
        return {f"{name}_place": self.place, **{f"{name}_{part}": array for part, array in self.weights.items()}}

    @classmethod
    def of_arrays(cls, name: str, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The network that `arrays` gave."""
        begin = f"{name}_"
        arrays = {key.removeprefix(begin): array for key, array in stored.items() if key.startswith(begin)}
        place = arrays.pop("place")
        return cls(np.flatnonzero(place >= 0), place, arrays)


def _first(events: Events, head: Indices, rng: np.random.Generator) -> _Weights:
    """Small random weights; items start as popular as they are."""
    averages = len(MEMORY) * _WIDTH

    def drawn(rows: int, columns: int, size: float) -> Float32:
        return np.float32(size) * rng.standard_normal((rows, columns), np.float32)

    popularity = np.log1p(np.bincount(events.item, weights=events.weight, minlength=events.n_items)[head])
    return {
        "vectors": drawn(len(head), _WIDTH, 0.1),
        "hidden": drawn(averages, _HIDDEN, averages**-0.5),
        "hidden_bias": np.zeros(_HIDDEN, np.float32),
        "across": drawn(averages, _OUTPUT, averages**-0.5),
        "onward": drawn(_HIDDEN, _OUTPUT, _HIDDEN**-0.5),
        "items": drawn(len(head), _OUTPUT, 0.1),
        "items_bias": (popularity - popularity.mean()).astype(np.float32),
    }


def _take_over(weights: _Weights, head: Indices, start: Network) -> None:
    """Write the weights of `start` over the first ones; items that it does not know keep theirs."""
    rows = start.place[head]
    for name, array in start.weights.items():
        if name in ("vectors", "items", "items_bias"):
            weights[name][rows >= 0] = array[rows[rows >= 0]]
        else:
            weights[name][...] = array


class _Training:
    """Adam on the cross-entropy of each event, given what its user did before it."""

    def __init__(self, events: Events, place: Indices, weights: _Weights, rng: np.random.Generator) -> None:
        self._item, self._weight = place[events.item], events.weight
        self._position = positions(events)
        self._targets = np.flatnonzero((self._position > 0) & (events.weight > 0))
        self._weights, self._rng = weights, rng
        self._slopes = {name: np.zeros_like(array) for name, array in weights.items()}
        self._squares = {name: np.zeros_like(array) for name, array in weights.items()}
        self._room = {name: np.empty_like(array) for name, array in weights.items()}

    def run(self, epochs: int, rate: float) -> None:
        """Go through the events so often, within the limits of steps, at a share of the usual rate."""
        batch = min(_BATCH, len(self._targets))
        an_epoch = len(self._targets) // batch if batch else 0
        share = epochs / _EPOCHS
        steps = int(np.clip(epochs * an_epoch, _LEAST_STEPS * share, _MOST_STEPS * share)) if batch else 0
        for step in range(steps):
            if step % an_epoch == 0:
                order = self._rng.permutation(self._targets)
            first = step % an_epoch * batch
            gradients = self._gradients(order[first : first + batch])
            left = min(1, (step + 1) / _WARMING) * (1 - (1 - _LAST_RATE) * step / steps)
            self._climb(gradients, step + 1, rate * left)

    def _gradients(self, targets: Indices) -> _Weights:
        """The slope of the mean cross-entropy of these events by each of the weights."""
        weights, size = self._weights, len(targets)
        earlier = targets[:, None] - np.arange(1, REACH + 1)
        there = np.arange(REACH) < self._position[targets][:, None]
        earlier[~there] = 0
        rows = self._item[earlier]
        fading = (self._weight[earlier] * there)[:, None, :] * _FADING.T
        fading /= np.sqrt(1 + fading.sum(axis=2, keepdims=True))
        averages = np.matmul(fading, weights["vectors"][rows]).reshape(size, -1)
        dropped = self._kept(averages.shape)
        averages *= dropped
        hidden = averages @ weights["hidden"] + weights["hidden_bias"]
        leaking = np.where(hidden > 0, np.float32(1), _LEAK)
        leaking *= self._kept(hidden.shape)
        hidden *= leaking
        asked = hidden @ weights["onward"] + averages @ weights["across"]

        of_logits = self._of_logits(asked, targets)
        of_asked = of_logits @ weights["items"]
        of_hidden = of_asked @ weights["onward"].T
        of_hidden *= leaking
        of_averages = of_hidden @ weights["hidden"].T + of_asked @ weights["across"].T
        of_averages *= dropped
        of_rows = np.matmul(fading.transpose(0, 2, 1), of_averages.reshape(size, len(MEMORY), _WIDTH))
        at = sparse.csr_matrix(
            (np.ones(int(there.sum()), np.float32), rows[there], np.r_[0, np.cumsum(there)]),
            shape=(rows.size, len(weights["vectors"])),
        )
        return {
            "vectors": at.T @ of_rows.reshape(-1, _WIDTH),
            "hidden": averages.T @ of_hidden,
            "hidden_bias": of_hidden.sum(axis=0),
            "across": averages.T @ of_asked,
            "onward": hidden.T @ of_asked,
            "items": of_logits.T @ asked,
            "items_bias": of_logits.sum(axis=0),
        }

    def _of_logits(self, asked: Float32, targets: Indices) -> Float32:
        """The slope by the logits, shape [targets, h]: the chance of each item, less one for the item that came."""
        chances: Float32 = asked @ self._weights["items"].T
        chances += self._weights["items_bias"]
        chances -= chances.max(axis=1, keepdims=True)
        np.exp(chances, out=chances)
        importance = self._weight[targets] / np.float32(len(targets))
        chances *= (importance / chances.sum(axis=1))[:, None]
        chances[np.arange(len(targets)), self._item[targets]] -= importance
        return chances

    def _kept(self, shape: tuple[int, ...]) -> Float32:
        """Dropout: zero for what is left out, and what makes up for it elsewhere."""
        kept = self._rng.random(shape, np.float32) >= _DROPOUT
        return kept * (1 / (1 - _DROPOUT))

    def _climb(self, gradients: _Weights, step: int, left: float) -> None:
        """One step of Adam, in place, at this share of the rate."""
        spread = (1 - _SQUARES_KEPT**step) ** 0.5
        length = np.float32(left * _RATE * spread / (1 - _SLOPES_KEPT**step))
        for name, gradient in gradients.items():
            slope, square, room = self._slopes[name], self._squares[name], self._room[name]
            slope *= np.float32(_SLOPES_KEPT)
            slope += np.multiply(gradient, np.float32(1 - _SLOPES_KEPT), out=room)
            square *= np.float32(_SQUARES_KEPT)
            np.multiply(gradient, gradient, out=room)
            room *= np.float32(1 - _SQUARES_KEPT)
            square += room
            np.sqrt(square, out=room)
            room += np.float32(_LEAST_SPREAD * spread)
            np.divide(slope, room, out=room)
            room *= length
            if not name.endswith("_bias"):
                self._weights[name] *= np.float32(1 - left * _DECAY)
            self._weights[name] -= room
