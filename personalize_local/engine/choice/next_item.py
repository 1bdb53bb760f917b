"""Where a visitor goes next: a mixture of ways to go on, each with chances of its own.

taste     what the visitor's taste chooses (`tastes`)
popular   what everybody meets
again     the item of the last event: a funnel goes on with it
back      an item of the history, the more of it the likelier
alike f   what the taste chooses among items that share the last item's values of field f

How likely each way is depends on the weight of the last event: after a glance many go deeper, after an enquiry few do.
These chances are the maximum of the likelihood of what visitors did, by expectation maximization (Dempster, Laird and
Rubin 1977), on visitors whom the tastes have not seen. Before the first event there is only what is popular.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Events, Float32, Float64, History, Indices, Int32
from personalize_local.engine.base.prefixes import positions, prefix_rows
from personalize_local.engine.choice.tastes import Tastes, evidence, evidence_of

_STRANGER = 0
_UNSEEN_SHARE = 0.2
_MAX_CHOICES, _MIN_CHOICES = 4000, 50
_MAX_CLASSES = 6
_PRIOR_CHOICES = 20.0
"""Choices' worth of what is expected of the ways, and of all last events' ways for those of one weight."""
_EXPECTED = {"taste": 0.5, "popular": 0.2, "again": 0.1, "back": 0.1}
"""Shares of the ways without evidence; the rest is for what is alike."""
_POPULAR = list(_EXPECTED).index("popular")
_EM_STEPS = 200
_LEAST = np.float32(1e-12)
_NEVER = 1e-3
"""A way that is taken less often is left out."""
_MAX_VALUES = 40_000_000
"""Chances that are looked at while the ways are fitted, of each way."""
_CHUNK = 2_000_000
"""Chances held at once."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """q histories as the mixture needs them.

    said: csr [q, n_items], what each item's events say of the taste. held: csr [q, n_items], how much of the history
    each item is. last: [q], the last item, -1 for none. weight: [q], the last event's weight.
    """

    said: sparse.csr_matrix
    held: sparse.csr_matrix
    last: Indices
    weight: Float32

    @classmethod
    def of(cls, events: Events, chosen: npt.NDArray[np.bool_], *, memory: float, reach: int) -> "Prefixes":
        """The histories before the chosen events; `events` must be in order."""
        says = replace(events, weight=evidence(events))
        first = positions(events)[chosen] == 0
        before = np.flatnonzero(chosen) - 1
        return cls(
            prefix_rows(says, tau=memory, reach=reach)[chosen],
            prefix_rows(events, tau=memory, reach=reach)[chosen],
            np.where(first, -1, events.item[before]).astype(np.intp),
            np.where(first, 0, events.weight[before]).astype(np.float32),
        )

    def part(self, begin: int, end: int) -> "Prefixes":
        """Some of them, one after the other."""
        return Prefixes(self.said[begin:end], self.held[begin:end], self.last[begin:end], self.weight[begin:end])

    def __len__(self) -> int:
        return len(self.last)


@dataclass(frozen=True, slots=True)
class NextItemMixture:
    """The fitted mixture."""

    tastes: Tastes
    attributes: sparse.csr_matrix
    fields: Int32
    share: Float32
    """Shape [n_items]: what everybody meets."""
    borders: Float32
    """Weights between the classes of last events, rising."""
    ways: Float32
    """Shape [classes, ways]: how likely each way is; the first class is without a last event."""
    memory: float
    """How long a history is held, in events."""
    members: sparse.csc_matrix = field(init=False, repr=False, compare=False)
    """The attributes by column: the items of each value."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", self.attributes.tocsc())

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
        """The mixture behind events in order, with a mean weight of about one.

        attributes, fields: of the catalogue (`shares.columns_of`). share: the share of events that each item may
        expect. exposure: the share of the events that came while it was listed. memory: how long an item of the history
        is held, in events. reach: newest events of a history that count.
        """
        rng = np.random.default_rng(0)
        unseen = (rng.random(events.n_users) < _UNSEEN_SHARE)[events.user]
        tastes = Tastes.fit(events.of(~unseen), attributes, share, exposure, fields=fields)
        borders = _borders(events.weight)
        expected = _expected(int(fields.max(initial=-1)) + 1)
        ways = np.tile(expected, (len(borders) + 2, 1))
        early = cls(tastes, attributes, fields, share.astype(np.float32), borders, ways, memory)
        judged = events.of(unseen)
        chosen = np.zeros(len(judged), bool)
        budget = min(_MAX_CHOICES, max(_MIN_CHOICES, _MAX_VALUES // max(events.n_items, 1)))
        chosen[rng.permutation(len(judged))[:budget]] = True
        prefixes = Prefixes.of(judged, chosen, memory=memory, reach=reach)
        likely = early._of_choices(prefixes, judged.item[chosen])
        importance = judged.weight[chosen].astype(np.float64)
        return replace(
            early,
            tastes=Tastes.fit(events, attributes, share, exposure, fields=fields, start=tastes),
            ways=_maximised(likely, early._classes(prefixes), importance, expected, len(ways)),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The ways, in their order."""
        return (*_EXPECTED, *(f"alike {number}" for number in range(int(self.fields.max(initial=-1)) + 1)))

    def log_chances(self, prefixes: Prefixes) -> Float32:
        """The logarithm of each item's chance to come next, shape [q, n_items]."""
        n_items = len(self.share)
        result = np.empty((len(prefixes), n_items), np.float32)
        size = max(1, _CHUNK // n_items)
        for begin in range(0, len(prefixes), size):
            part = prefixes.part(begin, begin + size)
            ways = self.ways[self._classes(part)]
            result[begin : begin + size] = _LEAST
            for number, chances in enumerate(self._chances(part)):
                result[begin : begin + size] += ways[:, number, None] * chances
        return np.log(result, out=result)

    def log_chances_after(self, history: History, reach: int) -> Float32:
        """The same after one history of which the newest `reach` events count, shape [n_items]."""
        counting = np.flatnonzero(history.weight > 0)
        item, age = history.item[counting], len(history) - 1.0 - counting
        # Before cutting: the oldest event that counts may go on with one that does not.
        repeated = np.r_[False, item[1:] == item[:-1]][: len(item)]
        newest = age < reach
        item, weight, age, repeated = item[newest], history.weight[counting][newest], age[newest], repeated[newest]
        if not len(item):
            stranger: Float32 = np.log(self.share + _LEAST)
            return stranger
        says, held = self.says_and_held(weight, age, repeated)
        sums: Float32 = says[None, :] @ self.tastes.loadings[item]
        of_taste: Float32 = np.exp(self.tastes.log_chances(sums, says.sum(keepdims=True))[0])
        ways = self.ways_after(weight[-1:])[0]
        chances: Float32 = ways[0] * of_taste + ways[1] * self.share
        chances[item[-1]] += ways[2]
        np.add.at(chances, item, ways[3] / held.sum() * held)
        self.add_alike(chances, ways, of_taste, int(item[-1]))
        return self.log(chances)

    def says_and_held(
        self, weight: Float32, age: npt.NDArray[Any], repeated: npt.NDArray[np.bool_]
    ) -> tuple[Float32, Float32]:
        """What each event says of its visitor's taste, and how much of the history it is; shapes of `weight`."""
        fading = np.exp(age / -self.memory).astype(np.float32)
        says: Float32 = evidence_of(weight, repeated) * fading
        return says, weight * fading

    def ways_after(self, weight: Float32) -> Float32:
        """How likely each way is after last events of these weights [q], shape [q, ways]."""
        ways: Float32 = self.ways[1 + np.searchsorted(self.borders, weight)]
        return ways

    @staticmethod
    def log(chances: Float32) -> Float32:
        """The logarithm of chances, in place; no item is impossible."""
        chances += _LEAST
        return np.log(chances, out=chances)

    def add_alike(self, chances: Float32, ways: Float32, of_taste: Float32, last: int) -> None:
        """Add what is chosen among the items that share a value of a field with the last one; `ways` are all ways."""
        ways = ways[len(_EXPECTED) :]
        begin, end = self.attributes.indptr[last : last + 2]
        columns, amounts = self.attributes.indices[begin:end], self.attributes.data[begin:end]
        of_field: dict[int, list[tuple[Int32, Float32]]] = {}
        for column, amount in zip(columns.tolist(), amounts, strict=True):
            if ways[self.fields[column]] > 0:
                first, after = self.members.indptr[column : column + 2]
                shared = amount * self.members.data[first:after]
                of_field.setdefault(int(self.fields[column]), []).append((self.members.indices[first:after], shared))
        for of_value, members in of_field.items():
            alike = [shared * of_taste[items] for items, shared in members]
            total = max(float(sum(one.sum() for one in alike)), float(_LEAST))
            for (items, _), one in zip(members, alike, strict=True):
                chances[items] += ways[of_value] / np.float32(total) * one

    def _of_choices(self, prefixes: Prefixes, item: Int32) -> Float64:
        """How likely each way makes what came, shape [q, ways]."""
        likely = np.empty((len(prefixes), len(self.names)))
        size = max(1, _CHUNK // len(self.share))
        for begin in range(0, len(prefixes), size):
            part = prefixes.part(begin, begin + size)
            rows = np.arange(len(part))
            for number, chances in enumerate(self._chances(part)):
                likely[begin : begin + size, number] = chances[rows, item[begin : begin + size]]
        return likely

    def _classes(self, prefixes: Prefixes) -> Indices:
        """The row of `ways` of each history."""
        of_last = 1 + np.searchsorted(self.borders, prefixes.weight)
        return np.asarray(np.where(prefixes.last < 0, _STRANGER, of_last), dtype=np.intp)

    def _chances(self, prefixes: Prefixes) -> Iterator[Float32]:
        """The chances [q, n_items] of each way, in the order of `names`."""
        sums = np.asarray(prefixes.said @ self.tastes.loadings, dtype=np.float32)
        amount = np.asarray(prefixes.said.sum(axis=1), dtype=np.float32).ravel()
        of_taste = np.exp(self.tastes.log_chances(sums, amount))
        yield of_taste
        yield np.broadcast_to(self.share, of_taste.shape)
        known = np.flatnonzero(prefixes.last >= 0)
        again = np.zeros(of_taste.shape, np.float32)
        again[known, prefixes.last[known]] = 1
        yield again
        held = prefixes.held.toarray()
        yield held / np.maximum(held.sum(axis=1, keepdims=True), _LEAST)
        for number in range(int(self.fields.max(initial=-1)) + 1):
            mine = self.attributes[:, np.flatnonzero(self.fields == number)]
            alike = np.zeros(of_taste.shape, np.float32)
            alike[known] = (mine[prefixes.last[known]] @ mine.T).toarray()
            alike *= of_taste
            yield alike / np.maximum(alike.sum(axis=1, keepdims=True), _LEAST)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage, but the catalogue's attributes."""
        return {
            **self.tastes.arrays(),
            "journey_share": self.share,
            "journey_borders": self.borders,
            "journey_ways": self.ways,
            "journey_memory": np.array(self.memory),
        }

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]], attributes: sparse.csr_matrix, fields: Int32) -> Self:
        """The mixture that `arrays` gave, over the catalogue's attributes."""
        return cls(
            Tastes.of_arrays(stored),
            attributes,
            fields,
            stored["journey_share"],
            stored["journey_borders"],
            stored["journey_ways"],
            float(stored["journey_memory"]),
        )


def _expected(n_fields: int) -> Float32:
    """The shares of the ways without evidence."""
    shares = np.array([*_EXPECTED.values(), *([(1 - sum(_EXPECTED.values())) / max(n_fields, 1)] * n_fields)])
    return np.asarray(shares / shares.sum(), dtype=np.float32)


def _borders(weight: Float32) -> Float32:
    """Between each two weights that occur, or between equally many events where very many do."""
    values = np.unique(weight)
    if len(values) > _MAX_CLASSES:
        values = np.unique(np.quantile(weight, (np.arange(_MAX_CLASSES) + 0.5) / _MAX_CLASSES))
    return np.asarray((values[1:] + values[:-1]) / 2, dtype=np.float32)


def _maximised(likely: Float64, classes: Indices, importance: Float64, expected: Float32, n_classes: int) -> Float32:
    """The ways [classes, ways] that make what came likeliest; classes with few choices stay near all choices' ways."""
    met = classes != _STRANGER
    pooled = _em(likely[met], importance[met], expected.astype(np.float64))
    ways = [(np.arange(len(expected)) == _POPULAR).astype(np.float64)]
    for number in range(1, n_classes):
        mine = classes == number
        ways.append(_em(likely[mine], importance[mine], pooled))
    fitted: Float32 = np.array(ways, np.float32)
    fitted[fitted < _NEVER] = 0
    return fitted


def _em(likely: Float64, importance: Float64, start: Float64) -> Float64:
    """The shares of the ways that make the choices likeliest, starting from and held by `start`."""
    ways = start
    for _ in range(_EM_STEPS):
        joint = likely * ways
        total = np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        counts = importance @ (joint / total) + _PRIOR_CHOICES * start
        ways = counts / counts.sum()
    return ways
