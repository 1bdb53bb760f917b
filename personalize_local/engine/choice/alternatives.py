"""Items that stand for a large catalogue in the likelihood of a choice.

The likelihood of a choice sums over all items. Of a large catalogue the most popular items stand for themselves and a
draw of the others for all others, each with the logarithm of how many it stands for added to its score (sampling of
alternatives: McFadden, "Modelling the choice of residential location", 1978). The item that was chosen is always there.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from personalize_local.engine.base.data import Float32, Indices

MOST: Final = 12_000
"""Catalogues up to this size are summed whole."""
_POPULAR: Final = 3000
_DRAWN: Final = 3000
_ABSENT: Final = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class SampledAlternatives:
    """The items, and the logarithm of how many each stands for, shape [s] both."""

    items: Indices
    log_worth: Float32
    whole: bool
    """All items are there, in their order."""

    @classmethod
    def of(cls, popularity: Float32, rng: np.random.Generator, *, whole: bool = False) -> Self:
        """Rivals from a catalogue with this popularity [n_items], in any unit; all items if `whole`."""
        n_items = len(popularity)
        if whole or n_items <= MOST:
            return cls(np.arange(n_items), np.zeros(n_items, np.float32), whole=True)
        order = np.argsort(-popularity, kind="stable")
        popular, others = order[:_POPULAR], order[_POPULAR:]
        drawn = np.sort(rng.choice(others, _DRAWN, replace=False))
        worth = np.zeros(_POPULAR + _DRAWN, np.float32)
        worth[_POPULAR:] = np.log(len(others) / _DRAWN)
        return cls(np.concatenate([popular, drawn]), worth, whole=False)

    @property
    def columns(self) -> int:
        """How many items a choice is summed over."""
        return len(self.items) + (not self.whole)

    def of_choices(self, values: Float32, chosen: Indices) -> Float32:
        """Of values [q, n_items, ...] those of the rivals and of what was chosen: [q, columns, ...]."""
        if self.whole:
            return values
        own = values[np.arange(len(chosen)), chosen][:, None]
        return np.concatenate([values[:, self.items], own], axis=1)

    def places(self, chosen: Indices) -> Indices:
        """The column of what was chosen, shape [q]."""
        return chosen if self.whole else np.full(len(chosen), len(self.items), np.intp)

    def offset(self, chosen: Indices) -> Float32:
        """What is added to the scores, shape [q, columns]: what was chosen is not among its own rivals."""
        offset = np.zeros((len(chosen), self.columns), np.float32)
        if not self.whole:
            offset[:, :-1] = np.where(self.items[None, :] == chosen[:, None], _ABSENT, self.log_worth)
        return offset
