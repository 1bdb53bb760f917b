"""Places for newcomers: new items get the share of the answers that the exploration weight says.

A model knows little of an item that hardly anybody has met, so what it expects of it is never put to the test. Each
place of a list is therefore given to a new item with the chance `weight`, whatever its score; which new item it is, the
visitor's scores say: it is drawn from their softmax (Plackett 1975, by the Gumbel trick), so that new cats go to those
who want cats.

Source: developer guide of Amazon Personalize, "Exploration" (`explorationWeight`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from local.engine.data import Float32, Float64, Indices, Int32
from local.engine.scores import ranking


@dataclass(frozen=True, slots=True)
class Explored:
    """A list of items, best first, shape [limit] at most, and which of them stand there to be explored."""

    items: Indices
    exploring: npt.NDArray[np.bool_]


def with_newcomers(
    scores: Float32,
    new: Int32 | Indices,
    *,
    weight: float,
    limit: int,
    chance: np.random.Generator,
    shown: Sequence[int] = (),
) -> Explored:
    """The best `limit` items, each place given to one of the `new` items with the chance `weight`.

    scores: raw, shape [n_items]. The other places go to the other items by falling score. shown: the new items that the
    session was shown before, oldest first: they come again only when there is no other, the oldest first. No item
    stands twice; where new items run out their places go to the others, and the other way round.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be from 0 to 1, not {weight}")
    known = np.ones(len(scores), bool)
    known[new] = False
    rest = ranking(scores, np.flatnonzero(known), limit)
    length = min(limit, len(rest) + len(new))
    wanted = chance.random(length) < weight
    newcomers = _in_turn(scores, np.unique(new), shown, chance)[:length]
    # What one kind lacks the other fills, from the end of the list.
    excess = int(wanted.sum()) - len(newcomers)
    if excess > 0:
        wanted[np.flatnonzero(wanted)[-excess:]] = False
    lacking = int((~wanted).sum()) - len(rest)
    if lacking > 0:
        wanted[np.flatnonzero(~wanted)[-lacking:]] = True
    items = np.empty(length, np.intp)
    items[wanted] = newcomers[: int(wanted.sum())]
    items[~wanted] = rest[: int((~wanted).sum())]
    return Explored(items, wanted)


def _in_turn(scores: Float32, new: Indices, shown: Sequence[int], chance: np.random.Generator) -> Indices:
    """The new items in the order in which they get their turn: those not shown yet by chance, then the oldest shown."""
    latest = {item: turn for turn, item in enumerate(shown)}
    turns = np.array([latest.get(item, -1) for item in new.tolist()], np.intp)
    drawn: Float64 = scores[new].astype(np.float64) + chance.gumbel(size=len(new))
    # By turn; among those not shown by the draw.
    return new[np.lexsort((-drawn, turns))]
