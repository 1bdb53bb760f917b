"""Small worlds with known answers, for every model of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, History

CATS = tuple(range(10))
DOGS = tuple(range(10, 20))
NEW_CAT, NEW_DOG = 20, 21
N_ITEMS = 22
SIDES, MET, LENGTH = 12, 14, 12


@dataclass(frozen=True)
class Lovers:
    """Cat people see cats, dog people dogs, in nine of ten events; a new cat and a new dog came after the last event."""

    events: Events
    catalogue: Catalogue


def events_of(
    users: Sequence[int] | npt.NDArray[np.integer[Any]],
    items: Sequence[int] | npt.NDArray[np.integer[Any]],
    *,
    n_users: int,
    n_items: int,
    weights: Sequence[float] | npt.NDArray[np.float64] | None = None,
) -> Events:
    """Events in the order given, one second apart."""
    n = len(items)
    return Events(
        np.asarray(users, dtype=np.int32),
        np.asarray(items, dtype=np.int32),
        np.arange(n, dtype=np.float64),
        np.ones(n, np.float32) if weights is None else np.asarray(weights, dtype=np.float32),
        n_users,
        n_items,
    )


def history_of(*items: int, weight: float = 1.0) -> History:
    """A history of these items, oldest first, one second apart."""
    return History(
        np.array(items, dtype=np.int32),
        np.arange(len(items), dtype=np.float64),
        np.full(len(items), weight, dtype=np.float32),
    )


def one_hot(values: Sequence[int]) -> sparse.csr_matrix:
    """Attributes [len(values), max + 1]: one column a value."""
    columns = np.asarray(values)
    return sparse.csr_matrix(
        (np.ones(len(columns), np.float32), (np.arange(len(columns)), columns)),
        shape=(len(columns), int(columns.max()) + 1),
    )


def lovers(*, n_users: int = 120, length: int = 12, seed: int = 3) -> Lovers:
    """The world of cat people (even users) and dog people (odd users)."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), length)
    strays = rng.random(len(users)) < 0.1
    dog = (users % 2 == 1) ^ strays
    items = rng.integers(0, 10, len(users)) + np.where(dog, DOGS[0], CATS[0])
    kinds = [0] * 10 + [1] * 10 + [0, 1]
    created = np.array([-1.0] * 20 + [float(len(users))] * 2)
    catalogue = Catalogue(N_ITEMS, one_hot(kinds), created, np.zeros(2, np.int32))
    return Lovers(events_of(users, items, n_users=n_users, n_items=N_ITEMS), catalogue)


def two_together(seed: int, n_users: int = 300) -> Events:
    """A world that no sum over the history can express: what comes third depends on the two before it together.

    Visitors meet two of SIDES items by chance, then one of two: which one says whether both were on the same side. Two
    more items have no events.
    """
    rng = np.random.default_rng(seed)
    items = rng.integers(SIDES, size=(n_users, LENGTH // 3, 3))
    items[:, :, 2] = third(items[:, :, 0], items[:, :, 1])
    users = np.repeat(np.arange(n_users), LENGTH)
    return events_of(users, items.ravel(), n_users=n_users, n_items=MET + 2)


def third(first: npt.NDArray[np.integer[Any]], second: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """What comes in that world after these two items, shape of both."""
    return SIDES + (first + second) % 2
