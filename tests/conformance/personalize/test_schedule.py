"""What happens by itself, on a clock that the test moves: training, following campaigns, automatic updates, delays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.model.clock import ManualClock
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import (
    INTERACTIONS,
    RECIPE,
    START,
    World,
    interactions_csv,
    settled,
    until,
)

HOUR, DAY = 3600.0, 86_400.0
NEW = [f"new{number}" for number in range(40)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + 10_000.0)


@pytest.fixture
def timed(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    with LocalPersonalize(tmp_path, clock=clock, record_delay=1200.0) as server:
        yield World(server)


def _automatic(world: World, group: str, **more: Any) -> str:
    arn = world.control.create_solution(
        name="automatic", datasetGroupArn=group, recipeArn=RECIPE + "aws-popularity-count", **more
    )["solutionArn"]
    settled(lambda: world.control.describe_solution(solutionArn=arn)["solution"])
    return str(arn)


def _versions(world: World, solution: str) -> list[Any]:
    return list(world.control.list_solution_versions(solutionArn=solution)["solutionVersions"])


def _trained(world: World, solution: str, number: int) -> list[Any]:
    return list(
        until(
            lambda: _versions(world, solution),
            lambda shown: len(shown) == number and shown[-1]["status"] in ("ACTIVE", "CREATE FAILED"),
        )
    )


def _still(world: World, clock: ManualClock, solution: str, number: int, seconds: float) -> None:
    """Nothing is trained for so long; a last look by the schedule is certain, because another solution's comes after."""
    clock.advance(seconds)
    probe = f"probe{number}-{int(seconds)}"
    group = world.control.describe_solution(solutionArn=solution)["solution"]["datasetGroupArn"]
    arn = world.control.create_solution(name=probe, datasetGroupArn=group, recipeArn=RECIPE + "aws-popularity-count")[
        "solutionArn"
    ]
    settled(lambda: world.control.describe_solution(solutionArn=arn)["solution"])
    clock.advance(HOUR)
    until(lambda: _versions(world, arn), lambda shown: bool(shown) and shown[0]["status"] == "ACTIVE")
    world.control.delete_solution(solutionArn=arn)
    assert number == len(_versions(world, solution))


def test_solutions_train_themselves_when_there_is_new_data(timed: World, clock: ManualClock) -> None:
    """An hour after the solution was made, then at its rate, and only on interactions that came since."""
    group = timed.seeded()
    solution = _automatic(timed, group, solutionConfig={"autoTrainingConfig": {"schedulingExpression": "rate(2 days)"}})
    assert [] == _versions(timed, solution)
    clock.advance(HOUR)
    (first,) = _trained(timed, solution, 1)
    assert ("ACTIVE", "AUTOMATIC", "FULL") == (first["status"], first["trainingType"], first["trainingMode"])
    _still(timed, clock, solution, 1, 3 * DAY)
    timed.send("u1", "cat1")
    clock.advance(60)
    assert "AUTOMATIC" == _trained(timed, solution, 2)[-1]["trainingType"]
    timed.send("u1", "cat2")
    _still(timed, clock, solution, 2, DAY)
    clock.advance(DAY)
    _trained(timed, solution, 3)
    timed.control.update_solution(solutionArn=solution, performAutoTraining=False)
    until(
        lambda: timed.control.describe_solution(solutionArn=solution)["solution"],
        lambda shown: shown["latestSolutionUpdate"]["status"] == "ACTIVE",
    )
    timed.send("u1", "cat3")
    _still(timed, clock, solution, 3, 30 * DAY)


def test_a_version_made_by_hand_takes_the_place_of_the_first_training(timed: World, clock: ManualClock) -> None:
    """Within the first hour a manual version starts the rate; without data nothing is tried."""
    group = timed.seeded()
    solution = _automatic(timed, group)
    version = timed.train(solution)
    assert "MANUAL" == version["trainingType"]
    timed.send("u1", "cat1")
    _still(timed, clock, solution, 1, 6 * DAY)
    clock.advance(DAY)
    assert "AUTOMATIC" == _trained(timed, solution, 2)[-1]["trainingType"]


