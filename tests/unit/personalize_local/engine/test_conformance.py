"""What every model of the registry must do, on worlds with known answers."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.base.models import Model
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.engine.recommenders.registry import MODELS, load_model
from tests.unit.personalize_local.engine.worlds import (
    CATS,
    DOGS,
    N_ITEMS,
    NEW_CAT,
    NEW_DOG,
    Lovers,
    events_of,
    history_of,
    lovers,
)

ALL = sorted(MODELS)
PERSONAL = sorted(name for name in MODELS if MODELS[name].capabilities.real_time)
BY_ITEM = sorted(name for name in MODELS if MODELS[name].capabilities.by_item)
WITH_COLD_ITEMS = sorted(name for name in MODELS if MODELS[name].capabilities.cold_items)


@pytest.fixture(scope="module")
def world() -> Lovers:
    return lovers()


@pytest.fixture(scope="module")
def fitted(world: Lovers) -> dict[str, Model]:
    return {name: model.fit(world.events, world.catalogue) for name, model in MODELS.items()}


HISTORIES = (History.empty(), history_of(3), history_of(3, 3, 12, NEW_DOG), history_of(*DOGS, *CATS, weight=0.2))


@pytest.mark.parametrize("name", ALL)
def test_every_item_gets_a_finite_score(name: str, fitted: dict[str, Model]) -> None:
    """Whatever the history, scores are float32, one an item, and finite."""
    for history in HISTORIES:
        scores = fitted[name].score(history)
        assert (N_ITEMS,) == scores.shape
        assert np.dtype(np.float32) == scores.dtype
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", ALL)
def test_training_is_deterministic(name: str, world: Lovers, fitted: dict[str, Model]) -> None:
    """The same events, catalogue and seed give the same scores, bit by bit."""
    again = MODELS[name].fit(world.events, world.catalogue)
    for history in HISTORIES:
        np.testing.assert_array_equal(fitted[name].score(history), again.score(history))


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_rows_does_not_matter(name: str, world: Lovers, fitted: dict[str, Model]) -> None:
    """Events are ordered by time within a user, wherever they stand in the arrays."""
    shuffled = world.events.of(np.random.default_rng(0).permutation(len(world.events)))
    again = MODELS[name].fit(shuffled, world.catalogue)
    np.testing.assert_array_equal(fitted[name].score(history_of(3)), again.score(history_of(3)))


@pytest.mark.parametrize("name", ALL)
def test_a_saved_model_scores_the_same(name: str, fitted: dict[str, Model], tmp_path: Path) -> None:
    """Saving and loading changes no score, and `load_model` finds the model's class by itself."""
    fitted[name].save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert MODELS[name] is type(loaded)
    for history in HISTORIES:
        np.testing.assert_array_equal(fitted[name].score(history), loaded.score(history))


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_pickled(name: str, fitted: dict[str, Model], tmp_path: Path) -> None:
    """A stored model is json and arrays that load with pickle forbidden, so loading one runs no code."""
    fitted[name].save(tmp_path)
    assert ["arrays.npz", "model.json"] == sorted(path.name for path in tmp_path.iterdir())
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as stored:
        assert all(stored[key].dtype != object for key in stored.files)


