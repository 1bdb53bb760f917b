"""The next item of a user as a mixture of components, each with its own probabilities of the items.

taste       the item is chosen by the user's taste (`tastes`)
popularity  the item has its share of all events
repeat      it is the item of the last event: a view is often followed by a favourite of the same item
revisit     it is an item of the history, in proportion to its weight there
similar f   it is chosen by the user's taste among the items that share a value of field f with the last item

The mixing weights depend on the weight of the last event: after a view more users continue with the same item than
after an enquiry. They maximize the likelihood of the next items of users on whom the tastes were not fitted, by
expectation maximization (Dempster, Laird and Rubin 1977). Before the first event popularity has all the weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.prefixes import positions, prefix_rows
from personalize_local.engine.choice.tastes import Tastes, taste_weights, taste_weights_of

_NO_HISTORY = 0
_UNSEEN_SHARE = 0.2
_MAX_CHOICES, _MIN_CHOICES = 4000, 50
_MAX_CLASSES = 6
_PRIOR_CHOICES = 20.0
"""The weight of the priors of the mixing weights, in choices: `_PRIOR_MIX` for all last events together, and the mixing
weights of all last events for those of one class of weights."""
_PRIOR_MIX = {"taste": 0.5, "popularity": 0.2, "repeat": 0.1, "revisit": 0.1}
"""The prior mixing weights; the rest is shared by the components `similar f`."""
_POPULARITY = list(_PRIOR_MIX).index("popularity")
_EM_STEPS = 200
_MIN_PROBABILITY = np.float32(1e-12)
_MIN_WEIGHT = 1e-3
"""A component whose mixing weight is smaller is left out."""
_MAX_VALUES = 40_000_000
"""The most probabilities of each component that are computed to fit the mixing weights."""
_CHUNK = 2_000_000
"""Probabilities in memory at a time."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """q histories as the mixture needs them."""

    taste_rows: sparse.csr_matrix
    """csr [q, n_items]: the weights of each item's events in the estimate of the taste, decayed with age."""
    history_rows: sparse.csr_matrix
    """csr [q, n_items]: the weights of each item's events, decayed with age."""
    last: Indices
    """Shape [q]: the item of the last event, -1 for an empty history."""
    weight: Float32
    """Shape [q]: the weight of the last event."""

    @classmethod
    def of(cls, events: Events, chosen: npt.NDArray[np.bool_], *, memory: float, reach: int) -> "Prefixes":
        """The histories before the chosen events; `events` must be in order."""
        by_taste = replace(events, weight=taste_weights(events))
        first = positions(events)[chosen] == 0
        before = np.flatnonzero(chosen) - 1
        return cls(
            prefix_rows(by_taste, tau=memory, reach=reach)[chosen],
            prefix_rows(events, tau=memory, reach=reach)[chosen],
            np.where(first, -1, events.item[before]).astype(np.intp),
            np.where(first, 0, events.weight[before]).astype(np.float32),
        )

    def part(self, begin: int, end: int) -> "Prefixes":
        """The histories from number `begin` to `end`."""
        return Prefixes(
            self.taste_rows[begin:end], self.history_rows[begin:end], self.last[begin:end], self.weight[begin:end]
        )

    def __len__(self) -> int:
        return len(self.last)