def test_campaigns_follow_the_latest_version(timed: World) -> None:
    """With syncWithLatestSolutionVersion a new version serves by itself; without it the campaign stays."""
    group = timed.seeded()
    solution = timed.solution(group, "aws-popularity-count")
    timed.train(solution)
    latest = f"{solution}/$LATEST"
    following = timed.campaign(latest, "following", campaignConfig={"syncWithLatestSolutionVersion": True})
    staying = timed.campaign(latest, "staying")
    rows = [f"w{visitor},dog{animal},{START + visitor},DetailView" for visitor in range(200) for animal in range(5, 10)]
    world_data = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *rows])
    timed.load(timed.arn("dataset/pets/INTERACTIONS"), world_data, "more", importMode="INCREMENTAL")
    before = timed.recommended(staying, "u1", 5)
    timed.train(solution)
    update = until(
        lambda: timed.control.describe_campaign(campaignArn=following)["campaign"],
        lambda shown: shown.get("latestCampaignUpdate", {}).get("status") == "ACTIVE",
    )
    assert latest == update["solutionVersionArn"]
    assert {f"dog{animal}" for animal in range(5, 10)} == set(timed.recommended(following, "u1", 5))
    assert before == timed.recommended(staying, "u1", 5)
    assert "latestCampaignUpdate" not in timed.control.describe_campaign(campaignArn=staying)["campaign"]


def _put_new(world: World, clock: ManualClock, *, age: float = 0.0) -> None:
    properties = json.dumps({"animalType": "9", "itemValue": 1.0, "creationTimestamp": int(clock.now() - age)})
    dataset = world.arn("dataset/pets/ITEMS")
    for first in range(0, len(NEW), 10):
        items = [{"itemId": name, "properties": properties} for name in NEW[first : first + 10]]
        world.events.put_items(datasetArn=dataset, items=items)


def _new_among(world: World, campaign: str, **more: Any) -> int:
    return sum(name in NEW for name in world.recommended(campaign, "u1", 25, **more))


def _updated(world: World, clock: ManualClock, campaign: str) -> None:
    clock.advance(2 * HOUR + 60)
    until(lambda: _new_among(world, campaign), bool)


