"""The training stack: the definition's placeholders, a role that grants its calls and nothing else, the schedule."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from infra.definitions import TRAIN, definition_text
from infra.settings import load_settings
from local_cloud.emulator.states.definition import problems, states
from local_cloud.emulator.states.integrations import PREFIX, integration
from tests.infra.synthesis import Synthesis, as_list, synthesize

TEXT = definition_text(TRAIN)
MACHINE = json.loads(TEXT)
PLATFORM = {"logs", "xray", "kms"}
"""What the service itself needs for its logs and traces, and for what lies under the key."""


def role_statements(synthesis: Synthesis) -> list[dict[str, Any]]:
    """The statements of the state machine's role, with the references to this stack's resources written out."""
    roles = synthesis.resources("training", "AWS::IAM::Role").values()
    (role,) = [role for role in roles if role["RoleName"].endswith("-statemachine-role-rol")]
    (policy,) = role["Policies"]
    return [_written_out(s) for s in policy["PolicyDocument"]["Statement"]]


def _written_out(value: Any) -> Any:
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            return f"<{name}>"
        case dict():
            return {key: _written_out(item) for key, item in value.items()}
        case list():
            return [_written_out(item) for item in value]
    return value


def substitutions(synthesis: Synthesis) -> dict[str, str]:
    machine = synthesis.resource("training", "AWS::StepFunctions::StateMachine")
    return {key: str(_written_out(value)) for key, value in machine["DefinitionSubstitutions"].items()}


def calls(values: dict[str, str]) -> set[tuple[str, str]]:
    """(IAM action, resource) of every call that the definition makes with these values."""
    roles = ["Recommendation", *(["Reranking"] if values["RerankingEnabled"] == "true" else [])]
    solutions = [values[f"{role}SolutionArn"] for role in roles]
    if values["BaselineEnabled"] == "true":
        solutions.append(values["BaselineSolutionArn"])
    campaigns = [values[f"{role}CampaignArn"] for role in roles]
    dynamic = {
        "SolutionArn": solutions,
        "SolutionVersionArn": [f"{arn}/0a1b2c3d" for arn in solutions],
        "CampaignArn": campaigns,
        "ExecutionArn": ["arn:aws:states:us-east-1:123456789012:execution:dev-recommender-state-machine-stm:any"],
    }
    told = {
        "$.trained.solution.ledger": [values[f"{role}Ledger"] for role in roles],
        "$.trained.solution.judged": [values[f"{role}Judged"] for role in roles],
    }
    found: set[tuple[str, str]] = set()
    for _, state in states(MACHINE):
        if not str(state.get("Resource", "")).startswith(PREFIX):
            continue
        call = integration(state["Resource"])
        parameters = {key.removesuffix(".$"): value for key, value in state["Parameters"].items()}
        service = {"stepfunctions": "states", "personalize-runtime": "personalize"}.get(call.service, call.service)
        if service == "cloudwatch":
            resources = ["*"]
        elif service == "ssm":
            given = parameters["Name"]
            paths = told[given] if given.startswith("$.") else [_filled(given, values)]
            resources = [f"arn:aws:ssm:us-east-1:123456789012:parameter{path}" for path in paths]
        elif service == "s3":
            key = values["PopularKey"] if parameters["Key"] == "${PopularKey}" else "runs/dt=2026-11-22/any.json"
            resources = [f"arn:aws:s3:::{values['SeedBucket']}/{key}"]
        elif service == "dynamodb":
            resources = [f"arn:aws:dynamodb:us-east-1:123456789012:table/{values['LockTable']}"]
        elif service == "sns":
            resources = [values["TopicArn"]]
        else:
            (name,) = [
                name
                for name in ("CampaignArn", "ExecutionArn", "SolutionVersionArn", "SolutionArn")
                if name in parameters
            ][:1]
            # A canary asks the campaign of its own role in the way of that role.
            own = {"GetRecommendations": "Recommendation", "GetPersonalizedRanking": "Reranking"}.get(call.operation)
            resources = [values[f"{own}CampaignArn"]] if own in roles else [] if own else dynamic[name]
        found |= {(f"{service}:{call.operation}", resource) for resource in resources}
    return found | {("lambda:InvokeFunction", values["EvaluateFunctionArn"])}


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)


def grants(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    return any(
        action in as_list(s["Action"]) and any(fnmatchcase(resource, pattern) for pattern in as_list(s["Resource"]))
        for s in statements
    )


@pytest.fixture(scope="module")
def with_baseline() -> Synthesis:
    return synthesize(popularityBaseline=True)


def test_every_placeholder_has_a_value_and_every_value_a_placeholder(dev: Synthesis) -> None:
    """DefinitionSubstitutions and the definition name the same things."""
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(substitutions(dev))


def test_the_deployed_definition_is_the_file(dev: Synthesis) -> None:
    """Sound, and with nothing but its white space gone."""
    machine = dev.resource("training", "AWS::StepFunctions::StateMachine")
    assert json.loads(machine["DefinitionString"]) == MACHINE
    assert problems(json.loads(_filled(machine["DefinitionString"], substitutions(dev)))) == []


@pytest.mark.parametrize("variant", ["dev", "without_reranking", "with_baseline"])
def test_the_role_grants_every_call_of_the_definition(variant: str, request: pytest.FixtureRequest) -> None:
    """Action and resource, call by call."""
    synthesis = request.getfixturevalue(variant)
    statements = role_statements(synthesis)
    missing = {call for call in calls(substitutions(synthesis)) if not grants(statements, *call)}
    assert missing == set()


def test_the_role_grants_nothing_that_is_not_called(dev: Synthesis) -> None:
    """Apart from what logs, traces and the key need, each granted action is a call."""
    granted = {action for s in role_statements(dev) for action in as_list(s["Action"])}
    assert {a for a in granted if a.split(":")[0] not in PLATFORM} == {
        action for action, _ in calls(substitutions(dev))
    }


def test_without_reranking_nothing_of_it_is_granted(without_reranking: Synthesis) -> None:
    """Neither its solution nor its campaign nor its ledger."""
    assert "rerank" not in json.dumps(role_statements(without_reranking)).lower()


def test_metrics_are_published_to_the_own_namespace_alone(dev: Synthesis) -> None:
    """PutMetricData knows no resources; a condition holds it to the project's namespace."""
    (statement,) = [s for s in role_statements(dev) if "cloudwatch:PutMetricData" in as_list(s["Action"])]
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "AnimalRecommender"}}


