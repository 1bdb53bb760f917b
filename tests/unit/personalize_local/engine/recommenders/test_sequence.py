"""What the sequence model promises beyond what all models do."""

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base import shares
from personalize_local.engine.base.data import Catalogue, History
from personalize_local.engine.base.scores import softmax
from personalize_local.engine.recommenders.sequence import SequenceModel
from tests.unit.personalize_local.engine.worlds import events_of, history_of, lovers, one_hot


@pytest.mark.parametrize("ridge", [0.0, -1.0])
def test_a_ridge_that_is_none_is_refused(ridge: float) -> None:
    """Without lambda the system may have no solution."""
    world = lovers()
    with pytest.raises(ValueError, match=f"ridge must be positive, not {ridge}"):
        SequenceModel.fit(world.events, world.catalogue, ridge=ridge)


def test_only_ratios_of_weights_matter() -> None:
    """All weights five times as large, in training and in the history: the same scores."""
    world = lovers()
    rng = np.random.default_rng(0)
    weights = rng.choice([0.2, 0.6, 1.0], len(world.events))
    models = [
        SequenceModel.fit(
            events_of(world.events.user, world.events.item, n_users=120, n_items=22, weights=factor * weights),
            world.catalogue,
        )
        for factor in (1.0, 5.0)
    ]
    scores = [
        model.score(history_of(2, 12, 3, weight=factor)) for model, factor in zip(models, (0.2, 1.0), strict=True)
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


def test_taste_carries_over_to_items_that_share_an_attribute() -> None:
    """Who likes large dogs gets the large one of another breed before the small one, though both are as popular."""
    sizes = [0, 0, 0, 0, 1, 1, 1, 1]
    rng = np.random.default_rng(2)
    users = np.repeat(np.arange(300), 10)
    items = rng.integers(0, 4, len(users)) + 4 * (users % 2)
    catalogue = Catalogue(8, one_hot(sizes), None, np.zeros(2, np.int32))
    model = SequenceModel.fit(events_of(users, items, n_users=300, n_items=8), catalogue)
    scores = model.score(history_of(0))
    assert scores[1:4].min() > scores[4:].max()


def test_a_new_item_is_not_held_against_its_age() -> None:
    """No event since yesterday says little, no event in all the time says that nobody wants it."""
    rng = np.random.default_rng(4)
    users = np.repeat(np.arange(200), 5)
    events = events_of(users, rng.integers(0, 10, len(users)), n_users=200, n_items=11)

    def probability_when_created(moment: float) -> float:
        catalogue = Catalogue(11, one_hot([0] * 11), np.array([-1.0] * 10 + [moment]))
        return float(softmax(SequenceModel.fit(events, catalogue).score(History.empty()))[10])

    old, new = probability_when_created(-1.0), probability_when_created(len(users) - 5.0)
    assert old < 0.02
    assert 0.05 < new < 0.15


def test_of_very_many_attributes_the_common_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that tells every item apart has a value an item: beyond the limit the rarest values are left out."""
    monkeypatch.setattr(shares, "MAX_ATTRIBUTES", 3)
    world = lovers()
    own = sparse.identity(22, dtype=np.float32, format="csr")
    fields = np.array([0] * 22 + [1, 1], np.int32)
    catalogue = Catalogue(22, sparse.hstack([own, world.catalogue.attributes], format="csr"), None, fields)
    model = SequenceModel.fit(world.events, catalogue)
    assert (22, 3) == model.extractor.attributes.shape
    scores = model.score(history_of(2, 5))
    assert scores[:10].min() > scores[10:20].max()


def test_each_weight_of_the_blend_has_a_name() -> None:
    """The model names its features and their weights."""
    world = lovers()
    model = SequenceModel.fit(world.events, world.catalogue)
    assert len(model.extractor.names) == len(model.blend) == len(model.extractor.prior)
    assert len(set(model.extractor.names)) == len(model.extractor.names)
