"""The affinity of users for items: the models behind the user segmentation recipes.

Both models give users and items vectors in a common space, and rank users by the inner product with the mean vector of
the items of a query. `ItemAffinityModel` derives the space from interactions, `ItemAttributeAffinityModel` from the
attributes of the items of interactions.

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
from personalize_local.engine.base.shares import attribute_columns

_ACTIVITY = 1e-3
"""The weight of a user's activity in the affinity: just enough to rank users without any other affinity."""
_PSEUDO_EVENTS = 3.0
"""The weight of the average user in the attribute profile of a user, in events."""
_POPULARITY_DAMPING = 0.5
"""The exponent with which the popularity of an item reduces its weight."""


class SegmentModel(Protocol):
    """A model that scores every user for given items. Deterministic for a seed."""

    @classmethod
    def fit(cls, events: Events, catalogue: Catalogue, *, seed: int = 0, **hyperparameters: float) -> Self:
        """A model trained on `events`; an unknown hyperparameter is a TypeError."""
        ...

    def affinity(self, items: Indices) -> Float32:
        """Shape [n_users]: a finite score for each user; the higher, the likelier is an interaction with these items.

        items: one item for a query by item; all items that match for a query by attributes; without items the score is
        the activity.
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
    """The vectors of users and items in their common space."""

    users: Float32
    """Shape [n_users, k]: user factors."""
    items: Float32
    """Shape [n_items, k]: item factors."""
    activity: Float32
    """Shape [n_users]: how active each user is, from 0 to 1."""

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
    """Ranks users by their own interactions and those of similar users: a truncated SVD of the interactions.

    For an item without events users are ranked by their activity.
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
        """Decompose the logarithm of the weight of each user's events on each item, reduced for popular items.

        hidden_dimension: the dimension of the space, k.
        """
        refuse_unknown(cls.name, unknown)
        interactions = _interactions(events)
        interactions.data = np.log1p(interactions.data)
        of_item = np.asarray(interactions.sum(axis=0)).ravel()
        damped = interactions @ sparse.diags(np.maximum(of_item, 1.0) ** -_POPULARITY_DAMPING)
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
    """Ranks users by the attributes of the items of their interactions, relative to those of all users.

    An item's vector is the sum of those of its attributes less that of the average event, so an item without events has
    one too. Without attributes users are ranked by their activity.
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
        """Decompose the log-lift of each attribute in each user's events.

        hidden_dimension: the dimension of the space, k.
        """
        refuse_unknown(cls.name, unknown)
        attributes = attribute_columns(catalogue)[0]
        interactions = _interactions(events)
        held = (interactions @ attributes).tocsr()
        average_share = np.asarray(held.sum(axis=0), dtype=np.float64).ravel() / max(float(interactions.sum()), 1e-12)
        # log((held + c usual) / (c usual)): the part of the lift that depends on the attribute, and sparse.
        held.data = np.log1p(held.data / (_PSEUDO_EVENTS * average_share[held.indices]))
        users, directions = _decomposed(held, int(hidden_dimension))
        items = attributes @ directions - (average_share @ directions)[None, :]
        return cls(_Space(users, items.astype(np.float32), _activity(events)))

    def affinity(self, items: Indices) -> Float32:
        return self.space.affinity(items)

    def save(self, folder: Path) -> None:
        self.space.save(folder, self.name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(_Space.load(folder, cls.name))


def _interactions(events: Events) -> sparse.csr_matrix:
    """csr [n_users, n_items]: the weight of each user's events on each item."""
    counting = events.of(events.weight > 0)
    parts = (counting.weight.astype(np.float64), (counting.user, counting.item))
    return sparse.csr_matrix(parts, shape=(events.n_users, events.n_items))


def _activity(events: Events) -> Float32:
    """Shape [n_users]: the log-weight of each user's events, scaled to 0..1."""
    weight: Float64 = np.log1p(np.bincount(events.user, weights=events.weight, minlength=events.n_users))
    weight /= max(float(weight.max(initial=0.0)), 1e-12)
    return weight.astype(np.float32)


def _decomposed(matrix: sparse.csr_matrix, rank: int) -> tuple[Float32, Float32]:
    """Row factors [n, k] and column factors [m, k] whose products approximate the matrix [n, m] best; k <= `rank`."""
    if not min(matrix.shape) or not matrix.nnz:
        return np.zeros((matrix.shape[0], 0), np.float32), np.zeros((matrix.shape[1], 0), np.float32)
    left, values, right = truncated(matrix, rank)
    return (left * values).astype(np.float32), right.T.astype(np.float32)