@dataclass(frozen=True, slots=True)
class NextItemMixture:
    """The fitted mixture."""

    tastes: Tastes
    attributes: sparse.csr_matrix
    fields: Int32
    share: Float32
    """Shape [n_items]: each item's share of all events."""
    class_borders: Float32
    """Shape [classes - 2], rising: the limits between the classes of last events, which are classes by weight."""
    mixing_weights: Float32
    """Shape [classes, components]: the probability of each component; the first class is the empty history."""
    memory: float
    """The tau by which the events of a history decay, in events."""
    items_of_attribute: sparse.csc_matrix = field(init=False, repr=False, compare=False)
    """csc [n_items, m]: the attributes by column, to find the items of an attribute."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items_of_attribute", self.attributes.tocsc())

    @classmethod
    def fit(
        cls,
        events: Events,
        attributes: sparse.csr_matrix,
        fields: Int32,
        share: Float64,
        exposure: Float64,
        *,
        memory: float,
        reach: int,
    ) -> Self:
        """Fit to events in order, whose mean weight is about one.

        attributes, fields: csr [n_items, m] and [m], of the catalogue (`shares.attribute_columns`). share: [n_items],
        the expected share of events of each item. exposure: [n_items], the share of all events that happened while the
        item was in the catalogue. memory: the tau by which the events of a history decay, in events. reach: the number
        of newest events of a history that count.
        """
        rng = np.random.default_rng(0)
        unseen = (rng.random(events.n_users) < _UNSEEN_SHARE)[events.user]
        tastes = Tastes.fit(events.of(~unseen), attributes, share, exposure, fields=fields)
        class_borders = _class_borders(events.weight)
        expected = _prior_mix(int(fields.max(initial=-1)) + 1)
        mixing_weights = np.tile(expected, (len(class_borders) + 2, 1))
        early = cls(tastes, attributes, fields, share.astype(np.float32), class_borders, mixing_weights, memory)
        held_out = events.of(unseen)
        chosen = np.zeros(len(held_out), bool)
        budget = min(_MAX_CHOICES, max(_MIN_CHOICES, _MAX_VALUES // max(events.n_items, 1)))
        chosen[rng.permutation(len(held_out))[:budget]] = True
        prefixes = Prefixes.of(held_out, chosen, memory=memory, reach=reach)
        likelihoods = early._component_likelihoods(prefixes, held_out.item[chosen])
        importance = held_out.weight[chosen].astype(np.float64)
        return replace(
            early,
            tastes=Tastes.fit(events, attributes, share, exposure, fields=fields, start=tastes),
            mixing_weights=_fit_mixing_weights(
                likelihoods, early._weight_classes(prefixes), importance, expected, len(mixing_weights)
            ),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the components, in their order."""
        return (*_PRIOR_MIX, *(f"similar {number}" for number in range(int(self.fields.max(initial=-1)) + 1)))

    def log_probabilities(self, prefixes: Prefixes) -> Float32:
        """Shape [q, n_items]: the log-probability of each item to be next."""
        n_items = len(self.share)
        result = np.empty((len(prefixes), n_items), np.float32)
        size = max(1, _CHUNK // n_items)
        for begin in range(0, len(prefixes), size):
            part = prefixes.part(begin, begin + size)
            mixing_weights = self.mixing_weights[self._weight_classes(part)]
            result[begin : begin + size] = _MIN_PROBABILITY
            for number, probabilities in enumerate(self._component_probabilities(part)):
                result[begin : begin + size] += mixing_weights[:, number, None] * probabilities
        return np.log(result, out=result)

    def log_probabilities_after(self, history: History, reach: int) -> Float32:
        """Shape [n_items]: the same after one history, of which the newest `reach` events count."""
        counting = np.flatnonzero(history.weight > 0)
        item, age = history.item[counting], len(history) - 1.0 - counting
        # Before the cut: the oldest event that counts may repeat the item of one that does not.
        repeated = np.r_[False, item[1:] == item[:-1]][: len(item)]
        newest = age < reach
        item, weight, age, repeated = item[newest], history.weight[counting][newest], age[newest], repeated[newest]
        if not len(item):
            cold_start: Float32 = np.log(self.share + _MIN_PROBABILITY)
            return cold_start
        by_taste, in_history = self.taste_and_history_weights(weight, age, repeated)
        sums: Float32 = by_taste[None, :] @ self.tastes.loadings[item]
        taste_probabilities: Float32 = np.exp(self.tastes.log_probabilities(sums, by_taste.sum(keepdims=True))[0])
        mixing_weights = self.mixing_weights_after(weight[-1:])[0]
        probabilities: Float32 = mixing_weights[0] * taste_probabilities + mixing_weights[1] * self.share
        probabilities[item[-1]] += mixing_weights[2]
        np.add.at(probabilities, item, mixing_weights[3] / in_history.sum() * in_history)
        self.add_similar(probabilities, mixing_weights, taste_probabilities, int(item[-1]))
        return self.log(probabilities)

    def taste_and_history_weights(
        self, weight: Float32, age: npt.NDArray[Any], repeated: npt.NDArray[np.bool_]
    ) -> tuple[Float32, Float32]:
        """The weight of each event in the estimate of the taste and in the history, decayed; shapes of `weight`."""
        decay = np.exp(age / -self.memory).astype(np.float32)
        by_taste: Float32 = taste_weights_of(weight, repeated) * decay
        return by_taste, weight * decay

    def mixing_weights_after(self, weight: Float32) -> Float32:
        """Shape [q, components]: the mixing weights after last events of these weights [q]."""
        mixing_weights: Float32 = self.mixing_weights[1 + np.searchsorted(self.class_borders, weight)]
        return mixing_weights

    @staticmethod
    def log(probabilities: Float32) -> Float32:
        """The logarithm of probabilities, in place; the smallest probability is positive."""
        probabilities += _MIN_PROBABILITY
        return np.log(probabilities, out=probabilities)

    def add_similar(
        self, probabilities: Float32, mixing_weights: Float32, taste_probabilities: Float32, last: int
    ) -> None:
        """Add the components `similar f` after the item `last` to `probabilities` [n_items], in place.

        mixing_weights: [components], of all components. taste_probabilities: [n_items].
        """
        mixing_weights = mixing_weights[len(_PRIOR_MIX) :]
        begin, end = self.attributes.indptr[last : last + 2]
        columns, amounts = self.attributes.indices[begin:end], self.attributes.data[begin:end]
        by_field: dict[int, list[tuple[Int32, Float32]]] = {}
        for column, amount in zip(columns.tolist(), amounts, strict=True):
            if mixing_weights[self.fields[column]] > 0:
                first, after = self.items_of_attribute.indptr[column : column + 2]
                shared = amount * self.items_of_attribute.data[first:after]
                items = self.items_of_attribute.indices[first:after]
                by_field.setdefault(int(self.fields[column]), []).append((items, shared))
        for number, similar_items in by_field.items():
            similar = [shared * taste_probabilities[items] for items, shared in similar_items]
            total = max(float(sum(one.sum() for one in similar)), float(_MIN_PROBABILITY))
            for (items, _), one in zip(similar_items, similar, strict=True):
                probabilities[items] += mixing_weights[number] / np.float32(total) * one

    def _component_likelihoods(self, prefixes: Prefixes, item: Int32) -> Float64:
        """Shape [q, components]: the probability that each component gives to the item [q] that was next."""
        likelihoods = np.empty((len(prefixes), len(self.names)))
        size = max(1, _CHUNK // len(self.share))
        for begin in range(0, len(prefixes), size):
            part = prefixes.part(begin, begin + size)
            rows = np.arange(len(part))
            for number, probabilities in enumerate(self._component_probabilities(part)):
                likelihoods[begin : begin + size, number] = probabilities[rows, item[begin : begin + size]]
        return likelihoods

    def _weight_classes(self, prefixes: Prefixes) -> Indices:
        """Shape [q]: the row of `mixing_weights` for each history."""
        of_last = 1 + np.searchsorted(self.class_borders, prefixes.weight)
        return np.asarray(np.where(prefixes.last < 0, _NO_HISTORY, of_last), dtype=np.intp)

    def _component_probabilities(self, prefixes: Prefixes) -> Iterator[Float32]:
        """The probabilities [q, n_items] under each component, in the order of `names`."""
        sums = np.asarray(prefixes.taste_rows @ self.tastes.loadings, dtype=np.float32)
        amount = np.asarray(prefixes.taste_rows.sum(axis=1), dtype=np.float32).ravel()
        taste_probabilities = np.exp(self.tastes.log_probabilities(sums, amount))
        yield taste_probabilities
        yield np.broadcast_to(self.share, taste_probabilities.shape)
        known = np.flatnonzero(prefixes.last >= 0)
        repeat = np.zeros(taste_probabilities.shape, np.float32)
        repeat[known, prefixes.last[known]] = 1
        yield repeat
        history_rows = prefixes.history_rows.toarray()
        yield history_rows / np.maximum(history_rows.sum(axis=1, keepdims=True), _MIN_PROBABILITY)
        for number in range(int(self.fields.max(initial=-1)) + 1):
            mine = self.attributes[:, np.flatnonzero(self.fields == number)]
            similar = np.zeros(taste_probabilities.shape, np.float32)
            similar[known] = (mine[prefixes.last[known]] @ mine.T).toarray()
            similar *= taste_probabilities
            yield similar / np.maximum(similar.sum(axis=1, keepdims=True), _MIN_PROBABILITY)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage, but the catalogue's attributes."""
        return {
            **self.tastes.arrays(),
            "mixture_share": self.share,
            "mixture_class_borders": self.class_borders,
            "mixture_mixing_weights": self.mixing_weights,
            "mixture_memory": np.array(self.memory),
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]], attributes: sparse.csr_matrix, fields: Int32) -> Self:
        """The mixture that `arrays` gave, over the catalogue's attributes."""
        return cls(
            Tastes.of_arrays(stored),
            attributes,
            fields,
            stored["mixture_share"],
            stored["mixture_class_borders"],
            stored["mixture_mixing_weights"],
            float(stored["mixture_memory"]),
        )