@pytest.mark.parametrize("name", ALL)
def test_a_model_refuses_what_another_saved(name: str, tmp_path: Path) -> None:
    """Loading a folder of another model is a ValueError that names both."""
    storage.write(tmp_path, model="other", facts={}, arrays={})
    with pytest.raises(ValueError, match=f"holds a 'other' model, not '{name}'"):
        MODELS[name].load(tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_hyperparameter_is_refused(name: str, world: Lovers) -> None:
    """A misspelt hyperparameter is a TypeError that names it, not a default in disguise."""
    with pytest.raises(TypeError, match="no hyperparameter ridgee"):
        MODELS[name].fit(world.events, world.catalogue, ridgee=1.0)


@pytest.mark.parametrize("name", ALL)
def test_a_new_user_gets_popular_items(name: str) -> None:
    """Without a history the order is that of popularity."""
    n_users = 60
    items = [item for user in range(n_users) for item in (0, 1 if user % 2 else 2, 3 if user % 6 == 0 else 0)]
    events = events_of(np.repeat(np.arange(n_users), 3), items, n_users=n_users, n_items=6)
    model = MODELS[name].fit(events, Catalogue(6))
    assert 0 == ranking(model.score(History.empty()))[0]
    assert {1, 2} == set(ranking(model.score(History.empty()))[1:3].tolist())


@pytest.mark.parametrize("name", ALL)
def test_the_softmax_is_informative_and_honest(name: str, world: Lovers, fitted: dict[str, Model]) -> None:
    """For a new user the probabilities of the known items are near their true shares."""
    known = np.array([*CATS, *DOGS])
    probabilities = softmax(fitted[name].score(History.empty()), known)
    true = np.bincount(world.events.item, minlength=N_ITEMS)[known] / len(world.events)
    assert 0.05 > np.abs(probabilities - true).sum() / 2


@pytest.mark.parametrize("name", ALL)
def test_an_event_of_weight_zero_counts_for_nothing(name: str, world: Lovers, fitted: dict[str, Model]) -> None:
    """Events of weight 0 have no influence, in training and in a history."""
    extra = events_of(np.arange(100) % 120, np.full(100, NEW_DOG), n_users=120, n_items=N_ITEMS, weights=np.zeros(100))
    both = Events(
        np.concatenate([world.events.user, extra.user]),
        np.concatenate([world.events.item, extra.item]),
        np.concatenate([world.events.time, extra.time]),
        np.concatenate([world.events.weight, extra.weight]),
        120,
        N_ITEMS,
    )
    again = MODELS[name].fit(both, world.catalogue)
    np.testing.assert_array_equal(fitted[name].score(history_of(3)), again.score(history_of(3)))
    weightless = history_of(12, 12, weight=0.0)
    np.testing.assert_allclose(fitted[name].score(History.empty()), fitted[name].score(weightless), rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_heavy_events_make_an_item_popular(name: str) -> None:
    """Of two items with equally many users, the one with the larger event weights is ranked first."""
    users = np.repeat(np.arange(80), 2)
    items = np.where(np.arange(160) % 4 < 2, 0, 1)
    events = events_of(users, items, n_users=80, n_items=3, weights=np.where(items == 1, 1.0, 0.2))
    assert [1, 0, 2] == ranking(MODELS[name].fit(events, Catalogue(3)).score(History.empty())).tolist()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "events",
    [
        events_of([], [], n_users=0, n_items=4),
        events_of([0], [2], n_users=1, n_items=4),
        events_of([0, 0, 1], [1, 1, 1], n_users=2, n_items=4),
        events_of([0, 1], [1, 2], n_users=2, n_items=4, weights=[0.0, 0.0]),
    ],
    ids=["none", "one", "one item", "no weight"],
)
@pytest.mark.parametrize("attributes", [None, sparse.csr_matrix((4, 2), dtype=np.float32)], ids=["none", "empty"])
def test_next_to_nothing_is_enough(name: str, events: Events, attributes: sparse.csr_matrix | None) -> None:
    """Training on hardly any data gives a model that answers."""
    model = MODELS[name].fit(events, Catalogue(4, attributes))
    for history in (History.empty(), history_of(2, 0)):
        assert np.isfinite(model.score(history)).all()


@pytest.mark.parametrize("name", ALL)
def test_circumstances_that_training_never_saw_say_nothing(name: str, fitted: dict[str, Model]) -> None:
    """A model trained without contextual fields takes a request's context and ignores it."""
    for history in HISTORIES:
        plain = fitted[name].score(history)
        np.testing.assert_array_equal(plain, fitted[name].score(history, context=np.array([2, -1], np.int32)))


# --- models that score by the history


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize(("seen", "own", "other"), [((2, 5, 8), CATS, DOGS), ((11, 15, 19), DOGS, CATS)])
def test_cat_people_get_cats_and_dog_people_dogs(
    name: str, seen: tuple[int, ...], own: tuple[int, ...], other: tuple[int, ...], fitted: dict[str, Model]
) -> None:
    """After three events every item of the user's kind is ranked before every item of the other kind."""
    scores = fitted[name].score(history_of(*seen))
    assert scores[list(own)].min() > scores[list(other)].max()


@pytest.mark.parametrize("name", PERSONAL)
def test_the_probabilities_are_calibrated(name: str, fitted: dict[str, Model]) -> None:
    """For a cat person the next event is on a cat in nine of ten cases: the softmax gives this probability."""
    probabilities = softmax(fitted[name].score(history_of(2, 5, 8, 1, 2, 7)))
    assert 0.82 < probabilities[[*CATS, NEW_CAT]].sum() < 0.97


@pytest.mark.parametrize("name", PERSONAL)
def test_the_next_click_changes_the_scores(name: str, fitted: dict[str, Model]) -> None:
    """Each dog that a cat person looks at makes dogs likelier, without training."""
    shares = [softmax(fitted[name].score(history_of(2, 5, 8, *DOGS[:clicks])))[list(DOGS)].sum() for clicks in range(6)]
    assert shares == sorted(shares)
    assert shares[5] > 3 * shares[0]


@pytest.mark.parametrize("name", PERSONAL)
def test_heavy_events_of_a_history_say_more(name: str, fitted: dict[str, Model]) -> None:
    """Of a cat and a dog, what was enquired about outweighs what was glanced at, the later one being the same."""

    def dogs_after(*weights: float) -> float:
        history = History(
            np.array([12, 2], np.int32), np.arange(2, dtype=np.float64), np.array(weights, dtype=np.float32)
        )
        return float(softmax(fitted[name].score(history))[list(DOGS)].sum())

    assert dogs_after(1.0, 0.2) > 0.5 > dogs_after(0.2, 1.0)


@pytest.mark.parametrize("name", PERSONAL)
def test_order_matters(name: str) -> None:
    """In a world where item i + 1 always follows item i, it is ranked first."""
    n_users, n_items, length = 200, 12, 8
    start = np.random.default_rng(1).integers(0, n_items, n_users)
    items = (start[:, None] + np.arange(length)).ravel() % n_items
    events = events_of(np.repeat(np.arange(n_users), length), items, n_users=n_users, n_items=n_items)
    model = MODELS[name].fit(events, Catalogue(n_items))
    followers = [int(ranking(model.score(history_of(item - 2, item - 1, item)))[0]) for item in range(2, n_items - 1)]
    assert list(range(3, n_items)) == followers


# --- models that answer for an item


@pytest.mark.parametrize("name", BY_ITEM)
@pytest.mark.parametrize(("asked", "own", "other"), [(4, CATS, DOGS), (16, DOGS, CATS)])
def test_what_the_same_people_like_is_similar(
    name: str, asked: int, own: tuple[int, ...], other: tuple[int, ...], fitted: dict[str, Model]
) -> None:
    """Every other cat is closer to a cat than any dog is, and the item itself comes last."""
    scores = fitted[name].score(history_of(asked))
    assert scores[[item for item in own if item != asked]].min() > scores[list(other)].max()
    assert asked == ranking(scores)[-1]


@pytest.mark.parametrize("name", BY_ITEM)
def test_the_last_item_of_a_history_is_asked_about(name: str, fitted: dict[str, Model]) -> None:
    """What came before it changes nothing, and neither does what counts for nothing."""
    expected = fitted[name].score(history_of(4))
    np.testing.assert_array_equal(expected, fitted[name].score(history_of(12, 13, 4)))
    half = History(np.array([4, 12], np.int32), np.arange(2.0), np.array([1.0, 0.0], np.float32))
    np.testing.assert_array_equal(expected, fitted[name].score(half))


@pytest.mark.parametrize("name", BY_ITEM)
def test_an_item_that_nobody_met_gets_what_is_popular(name: str) -> None:
    """Without events and attributes there is nothing but popularity to go by."""
    users = np.repeat(np.arange(40), 3)
    items = [item for user in range(40) for item in (0, 1 if user % 4 else 2, 2 if user % 2 else 0)]
    events = events_of(users, items, n_users=40, n_items=4)
    order = ranking(MODELS[name].fit(events, Catalogue(4)).score(history_of(3))).tolist()
    assert [0, 1, 2, 3] == order


@pytest.mark.parametrize("name", BY_ITEM)
def test_the_discount_brings_rarer_neighbours_forward(name: str) -> None:
    """Item 1 goes with everything, item 2 with item 0 alone: undiscounted 1 comes first, discounted 2."""
    baskets = [(0, 1)] * 20 + [(0, 2)] * 15 + [(3, 1)] * 60 + [(3, 4)] * 20
    users = np.repeat(np.arange(len(baskets)), 2)
    events = events_of(users, [item for basket in baskets for item in basket], n_users=len(baskets), n_items=5)
    first = [
        int(ranking(MODELS[name].fit(events, Catalogue(5), popularity_discount_factor=factor).score(history_of(0)))[0])
        for factor in (0.0, 1.0)
    ]
    assert [1, 2] == first


# --- models that know new items


@pytest.mark.parametrize("name", WITH_COLD_ITEMS)
@pytest.mark.parametrize(("seen", "wanted", "unwanted"), [((2, 5), NEW_CAT, NEW_DOG), ((12, 15), NEW_DOG, NEW_CAT)])
def test_new_groups_go_to_those_who_want_their_kind(
    name: str, seen: tuple[int, ...], wanted: int, unwanted: int, fitted: dict[str, Model]
) -> None:
    """A group that nobody has seen stands before the other new one, and before every known one of the other kind."""
    scores = fitted[name].score(history_of(*seen))
    others = DOGS if wanted == NEW_CAT else CATS
    assert scores[wanted] > max(scores[unwanted], scores[list(others)].max())
