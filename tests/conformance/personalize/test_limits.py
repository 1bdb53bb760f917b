"""What botocore lets through and the service refuses: maxima, patterns, enums, and requests that it cannot meet."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.personalize.conftest import Trained
from tests.personalize_world import INTERACTIONS, ROLE, World, schema, share_of

EVENT = {"eventType": "DetailView", "itemId": "cat1", "sentAt": 1_700_000_000}


def _refused(call: Any, code: str = "InvalidInputException", match: str | None = None, **request: Any) -> None:
    with pytest.raises(ClientError, match=match) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"eventList": [EVENT] * 11}, "less than or equal to 10"),
        ({"eventList": [{**EVENT, "properties": json.dumps({"a": "x" * 1100})}]}, "less than or equal to 1024"),
        ({"eventList": [{**EVENT, "eventType": "x" * 257}]}, "eventList.1.member.eventType"),
        ({"eventList": [{**EVENT, "itemId": "x" * 257}]}, "eventList.1.member.itemId"),
        ({"eventList": [{**EVENT, "recommendationId": "x" * 41}]}, "less than or equal to 40"),
        ({"eventList": [{**EVENT, "impression": ["x"] * 26}]}, "less than or equal to 25"),
        ({"eventList": [{**EVENT, "properties": "no json"}]}, "Error parsing properties json"),
        ({"eventList": [{**EVENT, "properties": "[1]"}]}, "Error parsing properties json"),
        ({"eventList": [{**EVENT, "properties": '{"UserId": "u"}'}]}, "must not hold UserId"),
        ({"eventList": [{**EVENT, "properties": '{"session_id": "s"}'}]}, "must not hold session_id"),
        ({"eventList": [{**EVENT, "metricAttribution": {"eventAttributionSource": "ü"}}]}, "regular expression"),
        ({"eventList": [{**EVENT, "impression": ["ü" * 250] * 25}]}, "10240 bytes"),
        ({"sessionId": "x" * 257}, "sessionId"),
        ({"trackingId": str(uuid.uuid4())}, "No active event tracker"),
    ],
)
def test_put_events_refuses_what_is_too_much(trained: Trained, change: dict[str, Any], match: str) -> None:
    """A call with one member out of bounds is refused whole, naming the member or the limit."""
    request = {"trackingId": trained.world.tracking_id, "sessionId": "s", "eventList": [EVENT], **change}
    _refused(trained.world.events.put_events, match=match, **request)


def test_put_events_without_validation_in_the_client(trained: Trained) -> None:
    """The server checks what clients check: required members, minimum lengths, types."""
    client = trained.world.server.client("personalize-events", validate=False)
    request = {"trackingId": trained.world.tracking_id, "sessionId": "s"}
    _refused(client.put_events, match="eventList", **request)
    _refused(client.put_events, match="greater than or equal to 1", eventList=[], **request)
    _refused(client.put_events, match="sentAt", eventList=[{"eventType": "x"}], **request)
    _refused(client.put_events, "SerializationException", "eventType", eventList=[{**EVENT, "eventType": 7}], **request)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"numResults": 501}, "at most 500"),
        ({"numResults": 51, "metadataColumns": {"ITEMS": ["ANIMAL_TYPE"]}}, "at most 50"),
        ({"metadataColumns": {"ITEMS": ["COLOUR"]}}, "no column COLOUR"),
        ({"metadataColumns": {"USERS": ["AGE"]}}, "ITEMS only"),
        ({"campaignArn": "campaign"}, "regular expression"),
        ({"filterValues": {"A": '"b"'}}, "filterArn"),
        ({"context": {"a b": "c"}}, "regular expression"),
        ({"context": {"a": "c" * 1001}}, "1000"),
    ],
)
def test_get_recommendations_refuses(trained: Trained, change: dict[str, Any], match: str) -> None:
    """Requests beyond the documented limits name the limit."""
    request = {"campaignArn": trained.recommendation, "userId": "u1", **change}
    _refused(trained.world.runtime.get_recommendations, match=match, **request)


def test_campaigns_answer_their_own_operation_only(trained: Trained) -> None:
    """A ranking campaign does not recommend, a recommending one does not rank, and a user is needed."""
    runtime = trained.world.runtime
    _refused(runtime.get_recommendations, match="GetPersonalizedRanking", campaignArn=trained.ranking, userId="u1")
    _refused(runtime.get_personalized_ranking, campaignArn=trained.recommendation, userId="u1", inputList=["cat1"])
    _refused(runtime.get_recommendations, match="userId is required", campaignArn=trained.recommendation)
    _refused(runtime.get_recommendations, match="campaignArn is required", userId="u1")


def test_ranking_takes_at_most_500_items(trained: Trained) -> None:
    """500 items are ranked, 501 refused, and so is none."""
    runtime, request = trained.world.runtime, {"campaignArn": trained.ranking, "userId": "u1"}
    items = [f"cat{number}" for number in range(501)]
    assert len(runtime.get_personalized_ranking(inputList=items[:500], **request)["personalizedRanking"]) == 500
    _refused(runtime.get_personalized_ranking, match="1 to 500", inputList=items, **request)
    _refused(runtime.get_personalized_ranking, match="1 to 500", inputList=[], **request)


def test_what_is_not_there_is_404_at_run_time(trained: Trained) -> None:
    """The runtime API answers an unknown campaign or filter with ResourceNotFoundException and HTTP status 404."""
    with pytest.raises(trained.world.runtime.exceptions.ResourceNotFoundException) as caught:
        trained.world.runtime.get_recommendations(campaignArn=trained.world.arn("campaign/none"), userId="u1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(trained.world.runtime.exceptions.ResourceNotFoundException):
        trained.world.runtime.get_recommendations(
            campaignArn=trained.recommendation, userId="u1", filterArn=trained.world.arn("filter/none")
        )


def test_names_collide(trained: Trained) -> None:
    """A second resource of a name is refused with the service's text."""
    control = trained.world.control
    _refused(
        control.create_dataset_group,
        "ResourceAlreadyExistsException",
        rf"Another resource with Arn {trained.group} already exists\.",
        name="pets",
    )
    for_you = trained.world.arn("solution/for-you")
    recipe = "arn:aws:personalize:::recipe/aws-popularity-count"
    _refused(
        control.create_solution,
        "ResourceAlreadyExistsException",
        for_you,
        name="for-you",
        datasetGroupArn=trained.group,
        recipeArn=recipe,
    )
    _refused(
        control.create_event_tracker, "ResourceAlreadyExistsException", name="second", datasetGroupArn=trained.group
    )
    named = control.create_solution_version(solutionArn=for_you, name="named")["solutionVersionArn"]
    _refused(
        control.create_solution_version, "ResourceAlreadyExistsException", named, solutionArn=for_you, name="named"
    )


