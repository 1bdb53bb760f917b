"""Many histories at once score as they do one after the other, whatever the model is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, History, Int32
from personalize_local.engine.base.models import BatchModel, Model, scores_of_many
from personalize_local.engine.linear import parts, ridge
from personalize_local.engine.ranking import network, pipeline
from personalize_local.engine.ranking.batch_scoring import batch_size
from personalize_local.engine.recommenders.registry import MODELS
from personalize_local.engine.recommenders.sequence import SequenceModel
from tests.unit.personalize_local.engine.worlds import (
    MET,
    N_ITEMS,
    events_of,
    history_of,
    lovers,
    one_hot,
    two_together,
)

_DAY = 86_400.0


def _histories(n_items: int, *, seed: int = 4) -> list[History]:
    """Of all lengths, with repeated items, events of weight 0, sessions, and moments before and after the training."""
    rng = np.random.default_rng(seed)
    made = [
        History.empty(),
        history_of(3),
        history_of(3, 3, 3),
        history_of(2, 1, weight=0.0),
        history_of(n_items - 1),
        history_of(*range(min(n_items, 30))),
    ]
    for length in (2, 5, 9, 40, 130, 260):
        time = np.sort(rng.uniform(-2 * _DAY, 400 * _DAY, length))
        weight = rng.choice([0.0, 0.5, 1.0, 3.0], length).astype(np.float32)
        made.append(History(rng.integers(0, n_items, length).astype(np.int32), time, weight))
    # The newest event counts for nothing, then nothing of the newest hundred does.
    made.append(replace(history_of(4, 5, 6), weight=np.array([1, 1, 0], np.float32)))
    late = np.zeros(150, np.float32)
    late[:40] = 1
    made.append(History(rng.integers(0, n_items, 150).astype(np.int32), np.arange(150.0), late))
    return made


def _world(n_items: int, *, attributes: bool, seed: int = 0) -> tuple[Events, Catalogue]:
    """Users whose next item is one on, or ten on after a light event; items with attributes or without."""
    rng = np.random.default_rng(seed)
    users, length = 200, 14
    item, items, weights = rng.integers(n_items - 5, size=users), [], []
    for _ in range(length):
        weight = rng.choice([0.5, 1.5], users)
        items.append(item)
        weights.append(weight)
        item = (item + np.where(weight > 1, 1, 10)) % (n_items - 5)
    events = events_of(
        np.repeat(np.arange(users), length),
        np.stack(items, axis=1).ravel(),
        n_users=users,
        n_items=n_items,
        weights=np.stack(weights, axis=1).ravel(),
    )
    if not attributes:
        return events, Catalogue(n_items)
    kinds = one_hot([item % 7 for item in range(n_items)])
    return events, Catalogue(n_items, kinds, np.zeros(n_items), np.zeros(kinds.shape[1], np.int32))


@dataclass(frozen=True)
class _Made:
    model: SequenceModel
    n_items: int


@pytest.fixture(scope="module")
def smaller() -> Iterator[pytest.MonkeyPatch]:
    """Small worlds are enough for every stage of the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "_TREES", 20)
        patch.setattr(pipeline, "_MIN_EVENTS", 1000)
        patch.setattr(network, "_MIN_STEPS", 60)
        yield patch


@pytest.fixture(scope="module", params=["dense", "dense, attributes", "sparse", "sparse, attributes", "networks"])
def made(request: pytest.FixtureRequest, smaller: pytest.MonkeyPatch) -> _Made:
    """The model in each of its forms."""
    form = str(request.param)
    with pytest.MonkeyPatch.context() as patch:
        if form == "networks":
            patch.setattr(pipeline, "_MAX_RETURNS", 1.0)
            patch.setattr(network, "_MIN_STEPS", 500)
            model = SequenceModel.fit(two_together(0), Catalogue(MET + 2))
            assert model.pipeline is not None
            assert model.pipeline.ensemble is not None
            return _Made(model, MET + 2)
        if form.startswith("sparse"):
            patch.setattr(parts, "MAX_ITEMS", 50)
            patch.setattr(ridge, "MAX_ITEMS", 50)
        events, catalogue = _world(160, attributes="attributes" in form)
        model = SequenceModel.fit(events, catalogue)
        assert model.pipeline is not None
        assert model.pipeline.reranker is not None
        assert model.pipeline.parts.dense is not form.startswith("sparse")
        return _Made(model, 160)


def _assert_alike(model: Model, histories: list[History], contexts: list[Int32] | None = None) -> None:
    many = scores_of_many(model, histories, contexts=contexts)
    of_each = contexts if contexts is not None else [None] * len(histories)
    assert np.dtype(np.float32) == many.dtype
    for scores, history, context in zip(many, histories, of_each, strict=True):
        np.testing.assert_allclose(scores, model.score(history, context=context), rtol=2e-4, atol=2e-4)


def test_every_form_of_the_model_scores_a_batch_as_it_scores_one(made: _Made) -> None:
    """Dense and sparse parts, networks, attributes, candidates by the hundred and fewer: the same scores."""
    assert isinstance(made.model, BatchModel)
    _assert_alike(made.model, _histories(made.n_items))
    _assert_alike(made.model, [history_of(4, 5)])


def test_users_who_return_keep_their_items_as_candidates(made: _Made) -> None:
    """In a world in which users return, items of the history are re-ranked too, also in a batch."""
    assert made.model.pipeline is not None
    returning = replace(made.model, pipeline=replace(made.model.pipeline, returning=not made.model.pipeline.returning))
    _assert_alike(returning, _histories(made.n_items, seed=8))


def test_the_batch_does_not_depend_on_who_else_is_in_it(made: _Made) -> None:
    """The scores of a history are the same alone, first, last and among others."""
    histories = _histories(made.n_items)
    together = scores_of_many(made.model, histories)
    reverse = scores_of_many(made.model, histories[::-1])[::-1]
    np.testing.assert_allclose(together, reverse, rtol=2e-4, atol=2e-4)


def test_no_history_gives_no_scores(made: _Made) -> None:
    """An empty batch has the shape of one."""
    assert (0, made.n_items) == made.model.score_many([]).shape


def test_each_history_of_a_batch_has_its_own_context(smaller: pytest.MonkeyPatch) -> None:
    """The scores of a context are added to those of its history."""
    events, catalogue = _world(120, attributes=True)
    rng = np.random.default_rng(2)
    events = replace(events, context=rng.integers(0, 3, (len(events), 2)).astype(np.int32))
    model = SequenceModel.fit(events, catalogue)
    histories = _histories(120)
    contexts = [np.array([number % 3, -1], np.int32) for number in range(len(histories))]
    _assert_alike(model, histories, contexts)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_of_the_registry_scores_a_batch(name: str) -> None:
    """Models without a batch form are asked one after the other."""
    world = lovers()
    model = MODELS[name].fit(world.events, world.catalogue)
    _assert_alike(model, _histories(N_ITEMS))


def test_a_batch_fits_into_memory() -> None:
    """The larger the catalogue, the fewer histories at once; always one at least."""
    assert 512 == batch_size(10)
    assert batch_size(1_000_000) == batch_size(10**9) == 1
    assert batch_size(10_000) * 10_000 <= 1_000_000
