"""A small neural network on a history, for interactions between events that the sums of the closed form do not have.

Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations" (RecSys 2016): averages of the
embeddings of the history's items, a hidden layer, and a softmax over the items. Here there are four averages, each with
a tau of its own, `sum(weight * exp(-age / tau) * embedding) / sqrt(1 + sum(weight * exp(-age / tau)))`, with the age in
events. They also have a skip connection to the last layer. The softmax is over all items, without sampling. Trained
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
"""The taus of the averages, in events."""
REACH: Final = 60
"""The number of newest events of a history that the network reads."""
_WIDTH: Final = 32
"""The dimension of an item's input embedding."""
_HIDDEN: Final = 64
"""The number of hidden units."""
_OUTPUT: Final = 48
"""The dimension of an item's output embedding."""
_NEGATIVE_SLOPE: Final = np.float32(0.01)
_DROPOUT: Final = np.float32(0.2)
_BATCH: Final = 512
_EPOCHS: Final = 8
_WARM_EPOCHS: Final = 3
"""For a network that continues from one that was trained on nearly the same events."""
_MIN_STEPS, _MAX_STEPS = 500, 4000
_LEARNING_RATE: Final = 4e-3
_FINAL_RATE_SHARE: Final = 0.05
"""The learning rate of the last step, relative to the first after the warm-up."""
_WARMUP_STEPS: Final = 100
"""Steps in which the learning rate rises."""
_WEIGHT_DECAY: Final = 1e-4
"""The share that a step at the full rate takes from all weights except the biases."""
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_DECAY_WEIGHTS: Final = np.exp(-np.arange(REACH)[:, None] / np.array(MEMORY)).astype(np.float32)
"""Shape [REACH, memories]: the factor exp(-age / tau) of an event of each age in each average."""

