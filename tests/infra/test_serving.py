"""The serving stack: both functions behind aliases, knowing the campaign by name and where the fallback lies."""

import json
from typing import Any

from tests.infra.synthesis import Synthesis, as_list, synthesize

ARN = "arn:aws:personalize:us-east-1:123456789012"


def _functions(synthesis: Synthesis) -> dict[str, Any]:
    functions = synthesis.resources("serving", "AWS::Lambda::Function").values()
    return {function["Handler"].split(".")[1]: function for function in functions}


def test_the_functions_have_the_references_names(dev: Synthesis) -> None:
    """Existing clients find what they know."""
    assert {
        "recommend": "dev-recommender-get-recommendation-lambda-lbd",
        "rerank": "dev-recommender-get-reranking-lambda-lbd",
    } == {handler: function["FunctionName"] for handler, function in _functions(dev).items()}


def test_d30_functions_know_their_campaign_without_a_look_up(dev: Synthesis) -> None:
    """By environment variables; the campaign's ARN is computed, so that the functions stand before it does."""
    functions = _functions(dev)
    expected = {
        "POPULAR_BUCKET": "dev-recommender-seed-123456789012-us-east-1",
        "POPULAR_KEY": "popular/g1.json",
        "DEADLINE_MILLISECONDS": "1000",
        "ENVIRONMENT": "dev",
        "POWERTOOLS_METRICS_NAMESPACE": "AnimalRecommender",
    }
    for handler, campaign in (("recommend", "recommender"), ("rerank", "reranking")):
        variables = functions[handler]["Environment"]["Variables"]
        assert expected == {key: variables[key] for key in expected}
        assert f"{ARN}:campaign/dev-{campaign}-personalize-campaign-cpn" == variables["CAMPAIGN_ARN"]
        assert handler == variables["POWERTOOLS_SERVICE_NAME"]


def test_d33_recommend_knows_the_filters_of_the_config(dev: Synthesis) -> None:
    """By the names that callers use; each ARN is that of a filter in the personalize stack. Re-ranking takes none."""
    functions = _functions(dev)
    arns = json.loads(functions["recommend"]["Environment"]["Variables"]["FILTER_ARNS"])
    assert {"cats", "dogs", "not-enquired"} == set(arns)
    names = {each["Name"] for each in dev.resources("personalize", "AWS::Personalize::Filter").values()}
    assert {f"{ARN}:filter/{name}" for name in names} == set(arns.values())
    assert "FILTER_ARNS" not in functions["rerank"]["Environment"]["Variables"]


def test_the_most_filters_that_the_config_allows_fit_the_environment() -> None:
    """Lambda takes 4 KB of environment variables, names and values together; room is left for a longer region."""
    filters = {f"{'f' * 18}{chr(97 + n)}": f"INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ({n})" for n in range(20)}
    variables = _functions(synthesize(filters=filters, generation=999))["recommend"]["Environment"]["Variables"]
    assert 20 == len(json.loads(variables["FILTER_ARNS"]))
    assert sum(len(name) + len(value) for name, value in variables.items()) < 3600


def test_d60_each_function_may_ask_its_campaign_only(dev: Synthesis) -> None:
    """One Personalize action each, on its own campaign (and the filters); of SSM whether it sleeps alone, nothing to write."""
    rights: dict[str, dict[str, list[Any]]] = {}
    for role in dev.resources("serving", "AWS::IAM::Role").values():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    rights.setdefault(role["RoleName"], {})[action] = as_list(statement["Resource"])
    common = {
        "s3:GetObject",
        "s3:ListBucket",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "ssm:GetParameter",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    recommend = rights["dev-recommender-recommend-role-rol"]
    rerank = rights["dev-recommender-rerank-role-rol"]
    assert common | {"personalize:GetRecommendations"} == set(recommend)
    assert common | {"personalize:GetPersonalizedRanking"} == set(rerank)
    assert [f"{ARN}:campaign/dev-reranking-personalize-campaign-cpn"] == rerank["personalize:GetPersonalizedRanking"]
    assert f"{ARN}:campaign/dev-recommender-personalize-campaign-cpn" in recommend["personalize:GetRecommendations"]
    assert ["arn:aws:s3:::dev-recommender-seed-123456789012-us-east-1/popular/g1.json"] == recommend["s3:GetObject"]


def test_published_names_carry_the_alias(dev: Synthesis) -> None:
    """What clients read from SSM is `name:live`, and the campaign's ARN under the reference's path."""
    parameters = {each["Name"]: each["Value"] for each in dev.resources("serving", "AWS::SSM::Parameter").values()}
    prefix = "/animal-recommender/dev"
    assert {
        f"{prefix}/personalize/recommendation/function-name",
        f"{prefix}/personalize/recommendation/campaign/id",
        f"{prefix}/personalize/reranking/function-name",
        f"{prefix}/personalize/reranking/campaign/id",
        f"{prefix}/solution/arn",
    } == set(parameters)
    assert ":live" == parameters[f"{prefix}/personalize/recommendation/function-name"]["Fn::Join"][1][-1]
    assert (
        f"{ARN}:campaign/dev-reranking-personalize-campaign-cpn"
        == parameters[f"{prefix}/personalize/reranking/campaign/id"]
    )


def test_functions_run_in_the_configs_vpc(in_vpc: Synthesis) -> None:
    """All of them, in the given subnets and groups, with the right to make network interfaces."""
    for stack in ("ingestion", "training", "serving"):
        for id_, function in in_vpc.resources(stack, "AWS::Lambda::Function").items():
            assert {
                "SubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
                "SecurityGroupIds": ["sg-0a1b2c3d"],
            } == {key: function["VpcConfig"][key] for key in ("SubnetIds", "SecurityGroupIds")}, id_
        for role in in_vpc.resources(stack, "AWS::IAM::Role").values():
            if role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}:
                assert "ec2:CreateNetworkInterface" in str(role["Policies"])
