"""Events, histories and catalogues refuse what cannot be meant."""

import numpy as np
import pytest
from scipy import sparse

from local.engine.data import Catalogue, Events, History
from tests.unit.local.engine.worlds import events_of


def test_events_are_ordered_by_user_and_time() -> None:
    """By user, then by time; events of one user at one time keep their order."""
    events = Events(
        np.array([1, 0, 1, 0, 0], np.int32),
        np.array([0, 1, 2, 3, 4], np.int32),
        np.array([5.0, 9.0, 1.0, 9.0, 2.0]),
        np.ones(5, np.float32),
        2,
        5,
    )
    assert [4, 1, 3, 2, 0] == events.in_order().item.tolist()


@pytest.mark.parametrize(
    ("users", "items", "weights", "message"),
    [
        ([0], [3], [1.0], "item must be in 0..2; found 3..3"),
        ([0], [-1], [1.0], "item must be in 0..2"),
        ([5], [0], [1.0], "user must be in 0..1"),
        ([0], [0], [-1.0], "weight must be finite and not negative"),
        ([0], [0], [float("nan")], "weight must be finite"),
        ([0, 1], [0], [1.0], "must have one length"),
    ],
)
def test_events_out_of_range_are_refused(
    users: list[int], items: list[int], weights: list[float], message: str
) -> None:
    """The message says what was found and what is allowed."""
    with pytest.raises(ValueError, match=message):
        events_of(users, items, n_users=2, n_items=3, weights=weights)


def test_histories_of_unequal_lengths_are_refused() -> None:
    """Items, times and weights belong together."""
    with pytest.raises(ValueError, match="not 1, 0 and 1"):
        History(np.zeros(1, np.int32), np.empty(0), np.ones(1, np.float32))


@pytest.mark.parametrize(
    ("catalogue", "message"),
    [
        ({"attributes": sparse.csr_matrix((2, 1))}, "attributes must have 3 rows, not 2"),
        ({"created": np.zeros(2)}, "created must have 3 values, not 2"),
        ({"fields": np.zeros(1, np.int32)}, "fields must name one field for each column"),
        ({"attributes": sparse.csr_matrix((3, 2)), "fields": np.zeros(1, np.int32)}, "fields must name one field"),
    ],
)
def test_catalogues_that_do_not_fit_are_refused(catalogue: dict[str, object], message: str) -> None:
    """Attributes, fields and times of creation belong to the items."""
    with pytest.raises(ValueError, match=message):
        Catalogue(3, **catalogue)  # type: ignore[arg-type]
