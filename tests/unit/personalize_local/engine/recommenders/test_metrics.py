"""The metrics and the hold-out, against the developer guide's definitions and worked example."""

import math

import numpy as np
import pytest

from personalize_local.engine.base.data import Catalogue, Events
from personalize_local.engine.recommenders.metrics import (
    hold_out,
    ranking_metrics,
    solution_metrics,
    trend_accuracy,
    weighted_gains,
)
from personalize_local.engine.recommenders.registry import MODELS
from personalize_local.engine.recommenders.trending import TrendingModel
from tests.unit.personalize_local.engine.worlds import events_of, lovers

KEYS = {
    "coverage",
    "mean_reciprocal_rank_at_25",
    *(f"{name}_at_{k}" for name in ("normalized_discounted_cumulative_gain", "precision") for k in (5, 10, 25)),
}


def test_the_worked_example_of_the_guide() -> None:
    """Two relevant items recommended second and fifth: reciprocal rank 0.5, NDCG at 5 0.6241, precision at 5 0.4."""
    metrics = ranking_metrics([([10, 11, 12, 13, 14], {11, 14})], n_items=100)
    assert {
        "coverage": 0.05,
        "mean_reciprocal_rank_at_25": 0.5,
        "normalized_discounted_cumulative_gain_at_5": 0.6241,
        "normalized_discounted_cumulative_gain_at_10": 0.6241,
        "normalized_discounted_cumulative_gain_at_25": 0.6241,
        "precision_at_5": 0.4,
        "precision_at_10": 0.2,
        "precision_at_25": 0.08,
    } == metrics


def test_a_perfect_list_has_all_the_gain() -> None:
    """What is relevant, first: NDCG 1 at every K, even where more is relevant than fits."""
    metrics = ranking_metrics([(list(range(25)), set(range(7)))], n_items=25)
    assert [1.0, 1.0, 1.0] == [metrics[f"normalized_discounted_cumulative_gain_at_{k}"] for k in (5, 10, 25)]
    assert [1.0, 0.7, 0.28] == [metrics[f"precision_at_{k}"] for k in (5, 10, 25)]


def test_users_count_alike_and_a_miss_is_zero() -> None:
    """Metrics are means over the users, misses included; coverage joins the lists."""
    metrics = ranking_metrics([([0, 1], {0}), ([1, 2], {9})], n_items=4)
    assert (0.75, 0.5, 0.5) == (
        metrics["coverage"],
        metrics["mean_reciprocal_rank_at_25"],
        metrics["normalized_discounted_cumulative_gain_at_5"],
    )


def test_only_the_first_25_count() -> None:
    """A hit at position 26 is none, and what stands there is not covered."""
    metrics = ranking_metrics([(list(range(30)), {25})], n_items=100)
    assert (0.0, 0.25) == (metrics["mean_reciprocal_rank_at_25"], metrics["coverage"])


def test_the_discount_is_that_of_the_position() -> None:
    """One relevant item at position 4 gains log 2 / log 5."""
    metrics = ranking_metrics([([5, 6, 7, 8], {8})], n_items=9)
    assert round(math.log(2) / math.log(5), 4) == metrics["normalized_discounted_cumulative_gain_at_5"]


def test_a_tenth_of_the_users_is_tested_on_their_newest_tenth() -> None:
    """Test users train nothing; of 20 events the oldest 18 are the input and the newest 2 the target."""
    n_users, length = 50, 20
    events = events_of(
        np.repeat(np.arange(n_users), length), np.tile(np.arange(length), n_users), n_users=n_users, n_items=length
    )
    training, cases = hold_out(events, seed=1)
    assert (45, 5) == (len(set(training.user.tolist())), len(cases))
    assert 45 * length == len(training)
    assert [(list(range(18)), frozenset({18, 19}))] * 5 == [
        (case.history.item.tolist(), case.relevant) for case in cases
    ]


def test_the_newest_events_are_the_target_in_whatever_order_they_come() -> None:
    """The split goes by time, not by row."""
    events = events_of([0] * 4 + [1] * 4, [0, 1, 2, 3, 0, 1, 2, 3], n_users=2, n_items=4)
    _, cases = hold_out(events.of(np.arange(8)[::-1]), seed=0)
    assert [([0, 1, 2], frozenset({3}))] == [(case.history.item.tolist(), case.relevant) for case in cases]


def test_users_with_one_event_are_not_tested() -> None:
    """A user needs an input and a target; everybody else trains."""
    events = events_of([0, 1, 2, 3, 3], [0, 1, 2, 3, 0], n_users=4, n_items=4)
    training, cases = hold_out(events, seed=0)
    assert (5, []) == (len(training), cases)