def _prior_mix(n_fields: int) -> Float32:
    """Shape [components]: the prior mixing weights."""
    shares = np.array([*_PRIOR_MIX.values(), *([(1 - sum(_PRIOR_MIX.values())) / max(n_fields, 1)] * n_fields)])
    return np.asarray(shares / shares.sum(), dtype=np.float32)


def _class_borders(weight: Float32) -> Float32:
    """The limits of the classes: one class for each weight that occurs, or quantiles where there are many weights."""
    values = np.unique(weight)
    if len(values) > _MAX_CLASSES:
        values = np.unique(np.quantile(weight, (np.arange(_MAX_CLASSES) + 0.5) / _MAX_CLASSES))
    return np.asarray((values[1:] + values[:-1]) / 2, dtype=np.float32)


def _fit_mixing_weights(
    likelihoods: Float64, classes: Indices, importance: Float64, expected: Float32, n_classes: int
) -> Float32:
    """Shape [classes, components]: the mixing weights that maximize the likelihood of the choices.

    likelihoods: [q, components], as `_component_likelihoods`. classes, importance: [q], the class and the weight of
    each choice. Classes with few choices stay near the mixing weights of all choices.
    """
    with_history = classes != _NO_HISTORY
    pooled = _em(likelihoods[with_history], importance[with_history], expected.astype(np.float64))
    mixing_weights = [(np.arange(len(expected)) == _POPULARITY).astype(np.float64)]
    for number in range(1, n_classes):
        mine = classes == number
        mixing_weights.append(_em(likelihoods[mine], importance[mine], pooled))
    fitted: Float32 = np.array(mixing_weights, np.float32)
    fitted[fitted < _MIN_WEIGHT] = 0
    return fitted


def _em(likelihoods: Float64, importance: Float64, start: Float64) -> Float64:
    """Shape [components]: the mixing weights by expectation maximization.

    start: [components], the initial weights, and those of the `_PRIOR_CHOICES` pseudo-choices of the prior.
    """
    mixing_weights = start
    for _ in range(_EM_STEPS):
        joint = likelihoods * mixing_weights
        total = np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        counts = importance @ (joint / total) + _PRIOR_CHOICES * start
        mixing_weights = counts / counts.sum()
    return mixing_weights
