"""The ranking pipeline above the blend: its stages must improve the ranking for users on whom they were not trained."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.base.scores import ranking, softmax
from personalize_local.engine.choice import alternatives
from personalize_local.engine.linear import parts, ridge
from personalize_local.engine.ranking import network, pipeline, training_queries
from personalize_local.engine.ranking.reranker import Trees
from personalize_local.engine.recommenders.sequence import SequenceModel
from tests.unit.personalize_local.engine.worlds import LENGTH as STEPS
from tests.unit.personalize_local.engine.worlds import MET, history_of, two_together

N_USERS, N_ITEMS, LENGTH = 200, 120, 14


def _funnel(seed: int = 0) -> Events:
    """A world that no sum over the history can express: the next item is one on after a heavy event, ten on after a light one.

    The weight of an event is random.
    """
    rng = np.random.default_rng(seed)
    item = rng.integers(N_ITEMS, size=N_USERS)
    items, weights = [], []
    for _ in range(LENGTH):
        weight = rng.choice([0.5, 1.5], N_USERS)
        items.append(item)
        weights.append(weight)
        item = (item + np.where(weight > 1, 1, 10)) % N_ITEMS
    return Events(
        np.repeat(np.arange(N_USERS, dtype=np.int32), LENGTH),
        np.stack(items, axis=1).ravel().astype(np.int32),
        np.arange(N_USERS * LENGTH, dtype=np.float64),
        np.stack(weights, axis=1).ravel().astype(np.float32),
        N_USERS,
        N_ITEMS,
    )


@pytest.fixture(autouse=True, scope="module")
def _smaller() -> Iterator[None]:
    """Fewer trees and steps, and fewer events will do: these worlds are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "_TREES", 30)
        patch.setattr(pipeline, "_MIN_EVENTS", 1000)
        patch.setattr(network, "_MIN_STEPS", 100)
        yield


@pytest.fixture(scope="module")
def events() -> Events:
    return _funnel()


@pytest.fixture(scope="module")
def model(events: Events) -> SequenceModel:
    return SequenceModel.fit(events, Catalogue(N_ITEMS))


