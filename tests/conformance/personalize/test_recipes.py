"""Each recipe as a client sees it: what it learns, whom it answers, what it reports, and how it differs from the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.model.clock import ManualClock
from personalize_local.model.recipes import RECIPES, SEGMENT_METRICS
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import ANIMALS, INTERACTIONS, START, World, interactions_csv, settled, share_of

HOUR = 3600
NOW = START + 1000 * 2 * HOUR
TRAINED = sorted(name for name, recipe in RECIPES.items() if recipe.model)
RELATED = ("aws-sims", "aws-similar-items")


class _Versions:
    """A version of each recipe, trained when it is first asked for."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.world, self.clock = world, clock
        # A dataset group has ten solutions at most, so those of single tests have a group of their own.
        self.other_group = world.seeded("others")
        self.group = world.seeded()
        self._versions: dict[str, str] = {}
        self._campaigns: dict[str, str] = {}

    def version(self, recipe: str) -> str:
        if recipe not in self._versions:
            trained = self.world.train(self.world.solution(self.group, recipe, recipe))
            assert "ACTIVE" == trained["status"], trained
            self._versions[recipe] = trained["solutionVersionArn"]
        return self._versions[recipe]

    def campaign(self, recipe: str) -> str:
        if recipe not in self._campaigns:
            self._campaigns[recipe] = self.world.campaign(self.version(recipe), recipe)
        return self._campaigns[recipe]

    def answer(self, recipe: str, **request: Any) -> list[dict[str, Any]]:
        answered = self.world.runtime.get_recommendations(campaignArn=self.campaign(recipe), **request)
        listed: list[dict[str, Any]] = answered["itemList"]
        return listed

    def names(self, recipe: str, **request: Any) -> list[str]:
        return [entry["itemId"] for entry in self.answer(recipe, **request)]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Versions]:
    clock = ManualClock(NOW)
    with LocalPersonalize(tmp_path_factory.mktemp("recipes"), clock=clock) as server:
        yield _Versions(World(server), clock)


@pytest.mark.parametrize("name", TRAINED)
def test_each_recipe_reports_its_metrics(name: str, versions: _Versions) -> None:
    """GetSolutionMetrics has the documented keys of the recipe's type, and of none other."""
    metrics = versions.world.control.get_solution_metrics(solutionVersionArn=versions.version(name))["metrics"]
    assert set(RECIPES[name].metrics) == metrics.keys()


@pytest.mark.parametrize("name", RELATED)
def test_related_items_are_of_the_same_kind(name: str, versions: _Versions) -> None:
    """Asked about a cat: cats, without the cat itself, without scores, and without a user."""
    listed = versions.answer(name, itemId="cat3", numResults=10)
    assert 1.0 == share_of("cat", [entry["itemId"] for entry in listed])
    assert all({"itemId"} == entry.keys() for entry in listed)
    everything = versions.names(name, itemId="cat3", numResults=500)
    assert 2 * ANIMALS - 1 == len(set(everything))
    assert "cat3" not in everything


@pytest.mark.parametrize("name", RELATED)
def test_an_unknown_item_gets_popular_items(name: str, versions: _Versions) -> None:
    """What training has not seen is no error: the list is that of any other unknown item, of both kinds."""
    listed = versions.names(name, itemId="unheard-of", numResults=20)
    assert listed == versions.names(name, itemId="another", numResults=20)
    assert 0.0 < share_of("cat", listed) < 1.0
    if name == "aws-sims":
        assert versions.names("aws-popularity-count", numResults=20) == listed


@pytest.mark.parametrize("name", RELATED)
def test_related_items_need_an_item(name: str, versions: _Versions) -> None:
    """A user is not what these recipes are asked about."""
    with pytest.raises(versions.world.runtime.exceptions.InvalidInputException, match="itemId is required"):
        versions.answer(name, userId="u1")


@pytest.mark.parametrize("name", RELATED)
def test_related_items_do_not_follow_clicks(name: str, versions: _Versions) -> None:
    """New events count after the next training."""
    before = versions.names(name, itemId="dog5", userId="u5")
    versions.world.send("u5", "dog1", "dog2", "dog1")
    assert before == versions.names(name, itemId="dog5", userId="u5")


