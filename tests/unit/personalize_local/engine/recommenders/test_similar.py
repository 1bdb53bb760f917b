"""What the model of aws-similar-items promises beyond what all item-to-item models do."""

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Catalogue
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.recommenders.similar import SimilarItemsModel
from tests.unit.personalize_local.engine.worlds import (
    CATS,
    DOGS,
    NEW_CAT,
    NEW_DOG,
    events_of,
    history_of,
    lovers,
    one_hot,
)


def test_a_new_item_has_neighbours_of_its_kind() -> None:
    """Asked about a cat that nobody has met, the ten cats come first, and the new dog after the known ones."""
    world = lovers()
    order = ranking(SimilarItemsModel.fit(world.events, world.catalogue).score(history_of(NEW_CAT))).tolist()
    assert set(CATS) == set(order[:10])
    assert set(DOGS) | {NEW_DOG} == set(order[10:21])


def test_what_users_did_outweighs_what_items_are() -> None:
    """Two items of different kinds that half the users meet together are closer than the next of the kind."""
    kinds = [0] * 5 + [1] * 5
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(200), 2)
    together = np.tile([0, 9], (100, 1))
    within = np.stack([rng.integers(0, 5, 100), rng.integers(0, 5, 100)], axis=1) + 5 * (np.arange(100) % 2)[:, None]
    events = events_of(users, np.concatenate([together, within]).ravel(), n_users=200, n_items=10)
    model = SimilarItemsModel.fit(events, Catalogue(10, one_hot(kinds), None, np.zeros(2, np.int32)))
    order = ranking(model.score(history_of(0))).tolist()
    assert 9 == order[0]
    assert set(range(1, 5)) == set(order[1:5])


def test_fields_count_by_what_they_say_of_pairs() -> None:
    """A field that users follow weighs more than one that they do not look at."""
    rng = np.random.default_rng(1)
    users = np.repeat(np.arange(300), 6)
    items = rng.integers(0, 10, len(users)) * 2 + users % 2
    followed, ignored = np.arange(20) % 2, np.arange(20) // 10
    attributes = sparse.hstack([one_hot(followed.tolist()), one_hot(ignored.tolist())], format="csr")
    catalogue = Catalogue(20, attributes, None, np.array([0, 0, 1, 1], np.int32))
    model = SimilarItemsModel.fit(events_of(users, items, n_users=300, n_items=20), catalogue)
    assert model.weights[1] > 1 > 5 * abs(float(model.weights[2]))