@pytest.mark.parametrize("name", ["", "-a", "a b", "x" * 64, "a/b", "ä"])
def test_names_follow_the_pattern(world: World, name: str) -> None:
    """1 to 63 letters, digits, hyphens and underscores, the first a letter or digit."""
    _refused(
        world.server.client("personalize", validate=False).create_dataset_group, name=name, match="satisfy constraint"
    )


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        (
            {"recipeArn": "arn:aws:personalize:::recipe/aws-semantic-similarity"},
            "not supported by the local Personalize",
        ),
        ({}, "recipeArn is required"),
        ({"solutionConfig": {"algorithmHyperParameters": {"bptt": "32"}}}, "no hyperparameter bptt"),
        ({"solutionConfig": {"algorithmHyperParameters": {"apply_recency_bias": "maybe"}}}, "true, false"),
        ({"solutionConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}}, "1 to 30 days"),
        ({"solutionConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(a days)"}}}, "regular expression"),
        ({"solutionConfig": {"eventValueThreshold": "much"}}, "must be a number"),
        ({"solutionConfig": {"eventsConfig": {"eventParametersList": [{"weight": 1.0}]}}}, "needs an eventType"),
        (
            {
                "solutionConfig": {
                    "eventsConfig": {"eventParametersList": [{"eventType": "a"}, {"eventType": "A", "weight": 0.1}]}
                }
            },
            "listed twice",
        ),
        (
            {"solutionConfig": {"eventsConfig": {"eventParametersList": [{"eventType": "a", "weight": 1.5}]}}},
            "less than or equal to 1",
        ),
    ],
)
def test_create_solution_refuses(trained: Trained, request_: dict[str, Any], match: str) -> None:
    """Recipes and settings that the recipe does not have are named."""
    base: dict[str, Any] = {"name": "new", "datasetGroupArn": trained.group}
    if request_ and "recipeArn" not in request_:
        base["recipeArn"] = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
    _refused(trained.world.control.create_solution, match=match, **base, **request_)


def test_event_weights_are_for_the_v2_recipes(trained: Trained) -> None:
    """The guide offers eventsConfig for the two v2 recipes only."""
    weights = {"eventsConfig": {"eventParametersList": [{"eventType": "Favorite", "weight": 1.0}]}}
    _refused(
        trained.world.control.create_solution,
        match="no eventsConfig",
        name="new",
        datasetGroupArn=trained.group,
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
        solutionConfig=weights,
    )


