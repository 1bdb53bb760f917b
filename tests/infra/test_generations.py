"""Blue/green in the templates: a new generation stands beside the old one, which stays exactly as it was deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.settings import SettingsError
from tests.infra.synthesis import Synthesis, synthesize

NEW: dict[str, Any] = {
    "generation": 2,
    "filters": {"small": 'INCLUDE ItemID WHERE Items.ANIMAL_SIZE IN ("1")'},
}


@pytest.fixture(scope="module")
def deployed(with_first_recipes: Synthesis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of the deployed personalize stack: generation 1, with other recipes and filters than the new one."""
    file: Path = tmp_path_factory.mktemp("deployed") / "personalize.json"
    file.write_text(json.dumps(with_first_recipes.templates["personalize"]))
    return file


@pytest.fixture(scope="module")
def both(deployed: Path) -> Synthesis:
    """While the new generation learns: the old one serves."""
    return synthesize(
        context={"generations": "1,2", "serving_generation": "1", "deployed_personalize": str(deployed)}, **NEW
    )


def _resources(synthesis: Synthesis, stack: str) -> dict[str, Any]:
    resources: dict[str, Any] = synthesis.templates[stack]["Resources"]
    return resources


def test_the_old_generation_stays_as_it_was(with_first_recipes: Synthesis, both: Synthesis) -> None:
    """Not one property differs, though the config speaks of other recipes and filters: nothing is replaced."""
    before, after = _resources(with_first_recipes, "personalize"), _resources(both, "personalize")
    assert before == {id_: after[id_] for id_ in before}


def test_the_new_generation_shares_no_name_with_the_old(with_first_recipes: Synthesis, both: Synthesis) -> None:
    """Names are unique in the account: every new resource has one of its own, with the generation in it."""
    before, after = _resources(with_first_recipes, "personalize"), _resources(both, "personalize")
    new = [after[id_]["Properties"]["Name"] for id_ in set(after) - set(before)]
    assert len(new) == 10
    assert all("g2" in name for name in new)


def test_events_go_to_both_trackers(both: Synthesis) -> None:
    """So that nothing falls between the generations."""
    tracking = both.resource("ingestion", "AWS::Lambda::Function")["Environment"]["Variables"]["TRACKING_IDS"]
    parameters = both.templates["ingestion"]["Parameters"]
    separator, parts = tracking["Fn::Join"]
    assert "" == separator
    assert [
        "/animal-recommender/dev/personalize/event-tracker/id",
        "/animal-recommender/dev/personalize/event-tracker/id/g2",
    ] == [parameters[part["Ref"]]["Default"] for part in parts if isinstance(part, dict)]
    assert [","] == [part for part in parts if isinstance(part, str)]


def test_each_campaign_keeps_its_generations_settings(with_first_recipes: Synthesis, both: Synthesis) -> None:
    """The old campaigns explore as they did; the new ones follow their own ledgers."""
    before, after = _resources(with_first_recipes, "campaigns"), _resources(both, "campaigns")
    old = "RecommendationG1Campaign"
    assert before[old]["Properties"]["CampaignConfig"] == after[old]["Properties"]["CampaignConfig"]
    new = after["RecommendationG2Campaign"]["Properties"]
    assert "dev-recommender-g2-solution" not in json.dumps(new)
    assert "dev-recommender-personalize-campaign-g2-cpn" == new["Name"]
    assert "CampaignConfig" not in new
    ledger = both.templates["campaigns"]["Parameters"][new["SolutionVersionArn"]["Ref"]]["Default"]
    assert "/animal-recommender/dev/personalize/recommendation/solution/version/arn/g2" == ledger


