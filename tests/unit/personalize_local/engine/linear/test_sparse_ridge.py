"""The ridge of large catalogues comes to the dense solution as neighbours are added."""

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.choice import alternatives
from personalize_local.engine.choice.alternatives import SampledAlternatives
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.linear import parts, sparse_ridge
from personalize_local.engine.linear.parts import Parts
from personalize_local.engine.linear.sparse_ridge import sparse_weights
from tests.unit.personalize_local.engine.worlds import events_of, history_of, lovers

N = 24


def _system(seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    rng = np.random.default_rng(seed)
    rows = sparse.csr_matrix(rng.poisson(0.3, (400, N)).astype(np.float32))
    targets = sparse.csr_matrix(np.eye(N, dtype=np.float32)[rng.integers(0, N, 400)])
    return (rows.T @ rows).tocsr(), (rows.T @ targets).tocsr()


def test_with_all_neighbours_it_is_the_dense_ridge() -> None:
    """As many inputs as items: each small system is the whole one."""
    inner, outer = _system()
    expected = np.linalg.solve(inner.toarray() + 5.0 * np.eye(N), outer.toarray())
    # Inputs that a target never followed have no place in its system.
    expected_of_met = np.where(outer.toarray() > 0, expected, 0)
    found = sparse_weights(inner, outer, ridge=5.0, neighbours=N).toarray()
    complete = np.flatnonzero((outer.toarray() > 0).all(axis=0))
    assert len(complete)
    np.testing.assert_allclose(found[:, complete], expected_of_met[:, complete], rtol=1e-3, atol=1e-5)


def test_a_column_has_few_inputs_the_strongest() -> None:
    """No item has more inputs than allowed, and the one that explains most of it is among them."""
    inner, outer = _system()
    found = sparse_weights(inner, outer, ridge=5.0, neighbours=3).tocsc()
    assert np.diff(found.indptr).max() <= 3
    explained = outer.toarray() ** 2 / (inner.diagonal() + 5.0)[:, None]
    for column in range(N):
        assert explained[:, column].argmax() in found.indices[found.indptr[column] : found.indptr[column + 1]]


def test_of_very_many_items_those_with_the_largest_targets_are_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others keep their single regressions."""
    inner, outer = _system()
    whole = sparse_weights(inner, outer, ridge=5.0).toarray()
    monkeypatch.setattr(sparse_ridge, "_MAX_SOLVED", 1)
    found = sparse_weights(inner, outer, ridge=5.0).toarray()
    single = outer.toarray() / (inner.diagonal() + 5.0)[:, None]
    richest = int(outer.toarray().sum(axis=0).argmax())
    others = np.delete(np.arange(N), richest)
    np.testing.assert_allclose(found[:, richest], whole[:, richest], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[:, others], single[:, others], rtol=1e-4, atol=1e-6)


def test_nothing_met_gives_nothing() -> None:
    """Without any pair there are no weights, and no error."""
    nothing = sparse.csr_matrix((5, 5), dtype=np.float32)
    assert 0 == sparse_weights(nothing, nothing, ridge=1.0).nnz


def test_a_large_catalogue_gets_sparse_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the parts are sparse, and still tell cat people from dog people; on disk they are the same."""
    monkeypatch.setattr(parts, "MAX_ITEMS", 10)
    world = lovers()
    fitted = Parts.fit(world.events.in_order(), reach=100)
    assert all(sparse.issparse(weights) for weights in fitted.weights)
    signals = fitted.signals(history_of(2, 5, 8))
    assert (4, 22) == signals.shape
    assert (signals[:, :10].mean(axis=1) > signals[:, 10:20].mean(axis=1)).all()
    loaded = Parts.of_arrays(fitted.arrays())
    np.testing.assert_array_equal(signals, loaded.signals(history_of(2, 5, 8)))
    ridge_tau20 = sparse.csr_matrix(fitted.weights[2]).toarray()
    np.testing.assert_array_equal(ridge_tau20[3, [1, 4, 15]], fitted.pair_score(2, 3, np.array([1, 4, 15])))


def test_an_item_without_events_gives_no_scores() -> None:
    """After a history of items without events all scores are 0, in dense form."""
    fitted = Parts.fit(events_of([0, 0, 1, 1], [0, 1, 0, 1], n_users=2, n_items=4), reach=10)
    assert not fitted.signals(history_of(3)).any()
    assert not fitted.pair_score(0, 3, np.array([0, 1])).any()


def test_sampled_alternatives_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights from a draw of the items come near those from all of them."""
    rng = np.random.default_rng(0)
    n_items, queries = 400, 1500
    features = rng.normal(size=(queries, n_items, 2)).astype(np.float32)
    logits = features @ np.array([1.0, -0.5], np.float32)
    chosen = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    ones, start = np.ones(queries), np.zeros(2)
    whole = fit_weights(features, chosen, ones, prior=start, precision=1.0)
    for name, value in (("MAX_WHOLE", 300), ("_POPULAR", 60), ("_DRAWN", 60)):
        monkeypatch.setattr(alternatives, name, value)
    drawn = SampledAlternatives.of(np.arange(n_items, dtype=np.float32), rng)
    assert 121 == drawn.columns
    some = fit_weights(
        drawn.select(features, chosen),
        drawn.places(chosen),
        ones,
        prior=start,
        precision=1.0,
        offset=drawn.offset(chosen),
    )
    np.testing.assert_allclose(some, whole, atol=0.12)
    np.testing.assert_allclose(whole, [1.0, -0.5], atol=0.1)
