"""Scores for users: computed once for what they are made of, and anew as soon as that changes."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import LiveEvent
from personalize_local.engine.base.data import Float32, History, Int32
from personalize_local.engine.base.models import Capabilities
from personalize_local.model.clock import ManualClock
from personalize_local.model.recipes import RECIPES, Recipe
from personalize_local.serving.context import Contexts
from personalize_local.serving.item_scores import ItemScores, RankedItems, RecentScores, first_of
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.snapshots import EventRule, Snapshot

RECIPE = RECIPES["aws-user-personalization-v2"]


class Counting:
    """A model that scores each item by how often the history holds it, and remembers what it was asked."""

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=True, real_time=True)

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        self.asked.append(history.item.tolist())
        return np.bincount(history.item, minlength=3).astype(np.float32)


class World:
    """A version that was trained on one event of the user `known`, and what comes live."""

    def __init__(self, recipe: Recipe = RECIPE) -> None:
        self.model = Counting()
        self.live: dict[str, list[LiveEvent]] = {}
        self.version = self.trained(recipe)
        self.scores = ItemScores(
            cast(
                DataFolder,
                SimpleNamespace(
                    clock=ManualClock(),
                    datasets=lambda group: {"INTERACTIONS": SimpleNamespace(id=1)},
                    events=SimpleNamespace(of_user=lambda dataset, user, **_: self.live.get(user, [])),
                ),
            )
        )

    def trained(self, recipe: Recipe) -> LoadedVersion:
        snapshot = Snapshot.of(
            cast(Any, self.model),
            items=("a", "b", "c"),
            users=["known"],
            offsets=np.array([0, 1], np.int64),
            item=np.array([2], np.int32),
            time=np.array([1.0]),
            weight=np.ones(1, np.float32),
            popularity=np.zeros(3, np.int64),
            last_event=0,
        )
        contexts = Contexts(("DEVICE",), ({"phone": 0},))
        return LoadedVersion("arn", "group", recipe, EventRule(None, None, None), snapshot, contexts)

    def click(self, user: str, *items: str) -> None:
        events = self.live.setdefault(user, [])
        events.extend(
            LiveEvent(len(events) + place, item, "View", 5.0 + place, None) for place, item in enumerate(items, 1)
        )

    def best(self, user: str | None, item: str | None = None, **context: str) -> int:
        return int(self.scores.ranked(self.version, user, item, context).order[0])


def test_the_same_history_is_scored_once() -> None:
    """The same user again, and strangers among themselves, cost no scoring; a new event does, for its user alone."""
    world = World()
    assert [2, 2, 0, 0] == [world.best(user) for user in ("known", "known", "stranger", "another")]
    assert [[2], []] == world.model.asked
    world.click("known", "b", "b")
    world.click("stranger", "c")
    assert [1, 1, 2, 0] == [world.best(user) for user in ("known", "known", "stranger", "another")]
    assert [[2], [], [2, 1, 1], [2]] == world.model.asked


def test_events_of_no_item_of_the_model_do_not_count() -> None:
    """An item that training has not seen leaves the scores as they are."""
    world = World()
    world.click("known", "new")
    assert 2 == world.best("known")


def test_a_new_training_is_asked_anew() -> None:
    """What was kept of a snapshot is not given for another one of the same version, nor for a changed copy."""
    world = World()
    world.best("known")
    world.version = world.trained(RECIPE)
    world.best("known")
    world.version = replace(world.version, snapshot=replace(world.version.snapshot))
    world.best("known")
    assert 3 == len(world.model.asked)


def test_each_known_context_has_scores() -> None:
    """A context that the version was trained on is scored apart; one that it does not know is none."""
    world = World()
    for context in ({}, {"DEVICE": "phone"}, {"device": "phone"}, {"DEVICE": "fridge"}):
        world.best("known", **context)
    assert 2 == len(world.model.asked)


@pytest.mark.parametrize("name", ["aws-similar-items", "aws-sims"])
def test_related_items_are_asked_for_by_item(name: str) -> None:
    """The history is the item, whoever asks."""
    world = World(RECIPES[name])
    assert [1, 1, 0] == [world.best(user, item) for user, item in (("known", "b"), (None, "b"), ("u", "a"))]
    assert [[1], [0]] == [list(one) for one in dict.fromkeys(map(tuple, world.model.asked))]


def test_raw_scores_are_those_of_the_model() -> None:
    """Of every item, in the order of the items."""
    world = World()
    world.click("known", "a", "a")
    assert [2.0, 0.0, 1.0] == world.scores.raw(world.version, "known", None, {}).tolist()
    world.scores.raw(world.version, "known", None, {})
    assert 1 == len(world.model.asked)


RAW = np.array([0.5, 3.0, -1.0, 3.0, 1.0], np.float32)


def test_listed_in_order() -> None:
    """The best come first, equal ones in the order of the items; a filter takes out, and changes no score."""
    ranked = RankedItems.of(RAW, None)
    shares = np.exp(RAW.astype(float)) / np.exp(RAW.astype(float)).sum()
    places, scores = ranked.listed(None, 3)
    assert [1, 3, 4] == places
    assert pytest.approx(shares[[1, 3, 4]]) == scores
    places, scores = ranked.listed(np.array([True, False, True, True, False]), 2)
    assert [3, 0] == places
    assert pytest.approx(shares[[3, 0]]) == scores


def test_a_recipe_may_score_a_part() -> None:
    """Of the best two the scores sum to one, and no other item is listed."""
    places, scores = RankedItems.of(RAW, 2).listed(None, 5)
    assert [1, 3] == places
    assert [0.5, 0.5] == scores


def test_scores_are_kept_for_the_latest() -> None:
    """The same key is computed once, until newer ones have taken its room."""
    made: list[str] = []

    def scores(name: str) -> RankedItems:
        made.append(name)
        return RankedItems.of(RAW, None)

    recent = RecentScores(most_bytes=2 * RankedItems.of(RAW, None).nbytes)
    for name in ("a", "b", "a", "c", "a", "b"):
        recent.get(name, lambda name=name: scores(name))  # type: ignore[misc]
    assert ["a", "b", "c", "b"] == made


def test_the_first_that_are_allowed() -> None:
    """Found in order however far back they are, and no more than there are."""
    order = np.random.default_rng(0).permutation(3_000)
    for share in (0.0, 0.001, 0.5, 1.0):
        allowed = np.random.default_rng(1).random(3_000) < share
        for wanted in (0, 1, 25, 3_000):
            assert order[allowed[order]][:wanted].tolist() == first_of(order, allowed, wanted).tolist()
