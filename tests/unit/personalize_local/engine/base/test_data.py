"""Events, histories and catalogues refuse what cannot be meant."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, History
from tests.unit.personalize_local.engine.worlds import events_of


def test_events_are_ordered_by_user_and_time() -> None:
    """By user, then by time; events of one user at one time by item."""
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


def test_the_order_is_that_of_the_events_not_of_the_rows() -> None:
    """Any order of the rows gives the same arrays, however many events share a time, an item or a weight."""
    rng = np.random.default_rng(0)
    n = 60
    events = Events(
        rng.integers(0, 3, n).astype(np.int32),
        rng.integers(0, 2, n).astype(np.int32),
        rng.integers(0, 2, n).astype(np.float64),
        rng.choice([0.5, 1.0], n).astype(np.float32),
        3,
        2,
        rng.integers(-1, 2, (n, 2)).astype(np.int32),
    )
    expected, again = events.in_order(), events.of(rng.permutation(n)).in_order()
    for name in ("user", "item", "time", "weight", "context"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(again, name))


def test_chosen_events_keep_their_context() -> None:
    """A row of context belongs to its event; events without any have none."""
    plain = events_of([0, 1, 0], [2, 1, 0], n_users=2, n_items=3)
    context = np.array([[4, -1], [0, 7], [1, 1]], np.int32)
    events = replace(plain, context=context)
    chosen = events.of(np.array([2, 0])).context
    assert chosen is not None
    assert [[1, 1], [4, -1]] == chosen.tolist()
    assert 2 == events.n_contexts
    assert plain.of(np.array([2, 0])).context is None
    assert 0 == plain.n_contexts


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (np.zeros(2, np.int32), r"context must have shape \[2, c\], not \[2\]"),
        (np.zeros((3, 1), np.int32), r"context must have shape \[2, c\], not \[3, 1\]"),
        (np.array([[0], [-2]], np.int32), "context must be -1 .* not -2"),
    ],
)
def test_a_context_that_does_not_fit_is_refused(context: npt.NDArray[np.int32], message: str) -> None:
    """One row an event, one column a field, -1 for what is not known and nothing below."""
    with pytest.raises(ValueError, match=message):
        replace(events_of([0, 1], [0, 1], n_users=2, n_items=2), context=context)


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