def test_networks_get_weight_where_they_predict_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the next item depends on two events together, networks predict it and no sum does; also after loading."""
    monkeypatch.setattr(pipeline, "_MAX_RETURNS", 1.0)
    monkeypatch.setattr(network, "_MIN_STEPS", 500)
    model = SequenceModel.fit(two_together(0), Catalogue(MET + 2))
    assert model.pipeline is not None
    assert model.pipeline.ensemble is not None
    model.save(tmp_path)
    others, loaded = two_together(7, 50), SequenceModel.load(tmp_path)
    closed_form: list[float] = []
    whole: list[float] = []
    for begin in range(0, len(others), STEPS):
        seen = slice(begin, begin + STEPS - 1)
        history = History(others.item[seen], others.time[seen], others.weight[seen])
        came, scores = int(others.item[begin + STEPS - 1]), model.score(history)
        np.testing.assert_array_equal(scores, loaded.score(history))
        plain = model.pipeline.score_stages(history, model.blend_scorer.score(history)).closed_form
        for found, hits in ((plain, closed_form), (scores, whole)):
            hits.append(float(ranking(found)[0] == came))
    assert np.mean(whole) > 0.9
    assert np.mean(whole) > np.mean(closed_form) + 0.2


def test_noise_gives_no_pipeline() -> None:
    """Where the next event is random no stage is better than the blend, and none is kept."""
    rng = np.random.default_rng(1)
    n = 1500
    noise = Events(
        rng.integers(0, 100, n).astype(np.int32),
        rng.integers(0, 120, n).astype(np.int32),
        np.arange(n, dtype=np.float64),
        np.ones(n, np.float32),
        100,
        120,
    )
    model = SequenceModel.fit(noise, Catalogue(120))
    assert model.pipeline is None or (model.pipeline.reranker, model.pipeline.ensemble) == (None, None)


def test_the_whole_is_better_than_the_blend(events: Events, model: SequenceModel) -> None:
    """On users of another draw of the same world the pipeline ranks the next item higher than the blend alone."""
    assert model.pipeline is not None
    others = _funnel(seed=9)
    plain: list[float] = []
    whole: list[float] = []
    for event in (user * LENGTH + length for user in range(60) for length in (LENGTH - 2, LENGTH - 1)):
        seen = slice(event - event % LENGTH, event)
        history = History(others.item[seen], others.time[seen], others.weight[seen])
        came = int(others.item[event])
        for scores, ranks in ((model.blend_scorer.score(history), plain), (model.score(history), whole)):
            ranks.append(1 / (1 + int((scores > scores[came]).sum())))
    assert np.mean(whole) > np.mean(plain) + 0.05


def test_an_empty_history_gets_the_blend(model: SequenceModel) -> None:
    """Without events, or with events of weight 0, the scores are those of the blend."""
    weightless = History(np.array([3], np.int32), np.zeros(1), np.zeros(1, np.float32))
    np.testing.assert_array_equal(model.blend_scorer.score(History.empty()), model.score(History.empty()))
    np.testing.assert_array_equal(model.score(History.empty()), model.score(weightless))


def test_the_scores_of_the_pipeline_are_finite(model: SequenceModel) -> None:
    """They are finite, and their softmax sums to one."""
    for history in (history_of(5), history_of(1, 2, 3, 40), history_of(*range(100))):
        probabilities = softmax(model.score(history))
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-9)


def test_a_stored_pipeline_scores_the_same(model: SequenceModel, tmp_path: Path) -> None:
    """Parts and forest survive on disk as arrays and text, without a pickle."""
    assert model.pipeline is not None
    model.save(tmp_path)
    loaded = SequenceModel.load(tmp_path)
    np.testing.assert_array_equal(model.score(history_of(4, 5, 6)), loaded.score(history_of(4, 5, 6)))


def test_without_lightgbm_the_closed_form_serves(
    events: Events,
    model: SequenceModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where the library cannot be loaded training and loading go on without it, and say so once."""
    model.save(tmp_path)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.setattr(Trees, "_module", None)
    monkeypatch.setattr(Trees, "_missing", False)
    with caplog.at_level(logging.WARNING):
        trained = SequenceModel.fit(events, Catalogue(N_ITEMS))
        loaded = SequenceModel.load(tmp_path)
    assert trained.pipeline is None or trained.pipeline.reranker is None
    assert loaded.pipeline is None or loaded.pipeline.reranker is None
    assert 1 == len([record for record in caplog.records if "LightGBM cannot be loaded" in record.getMessage()])
    assert (N_ITEMS,) == trained.score(history_of(1, 2)).shape == loaded.score(history_of(1, 2)).shape


