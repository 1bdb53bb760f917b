"""What models learn from and answer for: events, histories and the catalogue, all by integer index.

Users and items are numbered from 0 by the caller, who keeps the names. Times are seconds since the epoch. A weight says
how much an event counts (an enquiry more than a view); only ratios of weights matter, and an event of weight 0 counts
for nothing.
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
    """`n` events of `n_users` users on `n_items` items, in any order. All arrays have shape [n].

    context: what is known of the circumstances of each event (device, place), shape [n, c] or None: one column a
    contextual field, its values numbered from 0, -1 where it is not known.
    """

    user: Int32
    item: Int32
    time: Float64
    weight: Float32
    n_users: int
    n_items: int
    context: Int32 | None = None

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
        """How many contextual fields the events have."""
        return 0 if self.context is None else self.context.shape[1]

    def of(self, chosen: npt.NDArray[np.bool_] | Indices) -> "Events":
        """The events that a mask or an index array chooses; users and items keep their numbers."""
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
        """The events by user, then time; events of one user at one time by item, then weight, then context.

        So the order is that of the events, wherever they stand in the arrays.
        """
        circumstances = () if self.context is None else tuple(self.context.T[::-1])
        return self.of(np.lexsort((*circumstances, self.weight, self.item, self.time, self.user)))


@dataclass(frozen=True, slots=True)
class History:
    """What one visitor did, oldest first: item [k], time [k] in seconds, weight [k]. May be empty."""

    item: Int32
    time: Float64
    weight: Float32

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
        """The history of a visitor of whom nothing is known."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of the items beside the events.

    attributes: csr float32 [n_items, n_attributes], one column a value of a field (one-hot, or several a field), or
    None. fields: int32 [n_attributes], the field that each column belongs to, numbered from 0; None when unknown.
    created: float64 [n_items], seconds, when the item came into the catalogue, or None.
    """

    n_items: int
    attributes: sparse.csr_matrix | None = None
    created: Float64 | None = None
    fields: Int32 | None = None

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