def test_another_seed_tests_other_users() -> None:
    """The hold-out is random, and the same for the same seed."""
    events = lovers().events
    cases = {seed: [case.history.time[0] for case in hold_out(events, seed=seed)[1]] for seed in (1, 2)}
    assert cases[1] == [case.history.time[0] for case in hold_out(events, seed=1)[1]]
    assert cases[1] != cases[2]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_has_the_documented_metrics(name: str) -> None:
    """Exactly the documented keys, values in 0..1 with four digits."""
    world = lovers()
    metrics = solution_metrics(MODELS[name], world.events, world.catalogue, seed=2)
    trends = {"trending_prediction_accuracy"} if MODELS[name].capabilities.trends else set()
    assert set(metrics) == KEYS | trends
    assert all(0 <= value <= 1 and round(value, 4) == value for value in metrics.values())


def test_the_sequence_model_beats_popularity_where_there_is_taste() -> None:
    """Cat and dog people: who they are is worth half as much again."""
    world = lovers(n_users=600)
    gain = {
        name: solution_metrics(model, world.events, world.catalogue)["normalized_discounted_cumulative_gain_at_10"]
        for name, model in MODELS.items()
    }
    assert gain["sequence"] > 1.5 * gain["popularity"]


def test_without_taste_no_model_sees_any() -> None:
    """Everybody clicks at random: the hold-out betrays nothing, so nobody does better than chance."""
    rng = np.random.default_rng(5)
    n_users, length, n_items = 400, 10, 100
    events = events_of(
        np.repeat(np.arange(n_users), length),
        rng.integers(0, n_items, n_users * length),
        n_users=n_users,
        n_items=n_items,
    )
    chance = sum(1 / math.log2(1 + position) for position in range(1, 11)) / n_items
    for model in MODELS.values():
        found = solution_metrics(model, events, Catalogue(n_items))["normalized_discounted_cumulative_gain_at_10"]
        assert found < 3 * chance


def test_without_users_to_test_all_metrics_are_zero() -> None:
    """No events, no test: zeros, not an error."""
    nothing = Events(
        np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float64), np.empty(0, np.float32), 0, 3
    )
    metrics = solution_metrics(MODELS["sequence"], nothing, Catalogue(3))
    assert dict.fromkeys(KEYS, 0.0) == metrics


def test_event_weights_shape_the_gain() -> None:
    """An item of three times the weight first, then the other: all the gain; the other way round: less."""
    relevance = {1: 0.3, 2: 0.1}
    best, swapped, half = (weighted_gains([(order, relevance)]) for order in ([1, 2], [2, 1], [2, 9]))
    key = "normalized_discounted_cumulative_gain_with_event_weights_at_5"
    ideal = 1.5 / math.log(2) + 0.5 / math.log(3)
    assert 1.0 == best[key]
    assert round((0.5 / math.log(2) + 1.5 / math.log(3)) / ideal, 4) == swapped[key]
    assert round(0.5 / math.log(2) / ideal, 4) == half[key]
    assert {f"{key[:-1]}{k}" for k in (5, 10, 25)} == best.keys()


def test_event_weights_are_reported_when_asked_for() -> None:
    """The keys with event weights are there for solutions with eventsConfig alone."""
    world = lovers()
    asked = solution_metrics(MODELS["popularity"], world.events, world.catalogue, event_weights=True)
    assert {f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}" for k in (5, 10, 25)} == set(
        asked
    ) - KEYS


def test_trend_accuracy_is_the_share_of_the_growth_predicted() -> None:
    """A growth that began an interval earlier is predicted, a sudden one is not."""
    hour = 3600.0

    def events(*counts: tuple[int, float, int]) -> Events:
        item = np.repeat([one[0] for one in counts], [one[2] for one in counts]).astype(np.int32)
        time = np.repeat([one[1] * hour for one in counts], [one[2] for one in counts])
        n = len(item)
        return Events(np.arange(n, dtype=np.int32), item, time, np.ones(n, np.float32), n, 60)

    rising = events((1, 0.2, 1), (1, 1.2, 10), (1, 2.2, 30), *[(item, 1.2, 2) for item in range(10, 50)])
    sudden = events((59, 2.2, 30), *[(item, 1.2, 2) for item in range(10, 50)])
    accuracies = [
        trend_accuracy(TrendingModel, world, Catalogue(60), 0, {"interval": hour}) for world in (rising, sudden)
    ]
    assert [1.0, 0.0] == accuracies
    assert 0.0 == trend_accuracy(TrendingModel, events(), Catalogue(60), 0, {})
