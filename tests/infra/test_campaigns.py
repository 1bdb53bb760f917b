"""The campaigns stack: campaigns, each only once its ledger holds a version, and nothing that could fail."""

from tests.infra.synthesis import Synthesis

CAMPAIGN = "AWS::Personalize::Campaign"


def test_nothing_but_campaigns(dev: Synthesis) -> None:
    """One handle keeps the stack from being empty before the first promotion; it makes nothing."""
    types = [each["Type"] for each in dev.templates["campaigns"]["Resources"].values()]
    assert ["AWS::CloudFormation::WaitConditionHandle", CAMPAIGN, CAMPAIGN] == sorted(types)


def test_a_campaign_stands_only_when_its_ledger_holds_a_version(dev: Synthesis) -> None:
    """The condition compares the ledger's value with `none`; the version is that same value, read at each deploy.

    Asleep, none stands.
    """
    template = dev.templates["campaigns"]
    ledgers = {
        "dev-recommender-personalize-campaign-cpn": "recommendation",
        "dev-reranking-personalize-campaign-cpn": "reranking",
    }
    for id_, campaign in dev.resources("campaigns", CAMPAIGN).items():
        parameter = campaign["SolutionVersionArn"]["Ref"]
        assert "AWS::SSM::Parameter::Value<String>" == template["Parameters"][parameter]["Type"]
        role = ledgers[campaign["Name"]]
        assert (
            f"/animal-recommender/dev/personalize/{role}/solution/version/arn"
            == template["Parameters"][parameter]["Default"]
        )
        condition = template["Conditions"][template["Resources"][id_]["Condition"]]
        promoted = {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, "none"]}]}
        assert {"Fn::And": [promoted, {"Condition": "Awake"}]} == condition


def test_capacity_comes_from_the_config(with_first_recipes: Synthesis) -> None:
    """Each role has a key of its own (the reference ignored the re-ranking one)."""
    capacity = {
        each["Name"]: each["MinProvisionedTPS"] for each in with_first_recipes.resources("campaigns", CAMPAIGN).values()
    }
    assert {
        "dev-recommender-personalize-campaign-cpn": 4,
        "dev-reranking-personalize-campaign-cpn": 1,
    } == capacity


def test_exploration_is_the_first_recipes_alone(with_first_recipes: Synthesis, dev: Synthesis) -> None:
    """As text, as the API takes it, and only on the recommendation campaign."""
    configs = {
        each["Name"]: each.get("CampaignConfig")
        for each in with_first_recipes.resources("campaigns", CAMPAIGN).values()
    }
    assert {
        "dev-recommender-personalize-campaign-cpn": {
            "ItemExplorationConfig": {"explorationWeight": "0.1", "explorationItemAgeCutOff": "65500"}
        },
        "dev-reranking-personalize-campaign-cpn": None,
    } == configs
    assert [None, None] == [each.get("CampaignConfig") for each in dev.resources("campaigns", CAMPAIGN).values()]
