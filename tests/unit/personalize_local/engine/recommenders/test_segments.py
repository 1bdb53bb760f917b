"""What every model of users must do, on the world of cat people and dog people."""

from pathlib import Path

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue
from personalize_local.engine.recommenders.registry import SEGMENTS, load_model
from personalize_local.engine.recommenders.segment_metrics import hold_out, segment_metrics
from personalize_local.engine.recommenders.segments import SegmentModel
from tests.unit.personalize_local.engine.worlds import CATS, DOGS, NEW_CAT, NEW_DOG, Lovers, events_of, lovers

ALL = sorted(SEGMENTS)
CAT_PEOPLE, DOG_PEOPLE = np.arange(0, 120, 2), np.arange(1, 120, 2)


@pytest.fixture(scope="module")
def world() -> Lovers:
    return lovers()


@pytest.fixture(scope="module")
def fitted(world: Lovers) -> dict[str, SegmentModel]:
    return {name: model.fit(world.events, world.catalogue) for name, model in SEGMENTS.items()}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("items", "own"), [(CATS, CAT_PEOPLE), (DOGS, DOG_PEOPLE)])
def test_cat_people_are_found_by_cats(
    name: str, items: tuple[int, ...], own: np.ndarray, fitted: dict[str, SegmentModel]
) -> None:
    """Asked for all items of a kind, the sixty who love the kind come before the sixty others."""
    scores = fitted[name].affinity(np.array(items))
    assert (120,) == scores.shape
    assert np.dtype(np.float32) == scores.dtype
    assert set(own.tolist()) == set(np.argsort(-scores)[:60].tolist())


def test_an_item_finds_who_met_it_and_who_might(fitted: dict[str, SegmentModel], world: Lovers) -> None:
    """Those who met the item come first; among the others its lovers do."""
    scores = fitted["item-affinity"].affinity(np.array([3]))
    met = np.unique(world.events.user[world.events.item == 3])
    others = np.setdiff1d(np.arange(120), met)
    assert scores[met].mean() > scores[others].max() * 0.5
    assert set(met[met % 2 == 0].tolist()) <= set(np.argsort(-scores)[: len(met) + 5].tolist())


def test_a_new_item_finds_users_by_its_attributes(fitted: dict[str, SegmentModel]) -> None:
    """Nobody has met the new cat and the new dog; attributes know whom they are for."""
    model = fitted["item-attribute-affinity"]
    assert set(CAT_PEOPLE.tolist()) == set(np.argsort(-model.affinity(np.array([NEW_CAT])))[:60].tolist())
    assert set(DOG_PEOPLE.tolist()) == set(np.argsort(-model.affinity(np.array([NEW_DOG])))[:60].tolist())


@pytest.mark.parametrize("name", ALL)
def test_without_a_query_the_active_come_first(name: str) -> None:
    """No item, or one that says nothing: users by how much they do."""
    events = events_of([0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2], n_users=4, n_items=3)
    model = SEGMENTS[name].fit(events, Catalogue(3))
    assert [2, 1, 0, 3] == np.argsort(-model.affinity(np.empty(0, np.intp)), kind="stable").tolist()


@pytest.mark.parametrize("name", ALL)
def test_a_space_of_few_dimensions_is_enough_for_two_kinds(name: str, world: Lovers) -> None:
    """With two dimensions the two kinds of people are still told apart: one for how active, one for which kind."""
    scores = SEGMENTS[name].fit(world.events, world.catalogue, hidden_dimension=2)
    best = np.argsort(-scores.affinity(np.array(DOGS)))[:50]
    assert 0.95 < np.isin(best, DOG_PEOPLE).mean()


@pytest.mark.parametrize("name", ALL)
def test_training_is_deterministic_and_stored(name: str, world: Lovers, tmp_path: Path) -> None:
    """The same data give the same scores bit by bit, and so does the model from disk, which is found by its name."""
    model = SEGMENTS[name].fit(world.events, world.catalogue)
    again = SEGMENTS[name].fit(world.events, world.catalogue)
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert SEGMENTS[name] is type(loaded)
    for items in ((), (1,), DOGS):
        chosen = np.array(items, np.intp)
        np.testing.assert_array_equal(model.affinity(chosen), again.affinity(chosen))
        np.testing.assert_array_equal(model.affinity(chosen), loaded.affinity(chosen))


@pytest.mark.parametrize("name", ALL)
def test_hardly_any_data_gives_a_model_that_answers(name: str) -> None:
    """No event, one event, no attribute: scores are finite."""
    for events in (
        events_of([], [], n_users=0, n_items=2),
        events_of([0], [1], n_users=1, n_items=2),
        events_of([0, 1], [1, 1], n_users=3, n_items=2, weights=[0.0, 0.0]),
    ):
        scores = SEGMENTS[name].fit(events, Catalogue(2)).affinity(np.array([1]))
        assert (events.n_users,) == scores.shape
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_hyperparameter_is_refused(name: str, world: Lovers) -> None:
    """A misspelt hyperparameter is a TypeError that names it."""
    with pytest.raises(TypeError, match=f"the {name} model has no hyperparameter hiden_dimension"):
        SEGMENTS[name].fit(world.events, world.catalogue, hiden_dimension=32.0)


def test_the_hold_out_is_the_newest_fifth_of_each_user() -> None:
    """Ten events give eight and two, three give all three: a user keeps what a fifth cannot be taken from."""
    events = events_of([0] * 10 + [1] * 3, [*range(10), 0, 1, 2], n_users=2, n_items=10)
    training, test = hold_out(events)
    assert [8, 9] == test.item.tolist()
    assert 11 == len(training)


@pytest.mark.parametrize("name", ALL)
def test_metrics_tell_a_good_model_from_chance(name: str) -> None:
    """The documented keys; a segment is one percent of the users, so at most twelve hits here, and a share of all."""
    world = lovers(n_users=1200)
    by_attribute = name == "item-attribute-affinity"
    metrics = segment_metrics(SEGMENTS[name], world.events, world.catalogue, by_attribute=by_attribute)
    assert {"coverage", "hits_at_1_percent", "recall_at_1_percent"} == metrics.keys()
    base = segment_metrics(SEGMENTS[name], world.events, Catalogue(22), by_attribute=by_attribute)
    if by_attribute:
        assert 12.0 == metrics["hits_at_1_percent"]
        assert {"coverage": 0.0, "hits_at_1_percent": 0.0, "recall_at_1_percent": 0.0} == base
    else:
        # Of twelve users drawn by chance 1.2 meet an item among their last two; of twelve who love its kind, 2.2.
        assert 1.5 < metrics["hits_at_1_percent"] <= 12.0
        assert metrics == base
    assert 0.0 < metrics["recall_at_1_percent"] <= metrics["hits_at_1_percent"]
