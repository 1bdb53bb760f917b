"""The sums over pairs of events are the products of the rows of histories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from personalize_local.engine.base.data import Events
from personalize_local.engine.base.prefixes import positions, prefix_rows
from personalize_local.engine.linear import pairs

N_USERS, N_ITEMS = 4, 6

LOGS = st.lists(
    st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.sampled_from([0.0, 0.2, 1.0, 3.0])),
    max_size=40,
)


def _events(log: list[tuple[int, int, float]]) -> Events:
    user, item, weight = (np.array([row[column] for row in log]) for column in range(3))
    return Events(
        user.astype(np.int32),
        item.astype(np.int32),
        np.arange(len(log), dtype=np.float64),
        weight.astype(np.float32),
        N_USERS,
        N_ITEMS,
    ).in_order()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(log=LOGS, tau=st.sampled_from([0.5, 2.0, 20.0, 1000.0]), reach=st.sampled_from([1, 2, 5, 100]))
def test_the_gram_matrix_is_that_of_the_rows(log: list[tuple[int, int, float]], tau: float, reach: int) -> None:
    """X'DX of any log, memory and reach, empty logs and weightless events included."""
    events = _events(log)
    rows = prefix_rows(events, tau=tau, reach=reach)
    expected = (rows.T @ sparse.diags_array(events.weight.astype(np.float64)) @ rows).toarray()
    np.testing.assert_allclose(pairs.gram(events, tau=tau, reach=reach).toarray(), expected, rtol=1e-4, atol=1e-4)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    log=LOGS,
    tau=st.sampled_from([0.5, 2.0, 20.0]),
    reach=st.sampled_from([1, 2, 5, 100]),
    target_tau=st.sampled_from([0.0, 1.0, 3.0]),
)
def test_the_cross_matrix_is_that_of_rows_and_targets(
    log: list[tuple[int, int, float]], tau: float, reach: int, target_tau: float
) -> None:
    """X'Y: a pair counts by its age in every row between, times the distance of the target, up to `reach` apart."""
    events = _events(log)
    expected = np.zeros((N_ITEMS, N_ITEMS))
    position = positions(events)
    for target in range(len(events)):
        for steps in range(1 + (int(position[target]) if target_tau else 0)):
            row = target - steps
            later = np.exp(-steps / target_tau) if target_tau else 1.0
            for lag in range(1, min(int(position[row]), reach - steps) + 1):
                weight = float(events.weight[row - lag]) * float(events.weight[target])
                expected[events.item[row - lag], events.item[target]] += later * np.exp((1 - lag) / tau) * weight
    found = pairs.cross(events, tau=tau, reach=reach, target_tau=target_tau).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_pairs_are_summed_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holding few pairs at once changes nothing but the memory it takes."""
    rng = np.random.default_rng(0)
    log = [
        (int(user), int(item), 1.0) for user, item in zip(rng.integers(0, 4, 200), rng.integers(0, 6, 200), strict=True)
    ]
    events = _events(log)
    whole = pairs.gram(events, tau=3.0, reach=20).toarray()
    monkeypatch.setattr(pairs, "_HELD", 50)
    np.testing.assert_allclose(pairs.gram(events, tau=3.0, reach=20).toarray(), whole, rtol=1e-12)
