"""Objectives beside relevance: what they change in scores, and how they are measured."""

from pathlib import Path

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events, Float64, History
from personalize_local.engine.base.scores import ranking
from personalize_local.engine.recommenders.metrics import Case
from personalize_local.engine.recommenders.popularity import PopularityModel
from personalize_local.model.schemas import Field, Schema
from personalize_local.serving.objective import Objective, ObjectiveError, reward_column, rewarded_class

ITEMS = Schema(
    "Items",
    (
        Field("ITEM_ID", "string", False, False, False),
        Field("PRICE", "float", False, False, False),
        Field("WEIGHT", "float", True, False, False),
        Field("KIND", "string", False, True, False),
    ),
)
RELEVANCE = PopularityModel(np.array([4.0, 3.0, 2.0, 1.0], np.float32))
PRICES = np.array([1.0, 2.0, 3.0, 20.0])
NOBODY = History.empty()


def _order(sensitivity: str, prices: Float64 = PRICES) -> list[int]:
    objective = Objective.of(prices, {"itemAttribute": "PRICE", "objectiveSensitivity": sensitivity})
    return [int(item) for item in ranking(objective.applied(RELEVANCE).score(NOBODY))]


def test_the_objective_moves_items_up() -> None:
    """The more the higher the sensitivity; off, and with items that all bring the same, the order is relevance's."""
    assert [0, 1, 2, 3] == _order("OFF") == _order("HIGH", np.full(4, 7.0))
    places = [_order(sensitivity).index(3) for sensitivity in ("OFF", "LOW", "MEDIUM", "HIGH")]
    assert sorted(places, reverse=True) == places
    assert places[0] > places[3]


def test_what_has_no_value_brings_nothing() -> None:
    """Nulls and losses count as zero."""
    objective = Objective.of(np.array([np.nan, -3.0, 2.0]), {"itemAttribute": "PRICE"})
    assert ([0.0, 0.0, 2.0], 0.0) == (objective.rewards.tolist(), objective.weight)


def _case(*relevant: int) -> Case:
    return Case(NOBODY, dict.fromkeys(relevant, 1.0))


def test_rewards_of_the_first_25_over_all() -> None:
    """Only what came then counts; who came to nothing of value is left out."""
    many = PopularityModel(np.arange(40, 0, -1).astype(np.float32))  # recommends 0 to 24
    rewards = np.zeros(40)
    rewards[[0, 24, 25]] = 3.0, 1.0, 4.0
    objective = Objective(rewards, 0.0)
    assert 0.5 == objective.metric(many, [_case(0, 24, 25)])
    assert 0.75 == objective.metric(many, [_case(0, 24, 25), _case(24), _case(7)])
    assert 0.0 == objective.metric(many, [_case(7)]) == objective.metric(many, [])


def test_a_class_of_models_has_the_objective() -> None:
    """What is fitted for the metrics scores as what is served."""
    events = Events(
        user=np.arange(6, dtype=np.int32) % 3,
        item=np.array([0, 0, 0, 1, 1, 2], np.int32),
        time=np.arange(6.0),
        weight=np.ones(6, np.float32),
        n_users=3,
        n_items=4,
    )
    objective = Objective.of(PRICES, {"itemAttribute": "PRICE", "objectiveSensitivity": "HIGH"})
    fitted = rewarded_class(PopularityModel, objective).fit(events, Catalogue(4))
    plain = PopularityModel.fit(events, Catalogue(4))
    assert objective.applied(plain).score(NOBODY).tolist() == fitted.score(NOBODY).tolist()
    assert plain.score(NOBODY).tolist() != fitted.score(NOBODY).tolist()


def test_a_model_with_an_objective_is_a_model(tmp_path: Path) -> None:
    """It is stored and read as one, and says what its class can do."""
    objective = Objective.of(PRICES, {"itemAttribute": "PRICE", "objectiveSensitivity": "HIGH"})
    model_class, model = rewarded_class(PopularityModel, objective), objective.applied(RELEVANCE)
    model.save(tmp_path)
    assert model.score(NOBODY).tolist() == model_class.load(tmp_path).score(NOBODY).tolist()
    assert PopularityModel.capabilities == model_class.capabilities == model.capabilities


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"objectiveSensitivity": "HIGH"}, "needs an itemAttribute"),
        ({"itemAttribute": "COLOUR"}, "no column of numbers"),
        ({"itemAttribute": "KIND"}, "no column of numbers"),
        ({"itemAttribute": "WEIGHT"}, "must not be null"),
    ],
)
def test_the_column_must_hold_numbers(given: dict[str, str], reason: str) -> None:
    """One of the Items dataset, without null; there must be such a dataset."""
    with pytest.raises(ObjectiveError, match=reason):
        reward_column(given, ITEMS)
    assert "PRICE" == reward_column({"itemAttribute": "price"}, ITEMS)
    with pytest.raises(ObjectiveError, match="no column of numbers"):
        reward_column({"itemAttribute": "PRICE"}, None)


def test_it_lies_in_the_versions_folder(tmp_path: Path) -> None:
    """A version without an objective has none."""
    assert Objective.load(tmp_path) is None
    Objective(PRICES, 0.5).save(tmp_path)
    loaded = Objective.load(tmp_path)
    assert loaded is not None
    assert (PRICES.tolist(), 0.5) == (loaded.rewards.tolist(), loaded.weight)
