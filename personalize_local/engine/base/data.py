"""The data of the models: events, histories and the catalogue; users and items are integers.

The caller numbers users and items from 0 and keeps their ids. Times are seconds since the epoch. The weight of an event
is its importance (an enquiry has more than a view). Only the ratios of weights matter; events of weight 0 are ignored.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Events:
    """`n` events of `n_users` users on `n_items` items, in any order."""

    user: Int32
    """Shape [n]: the user of each event."""
    item: Int32
    """Shape [n]: the item of each event."""
    time: Float64
    """Shape [n]: seconds since the epoch."""
    weight: Float32
    """Shape [n]: the importance of each event, at least 0."""
    n_users: int
    n_items: int
    context: Int32 | None = None
    """Shape [n, c]: the contextual metadata of each event (device, place), one column for each contextual field; values
    are numbered from 0, -1 is an unknown value. None without contextual fields."""

    def __post_init__(self) -> None:
        lengths = {len(self.user), len(self.item), len(self.time), len(self.weight)}
        if len(lengths) > 1:
            raise ValueError(f"user, item, time and weight must have one length, not {sorted(lengths)}")
        _check_range("user", self.user, self.n_users)
        _check_range("item", self.item, self.n_items)
        _check_weight(self.weight)
        if self.context is not None:
            if self.context.ndim != 2 or len(self.context) != len(self.user):
                raise ValueError(f"context must have shape [{len(self.user)}, c], not {list(self.context.shape)}")
            if self.context.size and int(self.context.min()) < -1:
                raise ValueError(f"context must be -1 (not known) or a value's number, not {int(self.context.min())}")

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_contexts(self) -> int:
        """The number of contextual fields of the events."""
        return 0 if self.context is None else self.context.shape[1]

    def of(self, chosen: npt.NDArray[np.bool_] | Indices) -> "Events":
        """The events that a mask [n] or an array of indices selects; users and items keep their numbers."""
        return Events(
            self.user[chosen],
            self.item[chosen],
            self.time[chosen],
            self.weight[chosen],
            self.n_users,
            self.n_items,
            None if self.context is None else self.context[chosen],
        )

    def in_order(self) -> "Events":
        """The events sorted by user, then time; those of one user and time by item, then weight, then context.

        So the order of the rows in the arrays has no influence.
        """
        context_columns = () if self.context is None else tuple(self.context.T[::-1])
        return self.of(np.lexsort((*context_columns, self.weight, self.item, self.time, self.user)))


@dataclass(frozen=True, slots=True)
class History:
    """The k events of one user, oldest first; k may be 0."""

    item: Int32
    """Shape [k]: the item of each event."""
    time: Float64
    """Shape [k]: seconds since the epoch."""
    weight: Float32
    """Shape [k]: the importance of each event, at least 0."""

    def __post_init__(self) -> None:
        if not len(self.item) == len(self.time) == len(self.weight):
            raise ValueError(
                f"item, time and weight must have one length, not"
                f" {len(self.item)}, {len(self.time)} and {len(self.weight)}"
            )
        _check_weight(self.weight)

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def empty(cls) -> "History":
        """The history of a user without events."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items and their metadata."""

    n_items: int
    attributes: sparse.csr_matrix | None = None
    """csr float32 [n_items, n_attributes], or None: one column for each value of a field; an item may have several
    values of a field."""
    created: Float64 | None = None
    """Shape [n_items], or None: when each item entered the catalogue, seconds since the epoch."""
    fields: Int32 | None = None
    """Shape [n_attributes], or None when unknown: the field of each column of `attributes`, numbered from 0."""

    def __post_init__(self) -> None:
        if self.attributes is not None and self.attributes.shape[0] != self.n_items:
            raise ValueError(f"attributes must have {self.n_items} rows, not {self.attributes.shape[0]}")
        if self.created is not None and len(self.created) != self.n_items:
            raise ValueError(f"created must have {self.n_items} values, not {len(self.created)}")
        if self.fields is not None and (self.attributes is None or len(self.fields) != self.attributes.shape[1]):
            raise ValueError("fields must name one field for each column of attributes")


def _check_range(name: str, values: Int32, limit: int) -> None:
    if len(values) and not (int(values.min()) >= 0 and int(values.max()) < limit):
        raise ValueError(f"{name} must be in 0..{limit - 1}; found {int(values.min())}..{int(values.max())}")


def _check_weight(weight: Float32) -> None:
    if len(weight) and not (np.isfinite(weight).all() and float(weight.min()) >= 0):
        raise ValueError("weight must be finite and not negative")