def test_related_items_are_filtered(versions: _Versions) -> None:
    """A filter on the Items dataset leaves neighbours of the other kind."""
    only_dogs = versions.world.filter(versions.group, "only-dogs", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")')
    listed = versions.names("aws-similar-items", itemId="cat3", numResults=10, filterArn=only_dogs)
    assert 10 == len(listed)
    assert 0.0 == share_of("cat", listed)


def test_trends_follow_the_clock(tmp_path: Path) -> None:
    """Popular items without news; what was put grows at the interval's end, not before; two intervals later it is over."""
    clock = ManualClock(NOW + 60)
    with LocalPersonalize(tmp_path, clock=clock) as server:
        versions = _Versions(World(server), clock)
        popular = versions.names("aws-popularity-count", numResults=500)
        quiet = versions.answer("aws-trending-now", numResults=500)
        assert popular == [entry["itemId"] for entry in quiet]
        assert all({"itemId"} == entry.keys() for entry in quiet)
        rising = popular[-1]
        for visitor in range(3):
            versions.world.events.put_events(
                trackingId=versions.world.tracking_id,
                sessionId=f"s{visitor}",
                userId=f"u{visitor}",
                eventList=[{"eventType": "DetailView", "itemId": rising, "sentAt": NOW + 120 + visitor}],
            )
        assert popular == versions.names("aws-trending-now", numResults=500)
        clock.advance(2 * HOUR)
        assert [rising, *popular[:-1]] == versions.names("aws-trending-now", numResults=500)
        clock.advance(4 * HOUR)
        assert popular == versions.names("aws-trending-now", numResults=500)


def test_trends_hold_new_items(tmp_path: Path) -> None:
    """What no training has seen joins at the interval's end, with what the Items dataset says of it by then."""
    clock = ManualClock(NOW + 60)
    with LocalPersonalize(tmp_path, clock=clock) as server:
        versions = _Versions(World(server), clock)
        before = versions.names("aws-trending-now", numResults=500)
        birds = versions.world.filter(versions.group, "birds", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("3")')
        assert [] == versions.names("aws-trending-now", filterArn=birds)
        versions.world.events.put_items(
            datasetArn=versions.world.arn("dataset/pets/ITEMS"),
            items=[{"itemId": "parrot", "properties": '{"animalType": "3", "creationTimestamp": 1}'}],
        )
        versions.world.events.put_events(
            trackingId=versions.world.tracking_id,
            sessionId="s",
            eventList=[{"eventType": "DetailView", "itemId": "parrot", "sentAt": NOW + 120}],
        )
        assert before == versions.names("aws-trending-now", numResults=500)
        clock.advance(2 * HOUR)
        assert ["parrot", *before] == versions.names("aws-trending-now", numResults=500)
        assert ["parrot"] == versions.names("aws-trending-now", filterArn=birds)


@pytest.mark.parametrize("name", ["aws-item-affinity", "aws-item-attribute-affinity"])
def test_user_segmentation_has_no_campaigns(name: str, versions: _Versions) -> None:
    """Its versions are for batch segment jobs; their metrics are those of segments."""
    assert SEGMENT_METRICS == RECIPES[name].metrics
    with pytest.raises(versions.world.control.exceptions.InvalidInputException, match="batch segment jobs"):
        versions.world.campaign(versions.version(name), name)


def test_attributes_are_needed_for_attribute_queries(world: World) -> None:
    """Without a categorical column of items the training fails and says what is missing."""
    group = world.group()
    world.load(world.dataset(group, "Interactions", INTERACTIONS), interactions_csv(), "interactions")
    version = world.train(world.solution(group, "aws-item-attribute-affinity"))
    assert "CREATE FAILED" == version["status"]
    assert "needs an Items dataset with a categorical column" in version["failureReason"]


def test_versions_one_and_two_are_not_the_same(versions: _Versions) -> None:
    """The same data and visitor: other scores, and metadata without asking the campaign in version 2 alone."""
    one, two = "aws-user-personalization", "aws-user-personalization-v2"
    scores = [{entry["itemId"]: entry["score"] for entry in versions.answer(name, userId="u7")} for name in (one, two)]
    assert scores[0] != scores[1]
    assert [1.0, 1.0] == [share_of("cat", list(listed)) for listed in scores]
    columns = {"ITEMS": ["ANIMAL_TYPE"]}
    assert all("metadata" in entry for entry in versions.answer(two, userId="u7", metadataColumns=columns))
    refused = versions.world.runtime.exceptions.InvalidInputException
    with pytest.raises(refused, match="enableMetadataWithRecommendations"):
        versions.answer(one, userId="u7", metadataColumns=columns)


def test_the_settings_of_version_one_shape_the_model(versions: _Versions) -> None:
    """With a short look back, early events of a visitor no longer count: the version's answers differ."""
    solution = versions.world.solution(
        versions.other_group,
        "aws-user-personalization",
        "short",
        solutionConfig={"algorithmHyperParameters": {"bptt": "2", "hidden_dimension": "32", "recency_mask": "false"}},
    )
    version = versions.world.train(solution)["solutionVersionArn"]
    campaign = versions.world.campaign(version, "short")
    answered = versions.world.runtime.get_recommendations(campaignArn=campaign, userId="u7")["itemList"]
    assert versions.answer("aws-user-personalization", userId="u7") != answered


def test_event_weights_are_measured(versions: _Versions) -> None:
    """With eventsConfig the metrics have the gain with event weights too."""
    weights = [{"eventType": "DetailView", "weight": 0.2}, {"eventType": "Favorite", "weight": 1.0}]
    config = {"eventsConfig": {"eventParametersList": weights}}
    solution = versions.world.solution(
        versions.other_group, "aws-personalized-ranking-v2", "weighted", solutionConfig=config
    )
    version = versions.world.train(solution)["solutionVersionArn"]
    metrics = versions.world.control.get_solution_metrics(solutionVersionArn=version)["metrics"]
    key = "normalized_discounted_cumulative_gain_with_event_weights_at_"
    assert {f"{key}{k}" for k in (5, 10, 25)} == metrics.keys() - set(RECIPES["aws-personalized-ranking-v2"].metrics)


def test_tuning_is_accepted_within_the_recipes_bounds(versions: _Versions) -> None:
    """HPO is recorded; a range of what cannot be tuned is refused."""
    ranges = {
        "integerHyperParameterRanges": [{"name": "min_cointeraction_count", "minValue": 1, "maxValue": 5}],
        "continuousHyperParameterRanges": [],
        "categoricalHyperParameterRanges": [],
    }
    config = {"hpoConfig": {"algorithmHyperParameterRanges": ranges}}
    tuned = versions.world.solution(versions.other_group, "aws-sims", "tuned", performHPO=True, solutionConfig=config)
    shown = settled(lambda: versions.world.control.describe_solution(solutionArn=tuned)["solution"])
    assert (True, config) == (shown["performHPO"], shown["solutionConfig"])
    with pytest.raises(versions.world.control.exceptions.InvalidInputException, match="can tune nothing"):
        versions.world.solution(
            versions.other_group, "aws-trending-now", "untunable", performHPO=True, solutionConfig=config
        )