def test_resources_are_wildcards_only_where_iam_knows_none(dev: Synthesis) -> None:
    """`*` stands only beside actions without resource types."""
    anywhere = {a for s in role_statements(dev) if "*" in as_list(s["Resource"]) for a in as_list(s["Action"])}
    assert {action.split(":")[0] for action in anywhere} == {"logs", "xray", "cloudwatch"}


def test_the_schedule_starts_the_machine_and_nothing_else(dev: Synthesis) -> None:
    """The config's expression, an input that says who started it, a role for this one call."""
    schedule = dev.resource("training", "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == load_settings("dev").schedule
    assert json.loads(schedule["Target"]["Input"]) == {"trigger": "schedule"}
    roles = dev.resources("training", "AWS::IAM::Role").values()
    (role,) = [role for role in roles if role["RoleName"].endswith("-trigger-role-rol")]
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "states:StartExecution"
    assert statement["Resource"].endswith(":stateMachine:dev-recommender-state-machine-stm")


def test_the_gate_has_the_configs_limits(dev: Synthesis) -> None:
    """What the function decides by is the environment's config; it may call no service."""
    settings = load_settings("dev")
    (gate,) = [
        f["Environment"]["Variables"]
        for f in dev.resources("training", "AWS::Lambda::Function").values()
        if "PROMOTION_THRESHOLD" in f["Environment"]["Variables"]
    ]
    assert float(gate["PROMOTION_THRESHOLD"]) == settings.promotion_threshold
    assert float(gate["REGRESSION_TOLERANCE"]) == settings.regression_tolerance
    assert float(gate["COVERAGE_FLOOR"]) == settings.coverage_floor
    assert int(gate["MIN_NEW_EVENTS"]) == settings.min_new_events


def test_d47_the_gate_has_time_and_memory(dev: Synthesis) -> None:
    """Three seconds and 128 MB are not enough for a cold start."""
    (gate,) = dev.resources("training", "AWS::Lambda::Function").values()
    assert gate["Timeout"] >= 30
    assert gate["MemorySize"] >= 256


def test_the_lock_is_the_table_of_the_data_stack(dev: Synthesis) -> None:
    """Of the lock of before nothing is granted: what is left of earlier executions can take it no more."""
    (table,) = dev.resources("data", "AWS::DynamoDB::Table").values()
    assert substitutions(dev)["LockTable"] == table["TableName"]
    assert not grants(
        role_statements(dev),
        "ssm:PutParameter",
        "arn:aws:ssm:us-east-1:123456789012:parameter/animal-recommender/dev/lock",
    )


def test_the_key_is_used_for_the_lock_by_way_of_dynamodb_alone(dev: Synthesis) -> None:
    """What the table's encryption asks for beyond reading and writing messages and objects."""
    (statement,) = [s for s in role_statements(dev) if "kms:Encrypt" in as_list(s["Action"])]
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
