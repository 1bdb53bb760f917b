"""What campaigns answer: known visitors, strangers, clicks that count at once, filters, rankings, scores."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.personalize.conftest import Trained
from tests.personalize_world import ANIMALS, USERS, World, share_of


def _answer(trained: Trained, visitor: str, **more: Any) -> Any:
    return trained.world.runtime.get_recommendations(campaignArn=trained.recommendation, userId=visitor, **more)


def test_visitors_get_their_own_kind(trained: Trained) -> None:
    """Cat people get cats and dog people dogs."""
    assert [1.0, 0.0] == [
        share_of("cat", trained.world.recommended(trained.recommendation, visitor)) for visitor in ("u3", "u4")
    ]


def test_scores_sum_to_one_and_fall(trained: Trained) -> None:
    """Over the whole catalogue the scores are a softmax: they fall along the list and sum to one."""
    answer = _answer(trained, "u1", numResults=500)
    scores = [entry["score"] for entry in answer["itemList"]]
    assert len(scores) == 2 * ANIMALS
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0, abs=1e-5)
    assert re.fullmatch(r"RID-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["recommendationId"])
    assert len(_answer(trained, "u1")["itemList"]) == 25


def test_strangers_get_what_is_popular(trained: Trained) -> None:
    """Two unknown visitors get the same list, of both kinds; it is no error to be unknown."""
    first = trained.world.recommended(trained.recommendation, "nobody")
    assert first == trained.world.recommended(trained.recommendation, "nobody-else")
    assert 0.0 < share_of("cat", first) < 1.0


@pytest.mark.parametrize("anonymous", [False, True])
def test_clicks_count_at_once(trained: Trained, anonymous: bool) -> None:
    """Five clicks on cats turn a stranger's list to cats, asked for by user id or by the session's id."""
    visitor = f"stranger-{anonymous}"
    before = share_of("cat", trained.world.recommended(trained.recommendation, visitor, 20))
    clicks = [f"cat{number}" for number in range(5)]
    trained.world.send(None if anonymous else visitor, *clicks, session=visitor if anonymous else "a session")
    after = share_of("cat", trained.world.recommended(trained.recommendation, visitor, 20))
    assert before < 0.8 < after


def test_other_visitors_are_not_touched(trained: Trained) -> None:
    """A visitor's clicks change nobody else's answer, and not that of a recipe without real-time personalization."""
    others = trained.world.recommended(trained.recommendation, "u5")
    popular = trained.world.recommended(trained.popularity, "clicker")
    trained.world.send("clicker", "dog1", "dog2", "dog3")
    assert others == trained.world.recommended(trained.recommendation, "u5")
    assert popular == trained.world.recommended(trained.popularity, "clicker")


def test_event_ids_count_once(trained: Trained) -> None:
    """An event that is put again with its eventId changes nothing."""
    event = {"eventType": "DetailView", "itemId": "cat3", "sentAt": 1_800_000_000, "eventId": "the-same"}
    put = {"trackingId": trained.world.tracking_id, "sessionId": "s", "userId": "repeater", "eventList": [event]}
    trained.world.events.put_events(**put)
    once = _answer(trained, "repeater")["itemList"]
    for _ in range(3):
        trained.world.events.put_events(**put)
    assert once == _answer(trained, "repeater")["itemList"]


def test_events_on_unknown_items_are_accepted(trained: Trained) -> None:
    """An item that training has not seen is stored and left out of the answer."""
    before = trained.world.recommended(trained.recommendation, "explorer")
    trained.world.send("explorer", "a-new-animal")
    assert before == trained.world.recommended(trained.recommendation, "explorer")


def test_popularity_has_no_scores(trained: Trained) -> None:
    """The popularity recipe answers the same to everyone, users or not, without scores."""
    runtime = trained.world.runtime
    one = runtime.get_recommendations(campaignArn=trained.popularity)["itemList"]
    other = runtime.get_recommendations(campaignArn=trained.popularity, userId="u1")["itemList"]
    assert one == other
    assert {"itemId"} == set().union(*one)


def test_ranking_orders_the_list(trained: Trained) -> None:
    """Known items come by score, which sum to one; unknown ones last, in the order given, with score 0."""
    given = ["dog1", "unknown-b", "cat1", "dog2", "cat2", "unknown-a"]
    ranked = trained.world.runtime.get_personalized_ranking(campaignArn=trained.ranking, userId="u1", inputList=given)[
        "personalizedRanking"
    ]
    assert [("unknown-b", 0.0), ("unknown-a", 0.0)] == [(entry["itemId"], entry["score"]) for entry in ranked[-2:]]
    assert {"cat1", "cat2"} == {entry["itemId"] for entry in ranked[:2]}
    assert sum(entry["score"] for entry in ranked) == pytest.approx(1.0, abs=1e-6)
    assert sorted(given) == sorted(entry["itemId"] for entry in ranked)


def test_filters_choose_by_item(trained: Trained) -> None:
    """An include narrows to a kind, an exclude takes it away, numbers are compared; a ranking is filtered too."""
    world, group = trained.world, trained.group
    cats = world.filter(group, "cats", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")')
    no_cats = world.filter(group, "no-cats", 'exclude itemid where items.animal_type in ("1")')
    cheap = world.filter(group, "cheap", "INCLUDE ItemID WHERE Items.ITEM_VALUE < 0.5")
    few = world.filter(group, "few", "INCLUDE ItemID WHERE Items.ITEM_VALUE < $VALUE")
    campaign = trained.recommendation
    assert share_of("cat", world.recommended(campaign, "u2", filterArn=cats)) == 1.0
    assert share_of("cat", world.recommended(campaign, "u1", filterArn=no_cats)) == 0.0
    expected = {f"{kind}{number}" for kind in ("cat", "dog") for number in range(5)}
    assert expected == set(world.recommended(campaign, "u1", 50, filterArn=cheap))
    assert expected == set(world.recommended(campaign, "u1", 50, filterArn=few, filterValues={"VALUE": "0.5"}))
    with pytest.raises(world.runtime.exceptions.InvalidInputException, match="VALUE"):
        world.recommended(campaign, "u1", filterArn=few)
    ranked = world.runtime.get_personalized_ranking(
        campaignArn=trained.ranking, userId="u1", inputList=["dog1", "cat1"], filterArn=cats
    )["personalizedRanking"]
    assert ["cat1"] == [entry["itemId"] for entry in ranked]


def test_filters_see_what_the_visitor_did(trained: Trained) -> None:
    """Imported and live events of a type exclude their items, whatever the case of the type."""
    world = trained.world
    seen = world.filter(trained.group, "seen", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("aif", "favorite")')
    everything = {f"{kind}{number}" for kind in ("cat", "dog") for number in range(ANIMALS)}
    assert everything - {"cat7"} == set(world.recommended(trained.recommendation, "u7", 500, filterArn=seen))
    world.send("u7", "cat20", event_type="AIF")
    world.send("u7", "cat21", event_type="DetailView")
    assert everything - {"cat7", "cat20"} == set(world.recommended(trained.recommendation, "u7", 500, filterArn=seen))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visitor=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.sampled_from(["u1", "u2"]),
    number=st.integers(0, 70),
    items=st.lists(st.sampled_from(["cat1", "cat2", "dog1", "unknown"]) | st.text(max_size=5), min_size=1, max_size=20),
)
def test_any_visitor_is_answered(trained: Trained, visitor: str, number: int, items: list[str]) -> None:
    """Whoever asks for how many: different items in falling order; and a ranking keeps exactly what it was given."""
    listed = _answer(trained, visitor, numResults=number)["itemList"]
    assert min(number, 2 * ANIMALS) == len({entry["itemId"] for entry in listed}) == len(listed)
    assert listed == sorted(listed, key=lambda entry: -entry["score"])
    ranked = trained.world.runtime.get_personalized_ranking(
        campaignArn=trained.ranking, userId=visitor, inputList=items
    )["personalizedRanking"]
    assert sorted(items) == sorted(entry["itemId"] for entry in ranked)
    unknown = [item for item in items if item not in ("cat1", "cat2", "dog1")]
    assert [(item, 0.0) for item in unknown] == [
        (entry["itemId"], entry["score"]) for entry in ranked[len(items) - len(unknown) :]
    ]


def test_metadata_comes_on_demand(trained: Trained) -> None:
    """The v2 recipes return the item columns that are asked for, as text, under their names in lower case."""
    answer = _answer(trained, "u1", numResults=3, metadataColumns={"ITEMS": ["ANIMAL_TYPE", "ITEM_VALUE"]})
    for entry in answer["itemList"]:
        number = int(entry["itemId"].removeprefix("cat"))
        assert entry["metadata"] == {"animal_type": "1", "item_value": str(number / 10)}


def test_metadata_of_a_ranking_has_lower_case_keys(trained: Trained) -> None:
    """However the request spells a column; an item without a value for it, or of no Items dataset, lacks the key."""
    ranked = trained.world.runtime.get_personalized_ranking(
        campaignArn=trained.ranking,
        userId="u1",
        inputList=["cat3", "unknown"],
        metadataColumns={"ITEMS": ["animal_type", "Item_Value"]},
    )["personalizedRanking"]
    assert [{"animal_type": "1", "item_value": "0.3"}, {}] == [entry["metadata"] for entry in ranked]


def test_promotions_take_their_share(trained: Trained) -> None:
    """A promotion's share of the places goes to the items of its filter, marked, wherever they stand."""
    dogs = trained.world.filter(trained.group, "dogs", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")')
    promotion = {"name": "dogs", "percentPromotedItems": 30, "filterArn": dogs}
    answer = _answer(trained, "u1", numResults=10, promotions=[promotion])["itemList"]
    assert 10 == len({entry["itemId"] for entry in answer})
    promoted = [entry for entry in answer if entry.get("promotionName") == "dogs"]
    assert [["Promoted item"]] * 3 == [entry["reason"] for entry in promoted]
    assert {"dog"} == {re.sub(r"\d", "", entry["itemId"]) for entry in promoted}
    assert 0.0 == share_of("dog", [entry["itemId"] for entry in answer if entry not in promoted])


def test_put_items_and_users_meet_filters(world: World) -> None:
    """Put items replace their columns for filters; put users decide conditions on the current user."""
    group = world.seeded()
    users = world.dataset(group, "Users", USERS)
    items = world.arn("dataset/pets/ITEMS")
    campaign = world.campaign(world.train(world.solution(group, "aws-popularity-count"))["solutionVersionArn"])
    horses = world.filter(group, "horses", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("3")')
    grown = world.filter(group, "grown", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("3") IF CurrentUser.AGE >= 18')
    assert [] == world.recommended(campaign, "u1", filterArn=horses)
    world.events.put_items(
        datasetArn=items,
        items=[{"itemId": "cat1", "properties": '{"animalType": "3|4", "creationTimestamp": 1700000000}'}],
    )
    assert ["cat1"] == world.recommended(campaign, "u1", filterArn=horses)
    assert 10 == len(world.recommended(campaign, "u1", filterArn=grown))
    world.events.put_users(datasetArn=users, users=[{"userId": "u1", "properties": '{"age": 18}'}])
    assert ["cat1"] == world.recommended(campaign, "u1", filterArn=grown)

    invalid = world.events.exceptions.InvalidInputException
    for properties, problem in (
        ('{"animalType": 3, "creationTimestamp": 1}', "animalType must be a string"),
        ('{"animalType": "3"}', "creationTimestamp is missing"),
        ('{"animalType": "3", "creationTimestamp": 1.5}', "whole number"),
        ('{"animal_type": "3", "creationTimestamp": 1}', "animal_type is no column"),
        ("{", "Error parsing properties json"),
    ):
        with pytest.raises(invalid, match=problem):
            world.events.put_items(datasetArn=items, items=[{"itemId": "cat1", "properties": properties}])
    with pytest.raises(invalid, match="no dataset of type USERS"):
        world.events.put_users(datasetArn=items, users=[{"userId": "u1"}])
    with pytest.raises(world.events.exceptions.ResourceNotFoundException):
        world.events.put_items(datasetArn=world.arn("dataset/none/ITEMS"), items=[{"itemId": "cat1"}])