def test_campaigns_need_a_version(trained: Trained) -> None:
    """A bare solution ARN is no version; `$LATEST` of a solution is its newest active one."""
    control, solution = trained.world.control, trained.world.arn("solution/popular")
    _refused(control.create_campaign, "ResourceNotFoundException", name="bare", solutionVersionArn=solution)
    latest = trained.world.campaign(f"{solution}/$LATEST", "latest")
    assert trained.world.recommended(latest, "u1") == trained.world.recommended(trained.popularity, "u1")
    _refused(
        control.create_campaign,
        match=r"\$LATEST",
        name="sync",
        solutionVersionArn=trained.version,
        campaignConfig={"syncWithLatestSolutionVersion": True},
    )
    _refused(
        control.create_campaign,
        match="itemExplorationConfig",
        name="explore",
        solutionVersionArn=trained.version,
        campaignConfig={"itemExplorationConfig": {"explorationWeight": "0.3"}},
    )


def test_campaigns_are_updated_within_their_solution(trained: Trained) -> None:
    """An update needs something to update, an active version, and one of the campaign's own solution."""
    control, campaign = trained.world.control, trained.popularity
    _refused(control.update_campaign, match="something to update", campaignArn=campaign)
    _refused(
        control.update_campaign, match="another solution", campaignArn=campaign, solutionVersionArn=trained.version
    )
    missing = f"{trained.version}0"
    _refused(control.update_campaign, "ResourceNotFoundException", campaignArn=campaign, solutionVersionArn=missing)
    for solution in (
        trained.world.arn("solution/none"),
        trained.world.solution(trained.group, "aws-popularity-count", "new"),
    ):
        _refused(
            control.create_campaign, "ResourceNotFoundException", name="new", solutionVersionArn=f"{solution}/$LATEST"
        )
    control.delete_solution(solutionArn=trained.world.arn("solution/new"))


def test_exploration_is_for_user_personalization(trained: Trained) -> None:
    """The v1 recipe takes its two exploration settings, within their ranges; metadata must be switched on."""
    world = trained.world
    solution = world.solution(trained.group, "aws-user-personalization", "v1")
    version = world.train(solution)["solutionVersionArn"]

    def create(**exploration: str) -> dict[str, Any]:
        return {
            "name": "v1",
            "solutionVersionArn": version,
            "campaignConfig": {"itemExplorationConfig": exploration},
        }

    for exploration, problem in (
        ({"explorationWeight": "1.1"}, "from 0 to 1"),
        ({"explorationItemAgeCutOff": "0.5"}, "from 1 to inf"),
        ({"explorationWeight": "much"}, "must be a number"),
        ({"weight": "0.1"}, "not weight"),
    ):
        _refused(world.control.create_campaign, match=problem, **create(**exploration))
    config = {"itemExplorationConfig": {"explorationWeight": "0.3", "explorationItemAgeCutOff": "30"}}
    campaign = world.campaign(version, "v1", campaignConfig=config)
    assert config == world.control.describe_campaign(campaignArn=campaign)["campaign"]["campaignConfig"]
    _refused(
        world.runtime.get_recommendations,
        match="enableMetadataWithRecommendations",
        campaignArn=campaign,
        userId="u1",
        metadataColumns={"ITEMS": ["ANIMAL_TYPE"]},
    )


def test_solutions_are_updated_with_something(trained: Trained) -> None:
    """UpdateSolution refuses nothing at all, and what the recipe does not have."""
    control = trained.world.control
    _refused(control.update_solution, match="something to update", solutionArn=trained.world.arn("solution/for-you"))
    weights = {"eventsConfig": {"eventParametersList": [{"eventType": "a", "weight": 0.0}]}}
    _refused(
        control.update_solution,
        match="the weight 0",
        solutionArn=trained.world.arn("solution/for-you"),
        solutionUpdateConfig=weights,
    )
    _refused(
        control.update_solution,
        match="no eventsConfig",
        solutionArn=trained.world.arn("solution/popular"),
        solutionUpdateConfig=weights,
    )
    _refused(
        control.create_solution_version,
        match="UPDATE is not for recipe",
        solutionArn=trained.world.arn("solution/for-you"),
        trainingMode="UPDATE",
    )


def test_filters_come_and_go(trained: Trained) -> None:
    """A deleted filter's name is free, and another expression under it is the one that counts."""
    world, shares = trained.world, []
    for kind in (1, 2):
        expression = f'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("{kind}")'
        arn = world.filter(trained.group, "kind", expression)
        assert expression == world.control.describe_filter(filterArn=arn)["filter"]["filterExpression"]
        shares.append(share_of("cat", world.recommended(trained.popularity, "u1", filterArn=arn)))
        _refused(
            world.control.create_filter,
            "ResourceAlreadyExistsException",
            name="kind",
            datasetGroupArn=trained.group,
            filterExpression=expression,
        )
        world.control.delete_filter(filterArn=arn)
    assert [1.0, 0.0] == shares
    _refused(world.control.delete_filter, "ResourceNotFoundException", filterArn=trained.world.arn("filter/kind"))
    _refused(
        world.control.create_filter,
        match="column 9",
        name="kind",
        datasetGroupArn=trained.group,
        filterExpression='INCLUDE ActionID WHERE Items.ANIMAL_TYPE IN ("1")',
    )


