"""Which users have an affinity for items: the models behind the user segmentation recipes.

Both put users and items into one space and rank users by the inner product with what is asked for. The space of
`ItemAffinityModel` is that of what users did; the space of `ItemAttributeAffinityModel` is that of what the items are.

Source: developer guide, "Item-Affinity recipe", "Item-Attribute-Affinity recipe"; Cremonesi et al., "Performance of
recommender algorithms on top-N recommendation tasks" (RecSys 2010) for the truncated singular value decomposition.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, Float64, Indices
from personalize_local.engine.base.decomposition import truncated
from personalize_local.engine.base.models import refuse_unknown
from personalize_local.engine.base.shares import columns_of

_ACTIVITY = 1e-3
"""How much being active counts: enough to order users of whom nothing else is known."""
_PSEUDO_EVENTS = 3.0
"""Events' worth of the average user that a profile of attributes starts from."""
_POPULARITY_DAMPING = 0.5


class SegmentModel(Protocol):
    """A model of users: items in, a score for every user out. Deterministic for a seed."""

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **hyperparameters: float) -> Self:
        """A model trained on `events`; an unknown hyperparameter is a TypeError."""
        ...

    def affinity(self, items: Indices) -> Float32:
        """A finite score for each user, shape [n_users]; higher is likelier to interact with the items given.

        One item for an item query; all items that fulfil it for a query of attributes; none: by activity alone.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the model into `folder` (made if missing), in npz and json; nothing is pickled."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote into `folder`."""
        ...


@dataclass(frozen=True, slots=True)
class _Space:
    """Users and items in one space: [n_users, k] and [n_items, k], and how active each user is, [n_users]."""

    users: Float32
    items: Float32
    activity: Float32

    def affinity(self, items: Indices) -> Float32:
        known = np.float32(_ACTIVITY) * self.activity
        if not len(items):
            return known
        scores: Float32 = self.users @ self.items[items].mean(axis=0) + known
        return scores

    def save(self, folder: Path, model: str) -> None:
        arrays = {"users": self.users, "items": self.items, "activity": self.activity}
        storage.write(folder, model=model, facts={}, arrays=arrays)

    @classmethod
    def load(cls, folder: Path, model: str) -> Self:
        _, arrays = storage.read(folder, model=model)
        return cls(arrays["users"], arrays["items"], arrays["activity"])


@dataclass(frozen=True, slots=True)
class ItemAffinityModel:
    """Users by what they and users like them did: a truncated decomposition of the interactions.

    An item without events is nobody's: users are then ranked by how active they are.
    """

    name: ClassVar[str] = "item-affinity"
    space: _Space

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        hidden_dimension: float = 149,
        **unknown: float,
    ) -> Self:
        """Decompose the logarithm of the weight of each user's events on each item, popular items damped.

        hidden_dimension: dimensions of the space.
        """
        refuse_unknown(cls.name, unknown)
        met = _met(events)
        met.data = np.log1p(met.data)
        of_item = np.asarray(met.sum(axis=0)).ravel()
        damped = met @ sparse.diags(np.maximum(of_item, 1.0) ** -_POPULARITY_DAMPING)
        users, items = _decomposed(damped.tocsr(), int(hidden_dimension))
        return cls(_Space(users, items, _activity(events)))

    def affinity(self, items: Indices) -> Float32:
        return self.space.affinity(items)

    def save(self, folder: Path) -> None:
        self.space.save(folder, self.name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(_Space.load(folder, cls.name))


@dataclass(frozen=True, slots=True)
class ItemAttributeAffinityModel:
    """Users by the attributes of what they interacted with, more or less than others do.

    Items stand where their attributes put them, seen from the average event, so an item without events has its place
    too. Without attributes users are ranked by how active they are.
    """

    name: ClassVar[str] = "item-attribute-affinity"
    space: _Space

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        hidden_dimension: float = 149,
        **unknown: float,
    ) -> Self:
        """Decompose how much more than usual each user's events hold of each attribute, in logarithms.

        hidden_dimension: dimensions of the space.
        """
        refuse_unknown(cls.name, unknown)
        attributes = columns_of(catalogue)[0]
        met = _met(events)
        held = (met @ attributes).tocsr()
        usual = np.asarray(held.sum(axis=0), dtype=np.float64).ravel() / max(float(met.sum()), 1e-12)
        # log((held + c usual) / (c usual)): the part of the lift that depends on the attribute, and sparse.
        held.data = np.log1p(held.data / (_PSEUDO_EVENTS * usual[held.indices]))
        users, directions = _decomposed(held, int(hidden_dimension))
        items = attributes @ directions - (usual @ directions)[None, :]
        return cls(_Space(users, items.astype(np.float32), _activity(events)))

    def affinity(self, items: Indices) -> Float32:
        return self.space.affinity(items)

    def save(self, folder: Path) -> None:
        self.space.save(folder, self.name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(_Space.load(folder, cls.name))


def _met(events: Events) -> sparse.csr_matrix:
    """The weight of each user's events on each item, shape [n_users, n_items]."""
    counting = events.of(events.weight > 0)
    parts = (counting.weight.astype(np.float64), (counting.user, counting.item))
    return sparse.csr_matrix(parts, shape=(events.n_users, events.n_items))


def _activity(events: Events) -> Float32:
    """How active each user is, from 0 to 1, shape [n_users]."""
    weight: Float64 = np.log1p(np.bincount(events.user, weights=events.weight, minlength=events.n_users))
    weight /= max(float(weight.max(initial=0.0)), 1e-12)
    return weight.astype(np.float32)


def _decomposed(matrix: sparse.csr_matrix, rank: int) -> tuple[Float32, Float32]:
    """Rows [n, k] and columns [m, k] whose inner products come nearest to the matrix, k at most `rank`."""
    if not min(matrix.shape) or not matrix.nnz:
        return np.zeros((matrix.shape[0], 0), np.float32), np.zeros((matrix.shape[1], 0), np.float32)
    left, values, right = truncated(matrix, rank)
    return (left * values).astype(np.float32), right.T.astype(np.float32)
