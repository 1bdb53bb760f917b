"""Contextual fields: by night people look at cats, by day at dogs, and a request says which it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, Float32, History
from personalize_local.engine.base.scores import softmax
from personalize_local.engine.recommenders.sequence import SequenceModel
from tests.unit.personalize_local.engine.worlds import (
    CATS,
    DOGS,
    N_ITEMS,
    NEW_CAT,
    NEW_DOG,
    events_of,
    history_of,
    one_hot,
)

NIGHT, DAY, DUSK = 0, 1, 2
N_USERS, LENGTH = 150, 8


def _world() -> tuple[Events, Catalogue]:
    """Night brings cats and day dogs, in nine of ten events; who looks makes no difference, and a second field none."""
    rng = np.random.default_rng(5)
    n = N_USERS * LENGTH
    daytime = rng.integers(0, 2, n)
    dog = (daytime == DAY) ^ (rng.random(n) < 0.1)
    items = rng.integers(0, 10, n) + np.where(dog, DOGS[0], CATS[0])
    unknown = rng.random(n) < 0.1
    context = np.column_stack([np.where(unknown, -1, daytime), rng.integers(0, 3, n)]).astype(np.int32)
    events = events_of(np.repeat(np.arange(N_USERS), LENGTH), items, n_users=N_USERS, n_items=N_ITEMS)
    created = np.array([-1.0] * 20 + [float(n)] * 2)
    catalogue = Catalogue(N_ITEMS, one_hot([0] * 10 + [1] * 10 + [0, 1]), created, np.zeros(2, np.int32))
    return replace(events, context=context), catalogue


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    return SequenceModel.fit(*_world())


def _after(model: SequenceModel, *context: int, history: History | None = None) -> Float32:
    return model.score(history or History.empty(), context=np.array(context, np.int32))


@pytest.mark.parametrize("history", [History.empty(), history_of(3, 12)], ids=["new user", "known user"])
def test_the_context_changes_the_order(model: SequenceModel, history: History) -> None:
    """By night nearly all probability is on cats, by day on dogs, as in the events; new items go with their kind."""
    cats, dogs = [*CATS, NEW_CAT], [*DOGS, NEW_DOG]
    for daytime, own in ((NIGHT, cats), (DAY, dogs)):
        probabilities = softmax(_after(model, daytime, -1, history=history))
        assert 0.75 < probabilities[own].sum() < 0.97
    by_night, by_day = (_after(model, daytime, -1, history=history) for daytime in (NIGHT, DAY))
    assert by_night[NEW_CAT] > by_night[list(DOGS)].max()
    assert by_day[NEW_DOG] > by_day[list(CATS)].max()


def test_without_a_context_nothing_changes(model: SequenceModel) -> None:
    """None, values that are not known, values that were not in training and no value at all: the same scores."""
    plain = model.score(history_of(3))
    for context in ((-1, -1), (DUSK, -1), (99,), ()):
        np.testing.assert_array_equal(plain, _after(model, *context, history=history_of(3)))


def test_a_field_without_influence_has_little_weight(model: SequenceModel) -> None:
    """The second field is noise: its values move the probabilities by less than a tenth of what those of the first do."""
    plain = softmax(_after(model, -1, -1))
    noise = max(np.abs(softmax(_after(model, -1, value)) - plain).sum() for value in range(3))
    told = min(np.abs(softmax(_after(model, value, -1)) - plain).sum() for value in (NIGHT, DAY))
    assert 10 * noise < told


def test_a_saved_model_knows_the_circumstances(model: SequenceModel, tmp_path: Path) -> None:
    """Saving and loading changes no score with a context."""
    model.save(tmp_path)
    loaded = SequenceModel.load(tmp_path)
    np.testing.assert_array_equal(_after(model, DAY, 1), _after(loaded, DAY, 1))