@pytest.mark.parametrize(
    ("name", "value"), [("_MIN_EVENTS", N_USERS * LENGTH + 1), ("_MAX_RETURNS", -1.0)], ids=["few", "returning"]
)
def test_there_is_no_pipeline_where_it_does_not_help(
    events: Events, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """With few events, or users who mostly return, no time is spent on a pipeline."""
    monkeypatch.setattr(pipeline, name, value)
    assert SequenceModel.fit(events, Catalogue(N_ITEMS)).pipeline is None


def test_items_that_nobody_meets_twice_are_no_candidates(model: SequenceModel) -> None:
    """The return rate follows from the events; where users do not return, no candidate is in the history."""
    once = Events(
        np.array([0, 0, 1, 1], np.int32), np.array([0, 1, 0, 2], np.int32), np.arange(4.0), np.ones(4, np.float32), 2, 3
    )
    assert 0 == training_queries.return_rate(once)
    assert 0.25 == training_queries.return_rate(once.of(np.array([0, 0, 1, 2])))
    assert model.pipeline is not None
    history = history_of(4, 5, 6)
    stage_scores = model.pipeline.score_stages(history, model.blend_scorer.score(history))
    seen = set(history.item.tolist())
    assert seen & set(replace(model.pipeline, returning=True).candidate_items(history, stage_scores).tolist())
    assert not seen & set(replace(model.pipeline, returning=False).candidate_items(history, stage_scores).tolist())


def test_the_best_item_is_the_one_that_follows(model: SequenceModel) -> None:
    """After a heavy event the next item comes first, after a light one the item ten on."""
    heavy, light = (
        History(np.array([40, 50, 60], np.int32), np.arange(3.0), np.array([0.5, 0.5, last], np.float32))
        for last in (1.5, 0.5)
    )
    assert [61, 70] == [int(ranking(model.score(history))[0]) for history in (heavy, light)]


def test_a_large_catalogue_is_served_from_sparse_parts(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limits of size the whole model is trained in sparse form with sampled alternatives, stored, and still right."""
    for module, name, value in (
        (parts, "MAX_ITEMS", 60),
        (ridge, "MAX_ITEMS", 60),
        (alternatives, "MAX_WHOLE", 60),
        (alternatives, "_POPULAR", 20),
        (alternatives, "_DRAWN", 20),
    ):
        monkeypatch.setattr(module, name, value)
    model = SequenceModel.fit(events, Catalogue(N_ITEMS))
    assert model.pipeline is not None
    assert not model.pipeline.parts.dense
    assert model.pipeline.ensemble is None
    model.save(tmp_path)
    loaded = SequenceModel.load(tmp_path)
    for last in range(20, 60, 10):
        scores = model.score(history_of(last - 20, last - 10, last))
        np.testing.assert_array_equal(scores, loaded.score(history_of(last - 20, last - 10, last)))
        assert {last + 1, last + 10} & set(ranking(scores, limit=3).tolist())


def test_the_newest_event_of_a_longer_history_decides(model: SequenceModel) -> None:
    """After a light event the next item is ten on, whatever was before."""
    whole = History(np.array([40, 50, 60, 61], np.int32), np.arange(4.0), np.array([0.5, 0.5, 1.5, 0.5], np.float32))
    assert 71 == ranking(model.score(whole))[0]


@pytest.mark.parametrize(("loyal", "longer"), [(0.4, True), (None, False)], ids=["tastes", "order"])
def test_old_events_count_where_the_order_has_no_influence(loyal: float | None, longer: bool) -> None:
    """Users with two of five events in one of twelve kinds need a long memory, a funnel needs a short one."""
    events = _funnel() if loyal is None else _tastes(loyal)
    newest = training_queries.newest_of(events)
    asked = list(training_queries.training_queries(events, newest, np.random.default_rng(0)))
    made = pipeline.RankingPipeline(
        parts.Parts.fit(events.of(~newest), reach=100), np.zeros(1 + len(parts.NAMES)), returning=True
    )
    ease = parts.NAMES.index("ease")
    assert longer is (pipeline._choose_memory(made, ease, asked) in parts.LONGER_MEMORIES)
    others = [number for number in range(len(parts.NAMES)) if number != ease]
    assert [parts.MEMORY[number] for number in others] == [
        pipeline._choose_memory(made, number, asked) for number in others
    ]


def _tastes(loyal: float) -> Events:
    """Each user has this share of events on every twelfth item, in no order."""
    rng = np.random.default_rng(3)
    n_users, length = 400, 40
    item = rng.integers(N_ITEMS, size=(n_users, length))
    kind = rng.integers(12, size=n_users)[:, None]
    item = np.where(rng.random(item.shape) < loyal, item // 12 * 12 + kind, item)
    user = np.repeat(np.arange(n_users, dtype=np.int32), length)
    time, weight = np.arange(len(user), dtype=np.float64), np.ones(len(user), np.float32)
    return Events(user, item.ravel().astype(np.int32), time, weight, n_users, N_ITEMS)
