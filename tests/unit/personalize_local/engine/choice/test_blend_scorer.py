"""The fast scorer of one history gives the blend of its features."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.choice.blend_scorer import BlendScorer
from personalize_local.engine.choice.features import FeatureExtractor
from personalize_local.engine.linear import ridge
from personalize_local.engine.recommenders.sequence import SequenceModel

N_USERS, N_ITEMS, N_EVENTS = 150, 60, 2500


def _events(rng: np.random.Generator) -> Events:
    return Events(
        rng.integers(0, N_USERS, N_EVENTS).astype(np.int32),
        np.minimum(rng.geometric(0.06, N_EVENTS) - 1, N_ITEMS - 2).astype(np.int32),
        np.sort(rng.uniform(0, 1e6, N_EVENTS)),
        rng.choice([0.5, 1.0, 2.0], N_EVENTS).astype(np.float32),
        N_USERS,
        N_ITEMS,
    )


def _catalogue(rng: np.random.Generator, n_attributes: int) -> Catalogue:
    if not n_attributes:
        return Catalogue(N_ITEMS)
    several = sparse.csr_matrix((rng.random((N_ITEMS, n_attributes)) < 0.3).astype(np.float32))
    return Catalogue(N_ITEMS, several, None, (np.arange(n_attributes) % 3).astype(np.int32))


def _history(rng: np.random.Generator, length: int) -> History:
    return History(
        rng.integers(0, N_ITEMS, length).astype(np.int32),
        np.arange(length, dtype=np.float64),
        rng.choice([0.0, 0.5, 2.0], length).astype(np.float32),
    )


@pytest.mark.parametrize("n_attributes", [0, 1, 9])
@pytest.mark.parametrize("columns", [6000, 20], ids=["all items have columns", "few have"])
@pytest.mark.parametrize("reach", [100, 4])
def test_one_history_reads_as_one_of_many(
    n_attributes: int, columns: int, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the catalogue and the history, the scores are the blend of the extractor's features."""
    monkeypatch.setattr(ridge, "MAX_ITEMS", columns)
    rng = np.random.default_rng(n_attributes)
    extractor = FeatureExtractor.fit(_events(rng).in_order(), _catalogue(rng, n_attributes), ridge=5.0, reach=reach)
    blend = rng.normal(size=len(extractor.names))
    blend_scorer = BlendScorer.of(extractor, blend)
    for length in (0, 1, 2, 7, 40, 150):
        history = _history(rng, length)
        expected = extractor.history_features(history).astype(np.float64) @ blend
        np.testing.assert_allclose(blend_scorer.score(history), expected, rtol=1e-4, atol=1e-4)


def test_the_order_is_that_of_the_features(tmp_path: Path) -> None:
    """A trained model's reader puts the items in the order of the features' weighted sums, loaded from disk too."""
    rng = np.random.default_rng(5)
    model = SequenceModel.fit(_events(rng), _catalogue(rng, 9))
    model.save(tmp_path)
    history = _history(rng, 12)
    in_units = History(history.item, history.time, (history.weight / np.float32(model.unit)).astype(np.float32))
    expected = model.extractor.history_features(in_units).astype(np.float64) @ model.blend
    for one in (model, SequenceModel.load(tmp_path)):
        scores = one.blend_scorer.score(in_units)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
        assert np.argsort(-expected)[:10].tolist() == np.argsort(-scores)[:10].tolist()


def test_a_history_of_nothing_but_zeros_is_none() -> None:
    """Events without weight have no influence."""
    rng = np.random.default_rng(6)
    model = SequenceModel.fit(_events(rng), _catalogue(rng, 3))
    weightless = History(np.array([1, 2], np.int32), np.zeros(2), np.zeros(2, np.float32))
    np.testing.assert_array_equal(model.score(History.empty()), model.score(weightless))