_Weights = dict[str, Float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A trained network over the items with events."""

    head: Indices
    """Shape [h], rising: the items with events."""
    row_of_item: Indices
    """Shape [n_items]: the row of each item in the embeddings, -1 for items without events."""
    weights: _Weights
    """embeddings [h, width]: input embeddings; hidden [memories * width, hidden] and hidden_bias [hidden]: the hidden
    layer; skip [memories * width, output] and output [hidden, output]: from averages and hidden layer to the last
    layer; items [h, output] and items_bias [h]: output embeddings and biases."""

    @classmethod
    def fit(cls, events: Events, *, seed: int, start: "Network | None" = None) -> Self:
        """Train on events in order, from the weights of `start`, a network of nearly the same events, if given."""
        head = np.flatnonzero(np.bincount(events.item, minlength=events.n_items))
        row_of_item = np.full(events.n_items, -1, np.intp)
        row_of_item[head] = np.arange(len(head))
        rng = np.random.default_rng(seed)
        weights = _initial_weights(events, head, rng)
        if start is not None:
            _copy_weights(weights, head, start)
        training = _Training(events, row_of_item, weights, rng)
        # The products are small: threads would wait for one another longer than they work.
        with threadpool_limits(1, user_api="blas"):
            training.run(_EPOCHS if start is None else _WARM_EPOCHS, 1.0 if start is None else 0.5)
        return cls(head, row_of_item, weights)

    def logits(self, history: History) -> Float32:
        """Shape [h]: the logits of the items of `head` to be next."""
        rows = self.row_of_item[history.item[-REACH:][::-1]]
        decay = _DECAY_WEIGHTS[: len(rows)].T * history.weight[-REACH:][::-1] * (rows >= 0)
        decay /= np.sqrt(1 + decay.sum(axis=1, keepdims=True))
        weights = self.weights
        averages = (decay @ weights["embeddings"][rows]).ravel()
        hidden = averages @ weights["hidden"] + weights["hidden_bias"]
        hidden = np.maximum(hidden, _NEGATIVE_SLOPE * hidden)
        query = hidden @ weights["output"] + averages @ weights["skip"]
        logits: Float32 = weights["items"] @ query + weights["items_bias"]
        return logits

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage, with names that begin with `name`."""
        return {
            f"{name}_row_of_item": self.row_of_item,
            **{f"{name}_{part}": array for part, array in self.weights.items()},
        }

    @classmethod
    def of_arrays(cls, name: str, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The network that `arrays` stored with this name."""
        begin = f"{name}_"
        arrays = {key.removeprefix(begin): array for key, array in stored.items() if key.startswith(begin)}
        row_of_item = arrays.pop("row_of_item")
        return cls(np.flatnonzero(row_of_item >= 0), row_of_item, arrays)


def _initial_weights(events: Events, head: Indices, rng: np.random.Generator) -> _Weights:
    """Small random weights; the items' biases are the logarithms of their popularity."""
    averages = len(MEMORY) * _WIDTH

    def drawn(rows: int, columns: int, size: float) -> Float32:
        return np.float32(size) * rng.standard_normal((rows, columns), np.float32)

    popularity = np.log1p(np.bincount(events.item, weights=events.weight, minlength=events.n_items)[head])
    return {
        "embeddings": drawn(len(head), _WIDTH, 0.1),
        "hidden": drawn(averages, _HIDDEN, averages**-0.5),
        "hidden_bias": np.zeros(_HIDDEN, np.float32),
        "skip": drawn(averages, _OUTPUT, averages**-0.5),
        "output": drawn(_HIDDEN, _OUTPUT, _HIDDEN**-0.5),
        "items": drawn(len(head), _OUTPUT, 0.1),
        "items_bias": (popularity - popularity.mean()).astype(np.float32),
    }


def _copy_weights(weights: _Weights, head: Indices, start: Network) -> None:
    """Overwrite initial weights by those of `start`; items that it does not have keep theirs."""
    rows = start.row_of_item[head]
    for name, array in start.weights.items():
        if name in ("embeddings", "items", "items_bias"):
            weights[name][rows >= 0] = array[rows[rows >= 0]]
        else:
            weights[name][...] = array


class _Training:
    """Adam on the cross-entropy of the item of each event, given the user's history before it."""

    def __init__(self, events: Events, row_of_item: Indices, weights: _Weights, rng: np.random.Generator) -> None:
        self._item, self._weight = row_of_item[events.item], events.weight
        self._position = positions(events)
        self._targets = np.flatnonzero((self._position > 0) & (events.weight > 0))
        self._weights, self._rng = weights, rng
        self._first_moments = {name: np.zeros_like(array) for name, array in weights.items()}
        self._second_moments = {name: np.zeros_like(array) for name, array in weights.items()}
        self._buffers = {name: np.empty_like(array) for name, array in weights.items()}

    def run(self, epochs: int, rate: float) -> None:
        """Train for so many epochs, within the limits of the number of steps; rate: a factor of the learning rate."""
        batch = min(_BATCH, len(self._targets))
        steps_per_epoch = len(self._targets) // batch if batch else 0
        share = epochs / _EPOCHS
        steps = int(np.clip(epochs * steps_per_epoch, _MIN_STEPS * share, _MAX_STEPS * share)) if batch else 0
        for step in range(steps):
            if step % steps_per_epoch == 0:
                order = self._rng.permutation(self._targets)
            first = step % steps_per_epoch * batch
            gradients = self._gradients(order[first : first + batch])
            rate_share = min(1, (step + 1) / _WARMUP_STEPS) * (1 - (1 - _FINAL_RATE_SHARE) * step / steps)
            self._adam_step(gradients, step + 1, rate * rate_share)

    def _gradients(self, targets: Indices) -> _Weights:
        """The gradient of the mean cross-entropy of these events by each of the weights."""
        weights, size = self._weights, len(targets)
        earlier = targets[:, None] - np.arange(1, REACH + 1)
        present = np.arange(REACH) < self._position[targets][:, None]
        earlier[~present] = 0
        rows = self._item[earlier]
        decay = (self._weight[earlier] * present)[:, None, :] * _DECAY_WEIGHTS.T
        decay /= np.sqrt(1 + decay.sum(axis=2, keepdims=True))
        averages = np.matmul(decay, weights["embeddings"][rows]).reshape(size, -1)
        dropout_mask = self._dropout_mask(averages.shape)
        averages *= dropout_mask
        hidden = averages @ weights["hidden"] + weights["hidden_bias"]
        activation_gradient = np.where(hidden > 0, np.float32(1), _NEGATIVE_SLOPE)
        activation_gradient *= self._dropout_mask(hidden.shape)
        hidden *= activation_gradient
        query = hidden @ weights["output"] + averages @ weights["skip"]

        logit_gradient = self._logit_gradient(query, targets)
        query_gradient = logit_gradient @ weights["items"]
        hidden_gradient = query_gradient @ weights["output"].T
        hidden_gradient *= activation_gradient
        average_gradient = hidden_gradient @ weights["hidden"].T + query_gradient @ weights["skip"].T
        average_gradient *= dropout_mask
        row_gradient = np.matmul(decay.transpose(0, 2, 1), average_gradient.reshape(size, len(MEMORY), _WIDTH))
        at = sparse.csr_matrix(
            (np.ones(int(present.sum()), np.float32), rows[present], np.r_[0, np.cumsum(present)]),
            shape=(rows.size, len(weights["embeddings"])),
        )
        return {
            "embeddings": at.T @ row_gradient.reshape(-1, _WIDTH),
            "hidden": averages.T @ hidden_gradient,
            "hidden_bias": hidden_gradient.sum(axis=0),
            "skip": averages.T @ query_gradient,
            "output": hidden.T @ query_gradient,
            "items": logit_gradient.T @ query,
            "items_bias": logit_gradient.sum(axis=0),
        }

    def _logit_gradient(self, query: Float32, targets: Indices) -> Float32:
        """Shape [targets, h]: the gradient by the logits, the probability of each item, less one for the next item."""
        probabilities: Float32 = query @ self._weights["items"].T
        probabilities += self._weights["items_bias"]
        probabilities -= probabilities.max(axis=1, keepdims=True)
        np.exp(probabilities, out=probabilities)
        importance = self._weight[targets] / np.float32(len(targets))
        probabilities *= (importance / probabilities.sum(axis=1))[:, None]
        probabilities[np.arange(len(targets)), self._item[targets]] -= importance
        return probabilities

    def _dropout_mask(self, shape: tuple[int, ...]) -> Float32:
        """A dropout mask: 0 for dropped units, 1 / (1 - rate) for the others."""
        mask = self._rng.random(shape, np.float32) >= _DROPOUT
        return mask * (1 / (1 - _DROPOUT))

    def _adam_step(self, gradients: _Weights, step: int, rate_share: float) -> None:
        """One step of Adam, in place; rate_share: a factor of the learning rate."""
        bias_correction = (1 - _BETA2**step) ** 0.5
        step_size = np.float32(rate_share * _LEARNING_RATE * bias_correction / (1 - _BETA1**step))
        for name, gradient in gradients.items():
            first_moment, second_moment, buffer = (
                self._first_moments[name],
                self._second_moments[name],
                self._buffers[name],
            )
            first_moment *= np.float32(_BETA1)
            first_moment += np.multiply(gradient, np.float32(1 - _BETA1), out=buffer)
            second_moment *= np.float32(_BETA2)
            np.multiply(gradient, gradient, out=buffer)
            buffer *= np.float32(1 - _BETA2)
            second_moment += buffer
            np.sqrt(second_moment, out=buffer)
            buffer += np.float32(_EPSILON * bias_correction)
            np.divide(first_moment, buffer, out=buffer)
            buffer *= step_size
            if not name.endswith("_bias"):
                self._weights[name] *= np.float32(1 - rate_share * _WEIGHT_DECAY)
            self._weights[name] -= buffer
