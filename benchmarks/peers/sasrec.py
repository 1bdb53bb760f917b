"""The neural sequential peer: SASRec in JAX.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, with two changes that later work found to make
it much stronger: the loss is the cross-entropy over many items (Klenitskiy and Vasilev, "Turning Dross Into Gold Loss",
RecSys 2023) instead of one sampled item, and layers are normalized before they are used. The sum over the items that
did not come is estimated from a sample of them that a batch shares, so that it runs on two cores. The epochs are chosen
on the validation items: training ends when they have not improved for a while, and the best parameters stay.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.quality.child import Trained
from benchmarks.quality.figures import gains
from personalize_local.engine.base.data import Events, Float32, History, Int32
from personalize_local.engine.base.scores import ranking

Parameters = dict[str, Any]
_BATCH = 128
_VALIDATION_PERIOD = 4
"""Epochs between two evaluations on the validation items."""


def sasrec(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    width: int,
    layers: int,
    dropout: float,
    window: int = 50,
    heads: int = 2,
    negatives: int = 512,
    learning_rate: float = 2e-3,
    epochs: int = 48,
    patience: int = 3,
) -> Trained:
    """Train on windows of histories.

    negatives: items in a batch's sample. patience: evaluations on validation items without improvement before it ends.
    """
    sequences = _sequences(training)
    # The quick generator: half of a step would go into the masks of dropout.
    key = jax.random.key(seed, impl="rbg")
    parameters = _parameters(key, training.n_items, window=window, width=width, layers=layers)
    optimizer = optax.adam(learning_rate, b2=0.98)
    state = optimizer.init(parameters)
    forward = partial(_forward, heads=heads, layers=layers)

    sampled = min(negatives, training.n_items)
    scale = float(np.log(training.n_items / sampled))

    def learn(parameters: Parameters, state: Any, key: Any, rows: Any) -> tuple[Parameters, Any]:
        for_dropout, for_sample = jax.random.split(key)
        sample = 1 + jax.random.choice(for_sample, training.n_items, (sampled,), replace=False)

        def loss(parameters: Parameters) -> Any:
            hidden = forward(parameters, rows[:, :-1], key=for_dropout, dropout=dropout)
            targets = rows[:, 1:]
            right = (hidden * parameters["items"][targets]).sum(axis=-1)
            wrong = hidden @ parameters["items"][sample].T + scale
            wrong = jnp.where(sample == targets[..., None], -1e9, wrong)
            losses = jnp.logaddexp(right, jax.nn.logsumexp(wrong, axis=-1)) - right
            return (losses * (targets > 0)).sum() / (targets > 0).sum()

        changes, state = optimizer.update(jax.grad(loss)(parameters), state)
        return optax.apply_updates(parameters, changes), state

    def last(parameters: Parameters, rows: Any) -> Any:
        return forward(parameters, rows)[:, -1] @ parameters["items"][1:].T

    learn, last = jax.jit(learn), jax.jit(last)
    rng = np.random.default_rng(seed)
    asked_sequences = [sequences[user] for user in asked.tolist()]
    rows = np.stack([_window(sequence, window) for sequence in asked_sequences])
    best, best_parameters, best_epoch = -1.0, parameters, 0
    for epoch in range(1, epochs + 1):
        for batch in _batches(sequences, window + 1, rng):
            key, used = jax.random.split(key)
            parameters, state = learn(parameters, state, used, batch)
        if epoch % _VALIDATION_PERIOD:
            continue
        value = _ndcg(np.asarray(last(parameters, rows)), asked_sequences, validation)
        if value > best:
            best, best_parameters, best_epoch = value, parameters, epoch
        elif epoch - best_epoch >= patience * _VALIDATION_PERIOD:
            break

    def score(user: int, history: History) -> Float32:
        row = _window(history.item + 1, window)[None]
        return np.asarray(last(best_parameters, row)[0], np.float32)

    return Trained(score, extra_costs={"epochs": float(best_epoch), "seen_epochs": float(epoch)})


def _sequences(training: Events) -> list[Int32]:
    """The items of each user in order, numbered from 1; 0 is padding."""
    ordered = training.in_order()
    ends = np.searchsorted(ordered.user, np.arange(training.n_users), side="right")
    return np.split((ordered.item + 1).astype(np.int32), ends[:-1])


def _window(sequence: Int32, length: int) -> Int32:
    window = np.zeros(length, np.int32)
    newest = sequence[-length:]
    window[length - len(newest) :] = newest
    return window


def _batches(sequences: list[Int32], length: int, rng: np.random.Generator) -> Iterator[Int32]:
    """All sequences in windows with random starts, so that every event is an input and a target at times."""
    windows = []
    for sequence in sequences:
        end = len(sequence)
        if end > length:
            end -= int(rng.integers(0, length - 1))
            windows.append(_window(sequence, length))
        while end > 1:
            windows.append(_window(sequence[:end], length))
            end -= length - 1
    order = rng.permutation(len(windows))
    order = np.r_[order, order[: -len(order) % _BATCH]]
    for begin in range(0, len(order), _BATCH):
        yield np.stack([windows[number] for number in order[begin : begin + _BATCH]])


def _ndcg(scores: Float32, histories: list[Int32], targets: Int32) -> float:
    lists = np.empty((len(scores), 10), np.int32)
    for number, (row, history) in enumerate(zip(np.array(scores), histories, strict=True)):
        row[history - 1] = -np.inf
        lists[number] = ranking(row, limit=10)
    return float(gains(lists, targets)["NDCG@10"].mean())


def _parameters(key: Any, n_items: int, *, window: int, width: int, layers: int) -> Parameters:
    keys = iter(jax.random.split(key, 2 + 6 * layers))

    def matrix(*shape: int) -> Any:
        return 0.02 * jax.random.normal(next(keys), shape)

    def norm() -> Parameters:
        return {"scale": jnp.ones(width), "shift": jnp.zeros(width)}

    def layer() -> Parameters:
        return {
            "query": matrix(width, width),
            "key": matrix(width, width),
            "value": matrix(width, width),
            "mix": matrix(width, width),
            "first": matrix(width, width),
            "second": matrix(width, width),
            "before_attention": norm(),
            "before_network": norm(),
        }

    return {
        "items": matrix(n_items + 1, width),
        "places": matrix(window, width),
        "layers": [layer() for _ in range(layers)],
        "norm": norm(),
    }


def _forward(
    parameters: Parameters, rows: Any, *, heads: int, layers: int, key: Any = None, dropout: float = 0.0
) -> Any:
    """Shape [batch, window, width]: the hidden states at each position of the rows. Dropout only with a key."""
    keys = iter(jax.random.split(key, 1 + 2 * layers)) if key is not None else None

    def dropped(values: Any) -> Any:
        if keys is None or not dropout:
            return values
        best_parameters = jax.random.bernoulli(next(keys), 1 - dropout, values.shape)
        return jnp.where(best_parameters, values / (1 - dropout), 0)

    batch, window = rows.shape
    filled = rows > 0
    hidden = parameters["items"][rows] * parameters["items"].shape[1] ** 0.5 + parameters["places"]
    hidden = dropped(hidden) * filled[..., None]
    seen = jnp.tril(jnp.ones((window, window), bool)) & filled[:, None, :]
    # A padding position attends to itself, so that its softmax is defined.
    seen |= jnp.eye(window, dtype=bool)
    for layer in parameters["layers"]:
        source = _normed(layer["before_attention"], hidden)
        query, keyed, value = (
            (source @ layer[name]).reshape(batch, window, heads, -1) for name in ("query", "key", "value")
        )
        fit = jnp.einsum("bqhd,bkhd->bhqk", query, keyed) / query.shape[-1] ** 0.5
        share = jax.nn.softmax(jnp.where(seen[:, None], fit, -1e9))
        forward = jnp.einsum("bhqk,bkhd->bqhd", share, value).reshape(batch, window, -1)
        hidden = hidden + dropped(forward @ layer["mix"])
        source = _normed(layer["before_network"], hidden)
        hidden = hidden + dropped(jax.nn.relu(source @ layer["first"]) @ layer["second"])
    return _normed(parameters["norm"], hidden)


def _normed(norm: Parameters, values: Any) -> Any:
    mean = values.mean(axis=-1, keepdims=True)
    variance = values.var(axis=-1, keepdims=True)
    return (values - mean) / jnp.sqrt(variance + 1e-6) * norm["scale"] + norm["shift"]
