"""The features that tell candidates apart."""

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, Float32, History
from personalize_local.engine.base.shares import attribute_columns
from personalize_local.engine.linear.parts import NAMES, Parts
from personalize_local.engine.ranking.candidates import CandidateFeatures, StageScores
from tests.unit.personalize_local.engine.worlds import history_of, one_hot

N_ITEMS = 6
DAY = 86_400.0


def _world() -> tuple[Events, Catalogue]:
    item = np.array([0, 1, 2, 0, 1, 0, 3, 4, 0], np.int32)
    user = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3], np.int32)
    time = DAY * np.array([1, 2, 3, 10, 11, 20, 21, 400, 401], np.float64)
    events = Events(user, item, time, np.ones(9, np.float32), 4, N_ITEMS)
    return events, Catalogue(N_ITEMS, one_hot([0, 0, 1, 1, 0, 1]))


@pytest.fixture(scope="module")
def made() -> tuple[CandidateFeatures, Parts]:
    events, catalogue = _world()
    return CandidateFeatures.of(events, catalogue, attribute_columns(catalogue)[0]), Parts.fit(
        events.in_order(), reach=10
    )


def _features(made: tuple[CandidateFeatures, Parts], history: History, items: list[int]) -> dict[str, Float32]:
    candidates, parts = made
    logits = -np.arange(N_ITEMS, dtype=np.float32)
    stage_scores = StageScores(logits, parts.signals(history), logits, logits)
    features = candidates.features(np.array(items), history, stage_scores, parts)
    assert (len(items), len(candidates.names)) == features.shape
    assert np.isfinite(features).all()
    return dict(zip(candidates.names, features.T, strict=True))


def _at(day: float, *items: int) -> History:
    history = history_of(*items)
    return History(history.item, np.full(len(items), day * DAY), history.weight)


def test_every_feature_has_a_name_of_its_own(made: tuple[CandidateFeatures, Parts]) -> None:
    """As many names as columns, none twice."""
    assert len(set(made[0].names)) == len(made[0].names)


def test_popularity_is_that_of_the_moment(made: tuple[CandidateFeatures, Parts]) -> None:
    """Counted strictly before the newest event of the history: what came later is not known yet."""
    found = _features(made, _at(20, 1), [0, 1, 4])
    np.testing.assert_allclose(found["popularity"], np.log1p([2, 2, 0]))
    np.testing.assert_allclose(found["events of 30 days"], np.log1p([2, 2, 0]))
    later = _features(made, _at(402, 1), [0, 1, 4])
    np.testing.assert_allclose(later["popularity"], np.log1p([4, 2, 1]))
    np.testing.assert_allclose(later["events of 30 days"], np.log1p([1, 0, 1]))


def test_the_event_to_predict_is_in_no_count(made: tuple[CandidateFeatures, Parts]) -> None:
    """An event at the very moment of the newest one, or after it, leaves every popularity as it is."""
    events, catalogue = _world()
    more = Events(
        np.append(events.user, 1).astype(np.int32),
        np.append(events.item, 5).astype(np.int32),
        np.append(events.time, 20 * DAY),
        np.ones(10, np.float32),
        4,
        N_ITEMS,
    )
    with_it = CandidateFeatures.of(more, catalogue, attribute_columns(catalogue)[0])
    before, after = (
        _features((candidates, made[1]), _at(20, 1), [0, 5])["popularity"] for candidates in (made[0], with_it)
    )
    np.testing.assert_array_equal(before, after)


def test_what_was_met_is_marked(made: tuple[CandidateFeatures, Parts]) -> None:
    """How much of the history a candidate is, and how many events ago it came last."""
    found = _features(made, _at(30, 3, 2, 3, 1), [3, 1, 0])
    assert [2, 1, 0] == found["repeats"].astype(int).tolist()
    assert [1, 0] == found["events since"][:2].astype(int).tolist()
    assert found["events since"][2] > 100


def test_kinship_is_counted_in_attributes(made: tuple[CandidateFeatures, Parts]) -> None:
    """A candidate that shares its value with the newest item is like it; on average with half of the history."""
    found = _features(made, _at(30, 2, 0), [1, 3])
    assert [1, 0] == found["similarity to the newest"].astype(int).tolist()
    np.testing.assert_allclose(found["similarity to the history"], [0.5, 0.5])


def test_the_parts_score_after_each_of_the_newest_events(made: tuple[CandidateFeatures, Parts]) -> None:
    """The score of a part after only the last item, and 0 where the history is shorter."""
    candidates, parts = made
    found = _features(made, _at(30, 1), [0, 2])
    for number, name in enumerate(NAMES):
        np.testing.assert_array_equal(found[f"{name} after 0"], parts.pair_score(number, 1, np.array([0, 2])))
        assert not found[f"{name} after 1"].any()
    assert candidates.names.index("total") == 0


def test_a_pause_of_an_hour_begins_a_session(made: tuple[CandidateFeatures, Parts]) -> None:
    """The session counts the events since the last pause."""
    history = history_of(0, 1, 2)
    paused = History(history.item, np.array([0.0, 5000.0, 5060.0]), history.weight)
    np.testing.assert_allclose(_features(made, paused, [3])["events of the session"], np.log1p([2]))
    np.testing.assert_allclose(_features(made, paused, [3])["events of the history"], np.log1p([3]))