def test_automatic_updates_explore_new_items(timed: World, clock: ManualClock) -> None:
    """Two hours later new items come in, by the campaign's weight, within the filter and the age; never before."""
    group = timed.seeded()
    version = timed.train(timed.solution(group, "aws-user-personalization"))["solutionVersionArn"]

    def campaign(name: str, weight: str, cut_off: str = "30") -> str:
        config = {"explorationWeight": weight, "explorationItemAgeCutOff": cut_off}
        return timed.campaign(version, name, campaignConfig={"itemExplorationConfig": config})

    half, none, every = campaign("half", "0.5"), campaign("none", "0"), campaign("all", "1")
    _put_new(timed, clock)
    clock.advance(HOUR)
    assert 0 == sum(_new_among(timed, half) for _ in range(10))
    _updated(timed, clock, half)
    shares = [_new_among(timed, half) for _ in range(60)]
    assert 10.0 < sum(shares) / len(shares) < 15.0
    assert 0 == sum(_new_among(timed, none) for _ in range(10))
    assert 25 == _new_among(timed, every)
    assert {"itemId", "score"} == {
        key for entry in timed.runtime.get_recommendations(campaignArn=every, userId="u1")["itemList"] for key in entry
    }
    cats = timed.filter(group, "cats", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")')
    new = timed.filter(group, "new", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1", "9")')
    assert 0 == _new_among(timed, every, filterArn=cats)
    assert 25 == _new_among(timed, every, filterArn=new)
    clock.advance(31 * DAY)
    assert 0 == _new_among(timed, every)


def test_the_second_version_explores_a_little(timed: World, clock: ManualClock) -> None:
    """Few places go to new items, and these say why they are there."""
    group = timed.seeded()
    version = timed.train(timed.solution(group, "aws-user-personalization-v2"))["solutionVersionArn"]
    campaign = timed.campaign(version)
    _put_new(timed, clock)
    clock.advance(2 * HOUR + 60)
    model = timed.server.s3_root.parent / "data" / "models"
    until(lambda: list(model.glob("*/explored.json")), bool)

    def explored() -> list[Any]:
        listed = timed.runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=60)["itemList"]
        return [entry for entry in listed if entry["itemId"] in NEW]

    found = until(explored, bool)
    assert ["Exploration"] == found[0]["reason"]
    assert "score" not in found[0]
    assert 60 > sum(len(explored()) for _ in range(60))


def test_put_records_reach_filters_with_their_delay(timed: World, clock: ManualClock) -> None:
    """Twenty minutes after PutItems a filter sees the new value, not before; the next training sees it at once."""
    group = timed.seeded()
    campaign = timed.campaign(timed.train(timed.solution(group, "aws-popularity-count"))["solutionVersionArn"])
    moved = timed.filter(group, "moved", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("9")')
    properties = json.dumps({"animalType": "9", "creationTimestamp": START})
    timed.events.put_items(
        datasetArn=timed.arn("dataset/pets/ITEMS"), items=[{"itemId": "cat1", "properties": properties}]
    )
    assert [] == timed.recommended(campaign, "u1", filterArn=moved)
    clock.advance(1199)
    assert [] == timed.recommended(campaign, "u1", filterArn=moved)
    clock.advance(1)
    until(lambda: timed.recommended(campaign, "u1", filterArn=moved), lambda items: items == ["cat1"])


def test_put_records_are_not_late(tmp_path: Path) -> None:
    """On the computer's clock too a record is seen when its delay is over, not at the next look of the schedule."""
    with LocalPersonalize(tmp_path, record_delay=0.3) as server:
        world = World(server)
        group = world.seeded()
        campaign = world.campaign(world.train(world.solution(group, "aws-popularity-count"))["solutionVersionArn"])
        moved = world.filter(group, "moved", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("9")')
        properties = json.dumps({"animalType": "9", "creationTimestamp": START})
        world.events.put_items(
            datasetArn=world.arn("dataset/pets/ITEMS"), items=[{"itemId": "cat1", "properties": properties}]
        )
        # A look comes once a minute.
        until(lambda: world.recommended(campaign, "u1", filterArn=moved), lambda items: items == ["cat1"], seconds=40)


def test_updates_of_a_model_need_one_that_was_trained_in_full(timed: World) -> None:
    """trainingMode UPDATE is for the recipes that have it, after a FULL version, and shows itself."""
    group = timed.seeded()
    solution = timed.solution(group, "aws-user-personalization")
    control = timed.control
    with pytest.raises(control.exceptions.InvalidInputException, match="trained FULL"):
        control.create_solution_version(solutionArn=solution, trainingMode="UPDATE")
    full = timed.train(solution)
    updated = timed.train(solution, trainingMode="UPDATE")
    assert ("ACTIVE", "UPDATE", "MANUAL") == (updated["status"], updated["trainingMode"], updated["trainingType"])
    assert _metrics(timed, full) == _metrics(timed, updated)
    for number, recipe in enumerate(("aws-user-personalization-v2", "aws-personalized-ranking")):
        other = timed.solution(group, recipe, f"other{number}")
        for mode in ("UPDATE", "AUTOTRAIN"):
            with pytest.raises(control.exceptions.InvalidInputException, match=mode):
                control.create_solution_version(solutionArn=other, trainingMode=mode)


def _metrics(world: World, version: Any) -> Any:
    return world.control.get_solution_metrics(solutionVersionArn=version["solutionVersionArn"])["metrics"]


ALL_NEW = {"explorationWeight": "1", "explorationItemAgeCutOff": "30"}


def test_an_update_brings_new_items_in_at_once(timed: World, clock: ManualClock) -> None:
    """No training and no two hours: the version serves the full one's model with the new items, and has no later updates."""
    group = timed.seeded()
    solution = timed.solution(group, "aws-user-personalization")
    full = timed.train(solution)
    _put_new(timed, clock)
    updated = timed.train(solution, trainingMode="UPDATE")
    exploring = {"itemExplorationConfig": ALL_NEW}
    campaign = timed.campaign(updated["solutionVersionArn"], "updated", campaignConfig=exploring)
    assert 25 == _new_among(timed, campaign)
    old = timed.campaign(full["solutionVersionArn"], "full", campaignConfig=exploring)
    assert 0 == _new_among(timed, old)
    plain = {"itemExplorationConfig": {"explorationWeight": "0"}}
    timed.send("kitten", "cat1", "cat2", "cat3")
    names = [
        timed.recommended(timed.campaign(version["solutionVersionArn"], name, campaignConfig=plain), "kitten")
        for name, version in (("plain-full", full), ("plain-update", updated))
    ]
    assert names[0] == names[1]


def _shown(world: World, campaign: str) -> tuple[str, list[str]]:
    answer = world.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    return answer["recommendationId"], [entry["itemId"] for entry in answer["itemList"]]


def test_impressions_guide_exploration(timed: World, clock: ManualClock) -> None:
    """New items that were shown and never taken, as an event says or as the server remembers, lose to the others."""
    group = timed.seeded()
    version = timed.train(timed.solution(group, "aws-user-personalization"))["solutionVersionArn"]
    campaign = timed.campaign(version, campaignConfig={"itemExplorationConfig": ALL_NEW})
    _put_new(timed, clock)
    _updated(timed, clock, campaign)
    identity, implicit = _shown(timed, campaign)
    explicit = [name for name in NEW if name not in implicit]
    assert (25, 15) == (len(implicit), len(explicit))
    for how in ({"recommendationId": identity}, {"recommendationId": identity, "impression": explicit[:10]}):
        for first in range(0, 100, 10):
            timed.events.put_events(
                trackingId=timed.tracking_id,
                sessionId="s",
                userId="u1",
                eventList=[
                    {"eventType": "DetailView", "itemId": "cat1", "sentAt": clock.now() + first + place, **how}
                    for place in range(10)
                ],
            )
    _explored_again(timed, clock, version)
    fresh = set(explicit[10:])

    def leading() -> float:
        listed = [name for _ in range(20) for name in _shown(timed, campaign)[1][:5]]
        return sum(name in fresh for name in listed) / len(listed)

    until(leading, lambda share: share > 0.9)  # the file is there a moment before the campaign serves it


def _explored_again(world: World, clock: ManualClock, version: str) -> None:
    (file,) = (world.server.s3_root.parent / "data" / "models").glob("*/explored.json")
    before = json.loads(file.read_text())["at"]
    clock.advance(2 * HOUR + 60)
    until(lambda: json.loads(file.read_text()), lambda shown: shown["at"] > before and any(shown["shown"]))


def test_automatic_training_waits_for_data(timed: World, clock: ManualClock) -> None:
    """A group without interactions is not tried, with a dataset for them or without; once there is data the version comes."""
    group = timed.group("empty")
    solution = _automatic(timed, group)
    clock.advance(2 * HOUR)
    interactions = timed.dataset(group, "Interactions", INTERACTIONS)
    assert [] == _versions(timed, solution)
    timed.load(interactions, interactions_csv(), "late")
    clock.advance(60)
    assert "ACTIVE" in [one["status"] for one in until(lambda: _versions(timed, solution), _any_active)]


def _any_active(versions: list[Any]) -> bool:
    return any(version["status"] == "ACTIVE" for version in versions)
