"""The conditional logit: it finds the weights that made the choices."""

import numpy as np

from personalize_local.engine.choice.blend import fit_weights


def _choices(weights: np.ndarray, *, n: int, n_items: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_items, len(weights))).astype(np.float32)
    # The largest of utilities with Gumbel noise is a draw from the logit (McFadden 1974).
    return features, (features @ weights + rng.gumbel(size=(n, n_items))).argmax(axis=1)


def test_the_weights_that_made_the_choices_are_found() -> None:
    """With many choices the true weights come back."""
    true = np.array([1.5, -0.7, 0.0])
    features, chosen = _choices(true, n=6000)
    found = fit_weights(features, chosen, np.ones(len(chosen)), prior=np.zeros(3), precision=1.0)
    np.testing.assert_allclose(true, found, atol=0.08)


def test_the_weights_maximise_the_posterior() -> None:
    """At the weights found the slope of the penalised likelihood is zero, importance and prior included."""
    features, chosen = _choices(np.array([1.0, 2.0]), n=300)
    importance = np.random.default_rng(1).uniform(0.1, 2.0, 300)
    prior = np.array([0.5, -0.5])
    found = fit_weights(features, chosen, importance, prior=prior, precision=4.0)
    logits = features.astype(float) @ found
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.einsum("qn,qnk->qk", shares, features)
    slope = importance @ (features[np.arange(300), chosen] - expected) - 4.0 * (found - prior)
    np.testing.assert_allclose(slope, 0.0, atol=0.05)


def test_without_choices_the_prior_stands() -> None:
    """Nothing to learn from: the weights stay where they are."""
    found = fit_weights(
        np.empty((0, 4, 2), np.float32), np.empty(0, np.intp), np.empty(0), prior=np.array([1.0, 0.3]), precision=1.0
    )
    assert [1.0, 0.3] == found.tolist()


def test_features_of_any_size_are_survived() -> None:
    """Steps that overshoot are halved: huge, one-sided features end in finite weights that rank rightly."""
    features = np.zeros((50, 3, 1), np.float32)
    features[:, 0, 0] = 1e4
    found = fit_weights(features, np.zeros(50, np.intp), np.ones(50), prior=np.array([-1.0]), precision=1e-3)
    assert np.isfinite(found).all()
    assert found[0] > 0
