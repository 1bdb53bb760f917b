"""Scores in order, and those of recent visitors kept."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float32, Float64, Indices
from personalize_local.engine.base.scores import ranking, softmax

KEPT_BYTES = 64 * 1024 * 1024
_BLOCK = 512
_DIGITS = 1e7
"""Scores have seven decimals, as in recorded answers of the service."""


def rounded(shares: Float64) -> Float64:
    """Scores as answers show them."""
    return np.rint(shares * _DIGITS) / _DIGITS


def first_of(order: Indices, allowed: npt.NDArray[np.bool_], wanted: int) -> Indices:
    """The first `wanted` items of the order that are allowed; looks no further than it has to."""
    found: list[Indices] = []
    begin, size = 0, _BLOCK
    while wanted > 0 and begin < len(order):
        block = order[begin : begin + size]
        kept = block[allowed[block]][:wanted]
        found.append(kept)
        wanted -= len(kept)
        begin, size = begin + size, 2 * size
    return np.concatenate(found) if found else order[:0]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The items that a recipe scores, in order."""

    n_items: int
    """How many items the model knows."""
    order: Indices
    """The items that the recipe scores, the best first."""
    shares: Float64
    """The score of each item of `order`; before they were rounded they summed to one."""

    @classmethod
    def of(cls, raw: Float32, most: int | None) -> Self:
        """The best `most` items in order; all of them when it is None."""
        order = ranking(raw, limit=most)
        return cls(len(raw), order, rounded(softmax(raw, order)))

    def listed(self, allowed: npt.NDArray[np.bool_] | None, wanted: int) -> tuple[list[int], list[float]]:
        """The best `wanted` items that are allowed, and their scores."""
        if allowed is None:
            return self.order[:wanted].tolist(), self.shares[:wanted].tolist()
        kept = np.flatnonzero(allowed[self.order])[:wanted]
        return self.order[kept].tolist(), self.shares[kept].tolist()

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.order.nbytes + self.shares.nbytes


class Kept(Protocol):
    """What can be kept: it knows its size."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        ...


T = TypeVar("T", bound=Kept)


class RecentScores:
    """The scores that were asked for last, up to a number of bytes. Used in one thread."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def holds(self, key: Hashable) -> bool:
        """Whether something is kept under the key."""
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under the key, or else what `make` returns."""
        known: T | None = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        made = self._kept[key] = make()
        self._bytes += made.nbytes
        while self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return made