def test_versions_have_names(world: World) -> None:
    """The one that the request gives, else SOLUTION/ID, as recorded of the service."""
    control, group = world.control, world.group()
    world.dataset(group, "Interactions", INTERACTIONS)
    solution = world.solution(group, "aws-popularity-count")
    arns = [
        control.create_solution_version(solutionArn=solution, **request)["solutionVersionArn"]
        for request in ({}, {"name": "mine"}, {})
    ]
    names = [control.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]["name"] for arn in arns]
    assert [arns[0].partition(":solution/")[2], "mine", arns[2].partition(":solution/")[2]] == names


def test_lists_come_in_pages(world: World) -> None:
    """Each schema comes once over the pages; a token of another list, or none of ours, is refused."""
    made = [world.control.create_schema(name=f"s{number}", schema=INTERACTIONS)["schemaArn"] for number in range(7)]
    pages = list(world.control.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": 3}))
    assert [3, 3, 1] == [len(page["schemas"]) for page in pages]
    assert made == [one["schemaArn"] for page in pages for one in page["schemas"]]
    token = pages[0]["nextToken"]
    _refused(world.control.list_schemas, "InvalidNextTokenException", nextToken="guess")
    _refused(world.control.list_solutions, "InvalidNextTokenException", nextToken=token)
    _refused(world.control.list_schemas, maxResults=101, match="less than or equal to 100")


def test_tags(world: World) -> None:
    """Tags are kept by resource; fifty at most, and none that begins with aws:."""
    group = world.control.create_dataset_group(name="g", tags=[{"tagKey": "team", "tagValue": "pets"}])[
        "datasetGroupArn"
    ]
    world.control.tag_resource(resourceArn=group, tags=[{"tagKey": "a", "tagValue": ""}])
    tags = world.control.list_tags_for_resource(resourceArn=group)["tags"]
    assert tags == [{"tagKey": "a", "tagValue": ""}, {"tagKey": "team", "tagValue": "pets"}]
    world.control.untag_resource(resourceArn=group, tagKeys=["team", "none"])
    assert world.control.list_tags_for_resource(resourceArn=group)["tags"] == tags[:1]
    many = [{"tagKey": f"k{number}", "tagValue": "v"} for number in range(50)]
    _refused(world.control.tag_resource, "TooManyTagsException", resourceArn=group, tags=many)
    _refused(world.control.tag_resource, match="aws:", resourceArn=group, tags=[{"tagKey": "aws:x", "tagValue": ""}])
    _refused(world.control.tag_resource, match="twice", resourceArn=group, tags=[many[0], many[0]])
    _refused(world.control.list_tags_for_resource, "ResourceNotFoundException", resourceArn=world.arn("campaign/no"))


def test_quotas(world: World) -> None:
    """The sixth dataset group of a region is refused with the service's text."""
    for number in range(5):
        world.control.create_dataset_group(name=f"g{number}")
    _refused(
        world.control.create_dataset_group,
        "LimitExceededException",
        "More than 5 resources in ACTIVE state. Please delete some and try again.",
        name="g5",
    )


def test_domain_groups_are_refused(world: World) -> None:
    """What the server does not carry out says so."""
    _refused(world.control.create_dataset_group, match="not supported", name="g", domain="ECOMMERCE")
    _refused(world.control.create_schema, match="not supported", name="s", schema=INTERACTIONS, domain="ECOMMERCE")
    _refused(world.control.create_dataset_group, match="together", name="g", roleArn=ROLE)


def test_schemas_must_fit_the_dataset(world: World) -> None:
    """An Items schema makes no Interactions dataset, and one group has one dataset of a type."""
    group = world.group()
    items = schema("Items", {"name": "ITEM_ID", "type": "string"}, {"name": "KIND", "type": "string"})
    arn = world.control.create_schema(name="items", schema=items)["schemaArn"]
    request = {"name": "d", "schemaArn": arn, "datasetGroupArn": group}
    _refused(world.control.create_dataset, match="USER_ID", datasetType="Interactions", **request)
    _refused(world.control.create_dataset, match="datasetType", datasetType="Actions", **request)
    world.control.create_dataset(datasetType="ITEMS", **request)
    _refused(world.control.create_dataset, "ResourceAlreadyExistsException", datasetType="items", **request)
    _refused(world.control.create_event_tracker, match="Interactions dataset", name="t", datasetGroupArn=group)
