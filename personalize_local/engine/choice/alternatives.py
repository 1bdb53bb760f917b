"""Sampling of alternatives: a sample of the items that replaces a large catalogue in the likelihood of a choice.

The likelihood of a choice sums over all items. For a large catalogue the sum runs over the most popular items and a
random sample of the others. The logarithm of the number of items that each sampled item stands for is added to its
score (McFadden, "Modelling the choice of residential location", 1978). The chosen item always takes part.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from personalize_local.engine.base.data import Float32, Indices

MAX_WHOLE: Final = 12_000
"""Up to this number of items the sum runs over the whole catalogue."""
_POPULAR: Final = 3000
_DRAWN: Final = 3000
_ABSENT: Final = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class SampledAlternatives:
    """The s items over which the likelihood of a choice sums, beside the chosen one."""

    items: Indices
    """Shape [s]: the items."""
    log_multiplicity: Float32
    """Shape [s]: the logarithm of the number of items that each stands for."""
    whole: bool
    """Whether these are all items, in their order."""

    @classmethod
    def of(cls, popularity: Float32, rng: np.random.Generator, *, whole: bool = False) -> Self:
        """Alternatives from a catalogue with this popularity [n_items], in any unit; all items if `whole`."""
        n_items = len(popularity)
        if whole or n_items <= MAX_WHOLE:
            return cls(np.arange(n_items), np.zeros(n_items, np.float32), whole=True)
        order = np.argsort(-popularity, kind="stable")
        popular, others = order[:_POPULAR], order[_POPULAR:]
        drawn = np.sort(rng.choice(others, _DRAWN, replace=False))
        log_multiplicity = np.zeros(_POPULAR + _DRAWN, np.float32)
        log_multiplicity[_POPULAR:] = np.log(len(others) / _DRAWN)
        return cls(np.concatenate([popular, drawn]), log_multiplicity, whole=False)

    @property
    def columns(self) -> int:
        """The number of items over which the likelihood of a choice sums, the chosen one included."""
        return len(self.items) + (not self.whole)

    def select(self, values: Float32, chosen: Indices) -> Float32:
        """Shape [q, columns, ...]: of values [q, n_items, ...] those of alternatives and chosen items [q]."""
        if self.whole:
            return values
        chosen_values = values[np.arange(len(chosen)), chosen][:, None]
        return np.concatenate([values[:, self.items], chosen_values], axis=1)

    def places(self, chosen: Indices) -> Indices:
        """Shape [q]: the column of each chosen item [q]."""
        return chosen if self.whole else np.full(len(chosen), len(self.items), np.intp)

    def offset(self, chosen: Indices) -> Float32:
        """Shape [q, columns]: what is added to the scores. A chosen item [q] does not count again as an alternative."""
        offset = np.zeros((len(chosen), self.columns), np.float32)
        if not self.whole:
            offset[:, :-1] = np.where(self.items[None, :] == chosen[:, None], _ABSENT, self.log_multiplicity)
        return offset
