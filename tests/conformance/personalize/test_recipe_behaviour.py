"""What distinguishes the recipes, found out by asking: no two of them behave alike."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest
from botocore.exceptions import ClientError

from personalize_local.model.recipes import RECIPES
from personalize_local.settings.quotas import Quotas
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import RECIPE, ROLE, World, until


@dataclass(frozen=True)
class Behaviour:
    """What a client can see of a recipe."""

    asked: str
    """Whom or what it is asked about: `anyone`, `user`, `item`, `list`, or for segments `itemId`, `itemAttributes`."""
    settings: frozenset[str] = frozenset()
    """Hyperparameters and parameters of the feature transformation that CreateSolution takes."""
    scores: bool = False
    reasons: bool = False
    follows_clicks: bool = False
    metadata_unasked: bool = False
    event_weights: bool = False
    update_mode: bool = False
    explores: bool = False


HISTORIES = frozenset({"min_user_history_length_percentile", "max_user_history_length_percentile"})
V1 = HISTORIES | {"bptt", "hidden_dimension", "recency_mask"}
V2 = frozenset({"apply_recency_bias"})
BEHAVIOURS = {
    "aws-user-personalization-v2": Behaviour(
        "user", V2, scores=True, reasons=True, follows_clicks=True, metadata_unasked=True, event_weights=True
    ),
    "aws-user-personalization": Behaviour(
        "user", V1, scores=True, follows_clicks=True, update_mode=True, explores=True
    ),
    "aws-personalized-ranking-v2": Behaviour(
        "list", V2, scores=True, follows_clicks=True, metadata_unasked=True, event_weights=True
    ),
    "aws-personalized-ranking": Behaviour("list", V1, scores=True, follows_clicks=True),
    "aws-popularity-count": Behaviour("anyone"),
    "aws-trending-now": Behaviour("anyone", frozenset({"trend_discovery_frequency"})),
    "aws-similar-items": Behaviour(
        "item", frozenset({"popularity_discount_factor", "item_id_hidden_dim", "item_metadata_hidden_dim"})
    ),
    "aws-sims": Behaviour(
        "item",
        HISTORIES
        | {
            "popularity_discount_factor",
            "min_cointeraction_count",
            "min_item_interaction_count_percentile",
            "max_item_interaction_count_percentile",
        },
    ),
    "aws-item-affinity": Behaviour("itemId", frozenset({"hidden_dimension"})),
    "aws-item-attribute-affinity": Behaviour("itemAttributes", frozenset({"hidden_dimension"})),
}
ASKED: dict[str, dict[str, Any]] = {"anyone": {}, "user": {"userId": "u7"}, "item": {"itemId": "cat3"}}
EVERY_SETTING = {
    name: one.default
    for recipe in RECIPES.values()
    for name, one in {**recipe.hyperparameters, **recipe.featurization}.items()
}


def test_the_table_has_every_recipe_and_no_two_alike() -> None:
    """All that can be trained; of each pair something differs that a client can see."""
    assert {name for name, recipe in RECIPES.items() if recipe.model} == set(BEHAVIOURS)
    alike = [pair for pair in combinations(BEHAVIOURS, 2) if BEHAVIOURS[pair[0]] == BEHAVIOURS[pair[1]]]
    assert [] == alike


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    quotas = Quotas(solutions_per_group=50, campaigns_per_group=50)
    with LocalPersonalize(tmp_path_factory.mktemp("behaviour"), quotas=quotas) as server:
        world = World(server)
        world.filter(world.seeded(), "dogs", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")')
        yield world


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_recipe_behaves_as_the_table_says(world: World, name: str) -> None:
    """Found out by asking a version of it."""
    assert BEHAVIOURS[name] == _seen(world, name)


def _accepted(call: Any, **request: Any) -> bool:
    """Whether an operation takes a request; False for InvalidInputException, any other error is one."""
    try:
        call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInputException":
            raise
        return False
    return True


def _settings(world: World, name: str) -> frozenset[str]:
    """The settings that CreateSolution takes, of all that any recipe has."""
    taken = set()
    for setting, value in EVERY_SETTING.items():
        for kind in ("algorithmHyperParameters", "featureTransformationParameters"):
            if _accepted(
                world.control.create_solution,
                name=f"{name}-{setting}"[:63],
                datasetGroupArn=world.arn("dataset-group/pets"),
                recipeArn=RECIPE + name,
                performAutoTraining=False,
                solutionConfig={kind: {setting: value}},
            ):
                taken.add(setting)
                arn = world.arn("solution/" + f"{name}-{setting}"[:63])
                until(lambda: world.control.describe_solution(solutionArn=arn)["solution"], _is_active)  # noqa: B023
                world.control.delete_solution(solutionArn=arn)
    return frozenset(taken)


def _is_active(shown: Any) -> bool:
    return bool(shown["status"] == "ACTIVE")


def _seen(world: World, name: str) -> Behaviour:
    group, control = world.arn("dataset-group/pets"), world.control
    settings = _settings(world, name)
    solution = world.solution(group, name, name)
    version = world.train(solution)["solutionVersionArn"]
    if not _accepted(control.create_campaign, name=name, solutionVersionArn=version):
        return Behaviour(_segmented_by(world, name, version), settings)
    campaign = world.arn(f"campaign/{name}")
    until(lambda: control.describe_campaign(campaignArn=campaign)["campaign"], _is_active)

    def asked_for(asked: str, **more: Any) -> list[dict[str, Any]]:
        if asked != "list":
            answer = world.runtime.get_recommendations(campaignArn=campaign, **ASKED[asked], **more)
            return list(answer["itemList"])
        items = ["cat1", "dog1", "cat2"]
        answer = world.runtime.get_personalized_ranking(campaignArn=campaign, userId="u7", inputList=items, **more)
        return list(answer["personalizedRanking"])

    asked = next(one for one in (*ASKED, "list") if _accepted(asked_for, asked=one))
    before = asked_for(asked)
    promotion = [{"name": "dogs", "percentPromotedItems": 50, "filterArn": world.arn("filter/dogs")}]
    reasons = asked != "list" and any("reason" in one for one in asked_for(asked, promotions=promotion))
    world.send("u7", "dog1", "dog2", "dog3", "dog1")
    weights = {"eventsConfig": {"eventParametersList": [{"eventType": "DetailView", "weight": 0.5}]}}
    exploring = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
    return Behaviour(
        asked,
        settings,
        scores="score" in before[0],
        reasons=reasons,
        follows_clicks=before != asked_for(asked),
        metadata_unasked=_accepted(asked_for, asked=asked, metadataColumns={"ITEMS": ["ANIMAL_TYPE"]}),
        update_mode=_accepted(control.create_solution_version, solutionArn=solution, trainingMode="UPDATE"),
        event_weights=_accepted(control.update_solution, solutionArn=solution, solutionUpdateConfig=weights),
        explores=_accepted(control.update_campaign, campaignArn=campaign, campaignConfig=exploring),
    )


def _segmented_by(world: World, name: str, version: str) -> str:
    """The member of a line that a batch segment job of the version answers."""
    lines = [{"itemId": "cat1"}, {"itemAttributes": 'ITEMS.ANIMAL_TYPE = "1"'}]
    location = world.put(f"asked/{name}.json", "".join(json.dumps(line) + "\n" for line in lines))
    arn = world.control.create_batch_segment_job(
        jobName=name,
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": location}},
        jobOutput={"s3DataDestination": {"path": "s3://answered/"}},
        roleArn=ROLE,
    )["batchSegmentJobArn"]
    until(lambda: world.control.describe_batch_segment_job(batchSegmentJobArn=arn)["batchSegmentJob"], _is_active)
    answers = (world.server.s3_root / "answered" / f"{name}.json.out").read_text().splitlines()
    (answered,) = [one["input"] for one in map(json.loads, answers) if one["output"]]
    return str(next(iter(answered)))