def test_the_old_generation_serves_with_its_own_filters(both: Synthesis) -> None:
    """Campaign, popular list and filters are all of the generation that serves."""
    (recommend,) = [
        each["Environment"]["Variables"]
        for each in both.resources("serving", "AWS::Lambda::Function").values()
        if "FILTER_ARNS" in each["Environment"]["Variables"]
    ]
    assert recommend["CAMPAIGN_ARN"].endswith("campaign/dev-recommender-personalize-campaign-cpn")
    assert "popular/g1.json" == recommend["POPULAR_KEY"]
    assert {"cats", "dogs", "not-enquired"} == set(json.loads(recommend["FILTER_ARNS"]))


def test_the_new_generation_serves_when_it_is_told_to(deployed: Path) -> None:
    """Nothing but the serving functions' settings changes for the switch."""
    after = synthesize(
        context={"generations": "1,2", "serving_generation": "2", "deployed_personalize": str(deployed)}, **NEW
    )
    (recommend,) = [
        each["Environment"]["Variables"]
        for each in after.resources("serving", "AWS::Lambda::Function").values()
        if "FILTER_ARNS" in each["Environment"]["Variables"]
    ]
    assert recommend["CAMPAIGN_ARN"].endswith("campaign/dev-recommender-personalize-campaign-g2-cpn")
    assert {"small"} == set(json.loads(recommend["FILTER_ARNS"]))


def test_the_state_machine_trains_the_configs_generation(both: Synthesis) -> None:
    """The new one, whichever serves."""
    machine = both.resource("training", "AWS::StepFunctions::StateMachine")
    assert machine["DefinitionSubstitutions"]["RecommendationSolutionArn"].endswith("dev-recommender-solution-g2-pss")


def test_every_campaign_that_bills_is_watched(both: Synthesis) -> None:
    """The idle alarms of both generations stand beside one another."""
    names = {each["AlarmName"] for each in both.resources("monitoring", "AWS::CloudWatch::CompositeAlarm").values()}
    assert {
        f"dev-recommender-{role}-idle{suffix}-alm" for role in ("recommendation", "reranking") for suffix in ("", "-g2")
    } <= names


def test_the_old_generation_leaves_alone(deployed: Path, both: Synthesis) -> None:
    """Without it in the list, its resources go and the new ones stay as they are."""
    after = synthesize(context={"deployed_personalize": str(deployed)}, **NEW)
    left = _resources(after, "personalize")
    assert {id_: _resources(both, "personalize")[id_] for id_ in left} == left
    assert not any("Generation1" in id_ for id_ in left)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"generations": "1,2"}, "generation 1 is neither the config's .2. nor recorded"),
        ({"generations": "one"}, "context generations is 'one'; it must be numbers separated by commas from 1 to 999"),
        ({"serving_generation": "3"}, "serving_generation is 3, which is none of the generations 2"),
        ({"serving_generation": "1,2"}, "serving_generation is '1,2'; it must be one number from 1 to 999"),
        ({"deployed_personalize": "nowhere.json"}, "nowhere.json is not the template of a deployed personalize stack"),
    ],
)
def test_context_that_cannot_be_is_refused_with_a_reason(context: dict[str, str], message: str) -> None:
    """The message names the key, its value and what there is."""
    with pytest.raises(SettingsError, match=message):
        synthesize(context=context, **NEW)


def test_a_changed_recipe_asks_for_a_new_generation(deployed: Path) -> None:
    """CloudFormation would try to replace the solution under its own name and fail halfway."""
    with pytest.raises(
        SettingsError, match=r"recommendation recipe of generation 1 cannot be changed .* raise `generation` to 2"
    ):
        synthesize(context={"deployed_personalize": str(deployed)})


def test_reranking_may_be_switched_within_a_generation(without_reranking: Synthesis, tmp_path: Path) -> None:
    """That adds or removes whole resources and changes none."""
    file = tmp_path / "deployed.json"
    file.write_text(json.dumps(without_reranking.templates["personalize"]))
    after = synthesize(context={"deployed_personalize": str(file)})
    before = _resources(without_reranking, "personalize")
    assert before == {id_: _resources(after, "personalize")[id_] for id_ in before}
