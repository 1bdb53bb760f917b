"""The next-item ridge against its definition."""

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base.data import Events
from personalize_local.engine.base.prefixes import prefix_rows
from personalize_local.engine.linear import ridge as ridge_module
from personalize_local.engine.linear.ridge import NextItemRidge
from tests.unit.personalize_local.engine.worlds import events_of, one_hot

N_ITEMS = 7


@pytest.fixture
def events() -> Events:
    rng = np.random.default_rng(0)
    return events_of(
        np.repeat(np.arange(30), 8),
        rng.integers(0, N_ITEMS, 240),
        n_users=30,
        n_items=N_ITEMS,
        weights=rng.choice([0.2, 1.0], 240),
    ).in_order()


def test_the_weights_are_the_weighted_ridge_solution(events: Events) -> None:
    """B = (X'DX + lambda I)^-1 X'DY, X and Y with the attributes' columns, solved here the slow way."""
    attributes = one_hot([0, 0, 0, 1, 1, 2, 2])
    fitted = NextItemRidge.fit(events, attributes, tau=4.0, ridge=5.0, reach=20)
    x = prefix_rows(events, tau=4.0, reach=20).toarray().astype(float)
    x = np.hstack([x, x @ attributes.toarray()])
    y = np.eye(N_ITEMS)[events.item]
    y = np.hstack([y, y @ attributes.toarray()])
    d = np.diag(events.weight.astype(float))
    expected = np.linalg.inv(x.T @ d @ x + 5.0 * np.eye(x.shape[1])) @ x.T @ d @ y
    np.testing.assert_allclose(expected, fitted.weights, atol=1e-5)


def test_following_is_a_product_with_the_weights(events: Events) -> None:
    """The predictions for items and attributes are the history's row times the weights."""
    attributes = one_hot([0, 0, 0, 1, 1, 2, 2])
    fitted = NextItemRidge.fit(events, attributes, tau=4.0, ridge=5.0, reach=20)
    row = sparse.csr_matrix(np.array([[0, 1.0, 0, 0, 0.5, 0, 0]], dtype=np.float32))
    items, kinds = fitted.predict(row, attributes)
    both = np.hstack([row.toarray(), (row @ attributes).toarray()]) @ fitted.weights
    np.testing.assert_allclose(both[:, :N_ITEMS], items, rtol=1e-5)
    np.testing.assert_allclose(both[:, N_ITEMS:], kinds, rtol=1e-5)


def test_a_large_catalogue_keeps_to_its_head(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a third of it has columns, the most frequent items; the others follow nothing."""
    monkeypatch.setattr(ridge_module, "MAX_ITEMS", 6)
    fitted = NextItemRidge.fit(events, sparse.csr_matrix((N_ITEMS, 0)), tau=4.0, ridge=5.0, reach=20)
    frequent = np.sort(np.argsort(-np.bincount(events.item, minlength=N_ITEMS), kind="stable")[:2])
    assert frequent.tolist() == fitted.head.tolist()
    items, _ = fitted.predict(sparse.csr_matrix(np.ones((1, N_ITEMS), np.float32)), sparse.csr_matrix((N_ITEMS, 0)))
    assert set(np.flatnonzero(items[0]).tolist()) <= set(frequent.tolist())
    assert items[0].any()
