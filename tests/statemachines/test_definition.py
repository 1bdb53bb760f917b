"""The definition itself: valid, complete, bounded, and true to the services that it calls."""

import itertools
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.session import get_session

from infra.definitions import TRAIN, definition_text
from lambdas.evaluate_version.limits import LONGEST_TRAINING_SECONDS, LONGEST_UPDATE_SECONDS
from local_cloud.emulator.states.definition import problems, states
from local_cloud.emulator.states.integrations import PREFIX, integration
from tests.statemachines.world import ROOT

TEXT = definition_text(TRAIN)
MACHINE = json.loads(TEXT)
STATES: Mapping[str, Mapping[str, Any]] = dict(states(MACHINE))
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
CALLS = {name: state for name, state in TASKS.items() if state["Resource"].startswith(PREFIX)}
OUTSIDE_THE_SDK = {
    "States.ALL",
    "States.Timeout",
    "States.DataLimitExceeded",
    "States.IntrinsicFailure",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
LOCK_CHECKS = {
    *("RenewLock", "CheckLockForUpdate", "CheckLockForLedger", "CheckLockForRollback", "CheckLockForCorrection"),
}
"""Their answers are the item as this run has just written it."""
TOLD_ONCE = {"SendNotification"}
"""Not tried again after a lost answer: nobody is told twice."""
HISTORY_LIMIT = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
EVENTS_OF_A_TASK = 5
EVENTS_OF_ANOTHER_STATE = 2


def test_the_validator_finds_nothing(tmp_path):
    """asl-validator knows the language's schema, unreachable states and wrong paths."""
    validator = ROOT / "node_modules" / ".bin" / "asl-validator"
    rendered = tmp_path / "train.asl.json"
    rendered.write_text(TEXT, encoding="utf-8")
    found = subprocess.run([validator, "--json-path", rendered], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_step_functions_would_take_it():
    """No dangling target, no name twice, no unknown service, action or parameter, nothing required missing."""
    assert problems(MACHINE) == []


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_integration_is_in_the_services_model(name):
    """Service, action and the case of each parameter, against botocore's models."""
    state = CALLS[name]
    found = integration(state["Resource"])
    model = get_session().get_service_model(found.service)
    members = model.operation_model(found.operation).input_shape.members
    given = {key.removesuffix(".$") for key in state["Parameters"]}
    assert given <= {member[:1].upper() + member[1:] for member in members}


def test_no_parameter_has_a_name_whose_case_is_uncertain():
    """Runs of capitals (minProvisionedTPS) are spelt by rules that no page of the guide gives: none is used."""
    names = {key for state in CALLS.values() for key in _keys(state["Parameters"])}
    assert [n for n in names if any(a.isupper() and b.isupper() for a, b in itertools.pairwise(n))] == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_error_names_are_those_of_aws(name):
    """What Retry and Catch name exists: `Ssm.ParameterNotFoundException`, not `Ssm.ParameterNotFound`."""
    state = TASKS[name]
    known = integration(state["Resource"]).error_names() if name in CALLS else set()
    named = {error for key in ("Retry", "Catch") for rule in state.get(key, []) for error in rule["ErrorEquals"]}
    assert named <= known | OUTSIDE_THE_SDK


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_an_end_and_a_way_out(name):
    """A time-out of its own, a retry for what passes, and a catch of everything else (D47)."""
    state = TASKS[name]
    assert 0 < state["TimeoutSeconds"] <= 60
    assert ("States.Timeout" in state["Retry"][0]["ErrorEquals"]) is (name not in TOLD_ONCE)
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", [*sorted(TASKS), "TrainSolutions", "PromoteVersions"])
def test_too_much_data_is_caught_by_its_name(name):
    """States.ALL does not hold States.DataLimitExceeded: an entry of its own goes the same way."""
    *_, by_name, everything_else = STATES[name]["Catch"]
    assert by_name == {**everything_else, "ErrorEquals": ["States.DataLimitExceeded"]}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_answers_are_read_in_part_and_never_by_a_path_that_may_be_missing(name):
    """A state keeps the members that it needs, by wildcards; the gate alone, which is ours, is trusted to answer whole."""
    state = TASKS[name]
    if state["ResultPath"] is None if "ResultPath" in state else False:
        return
    root = "$.Payload" if state["Resource"].endswith("lambda:invoke") else ("$.*", "$..")
    paths = [value for key, value in state["ResultSelector"].items() if key.endswith(".$")]
    assert all(path.startswith(root) for path in paths), paths


@pytest.mark.parametrize("name", ["GetCanaryRecommendations", "GetCanaryRanking"])
def test_every_canary_is_somebody_else(name):
    """A fixed name gathers a history of its own, and its popular list is everybody's."""
    assert STATES[name]["Parameters"]["UserId.$"] == "States.UUID()"
    assert [key for state in CALLS.values() for key in state["Parameters"] if key in ("UserId", "SessionId")] == []


@pytest.mark.parametrize("name", sorted(n for n, s in STATES.items() if s["Type"] == "Choice"))
def test_d46_every_choice_has_a_default(name):
    """No payload ends a run with a bare runtime error for want of a matching rule."""
    assert "Default" in STATES[name]


@pytest.mark.parametrize("name", sorted(n for n, s in STATES.items() if s["Type"] == "Choice"))
def test_optional_members_are_asked_for_before_they_are_read(name):
    """A Choice that reads a member the service may leave out asks IsPresent first: a missing path ends the run."""
    for rule in STATES[name]["Choices"]:
        _assert_guarded(rule, frozenset(), name)


def _assert_guarded(rule: Mapping[str, Any], present: frozenset[str], name: str) -> None:
    if "And" in rule:
        for part in rule["And"]:
            _assert_guarded(part, present, name)
            present |= {part["Variable"]} if part.get("IsPresent") is True else frozenset()
        return
    for part in rule.get("Or", [rule["Not"]] if "Not" in rule else []):
        _assert_guarded(part, present, name)
    if "Variable" in rule and "IsPresent" not in rule and _is_optional(rule["Variable"]):
        assert rule["Variable"] in present, f"{name} reads {rule['Variable']} without asking for it"


def _is_optional(path: str) -> bool:
    """What an answer gives is a list that may be empty; a cause may be missing."""
    return path.endswith(("[0]", ".Cause"))


def test_d51_statuses_are_compared_by_equality():
    """No pattern, no substring: only StringEquals touches a status."""
    rules = [rule for state in STATES.values() for rule in _rules(state.get("Choices", []))]
    about_status = [rule for rule in rules if rule.get("Variable", "").lower().endswith("status[0]")]
    assert about_status
    assert {key for rule in about_status for key in rule} <= {
        "Variable",
        "StringEquals",
        "IsPresent",
        "IsString",
        "Next",
    }


def test_d39_the_slowest_run_ends_before_the_machine_does_and_fits_the_history():
    """Every wait at its longest, one after the other, stays under the machine's time-out and its number of events."""
    lock = 12 * STATES["WaitForLock"]["Seconds"]
    busy = STATES["RollBackCampaign"]["Retry"][1]
    waits = lock + LONGEST_TRAINING_SECONDS + 2 * LONGEST_UPDATE_SECONDS
    waits += LONGEST_UPDATE_SECONDS + STATES["WaitForOtherUpdate"]["Seconds"]
    assert waits + busy["IntervalSeconds"] * busy["MaxAttempts"] + 3600 < MACHINE["TimeoutSeconds"]
    poll = EVENTS_OF_A_TASK + 2 * EVENTS_OF_ANOTHER_STATE
    trainings = 3 * poll * LONGEST_TRAINING_SECONDS // STATES["WaitForTraining"]["Seconds"]
    updates = 2 * 2 * poll * LONGEST_UPDATE_SECONDS // STATES["WaitForUpdate"]["Seconds"]
    locks = 12 * (4 * EVENTS_OF_A_TASK + 6 * EVENTS_OF_ANOTHER_STATE)
    put_backs = 2 * EVENTS_OF_A_TASK * busy["MaxAttempts"]
    # A throttled look tries six times within its two minutes, three events each, and waits then like any other.
    throttled = EVENTS_OF_A_TASK + 3 * 5 + 2 * EVENTS_OF_ANOTHER_STATE
    assert throttled / (135 + STATES["WaitForTraining"]["Seconds"]) < poll / STATES["WaitForTraining"]["Seconds"]
    assert throttled / (135 + STATES["WaitForUpdate"]["Seconds"]) < poll / STATES["WaitForUpdate"]["Seconds"]
    other = 4 * EVENTS_OF_A_TASK + 6 * EVENTS_OF_ANOTHER_STATE
    others = 2 * other * (1 + LONGEST_UPDATE_SECONDS // STATES["WaitForOtherUpdate"]["Seconds"])
    everything_once = 3 * EVENTS_OF_A_TASK * len(STATES)
    assert trainings + updates + locks + put_backs + others + everything_once < HISTORY_LIMIT


def test_every_way_to_a_campaign_or_a_ledger_leads_through_the_lock():
    """Nothing but a check of the lock is followed by a state that updates a campaign or writes a ledger."""
    protected = {
        name
        for name, state in CALLS.items()
        if state["Resource"].endswith((":updateCampaign", "ssm:putParameter", "ssm:deleteParameter"))
        # A note about a version changes neither what serves nor what the ledger says.
        and name != "RecordJudgement"
    }
    assert protected == {"UpdateCampaign", "WriteLedger", "RollBackCampaign", "CorrectLedger"}
    ways = {(name, following) for name, state in STATES.items() for following in _followers(state)}
    checks = {(name, following) for name, following in ways if following in protected}
    assert len(checks) == len(protected)
    for name, following in checks:
        assert STATES[name]["Resource"].endswith("dynamodb:updateItem")
        assert STATES[name]["Parameters"]["ConditionExpression"] == "holder = :me AND life = :life"
        assert "$.checked.redrives" in json.dumps(STATES[following]["Parameters"])


@pytest.mark.parametrize("name", sorted(n for n, s in CALLS.items() if ":dynamodb:" in s["Resource"]))
def test_every_write_of_the_lock_names_its_holder(name):
    """No unconditional write; reads are consistent ones."""
    parameters = CALLS[name]["Parameters"]
    if CALLS[name]["Resource"].endswith(":getItem"):
        assert parameters["ConsistentRead"] is True
    else:
        assert "holder = :me" in parameters["ConditionExpression"]
        assert parameters["ExpressionAttributeValues"][":me"] == {"S.$": "$$.Execution.Id"}


def _followers(state: Mapping[str, Any]) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", []), state]
    return [rule["Next"] for rule in rules if "Next" in rule] + ([state["Default"]] if "Default" in state else [])


def test_failures_carry_the_marker():
    """The error of every Fail state begins with the word that the rule for silent ends leaves out."""
    fails = {name: state for name, state in STATES.items() if state["Type"] == "Fail"}
    assert set(fails) == {"NotificationFailed", "RunFailed"}
    assert fails["NotificationFailed"]["Error"].startswith("AnimalRecommender.")
    errors = {s["Parameters"]["error"] for s in STATES.values() if "error" in s.get("Parameters", {})}
    assert {error.split(".")[0] for error in errors} == {"AnimalRecommender"}


def test_it_is_jsonpath_without_variables():
    """The local cloud knows no variables; the language of the definition must not change by a slip."""
    assert "QueryLanguage" not in TEXT
    assert '"Assign"' not in TEXT


def test_d44_nothing_is_announced_before_the_work():
    """The only publications are the one message at the end; no state of the Maps sends anything."""
    publishing = [name for name, state in CALLS.items() if state["Resource"].endswith("sns:publish")]
    assert publishing == ["SendNotification"]
    assert "SendNotification" in MACHINE["States"]


def _keys(template: Any) -> list[str]:
    if isinstance(template, dict):
        return [k for key, value in template.items() for k in (key.removesuffix(".$"), *_keys(value))]
    return [k for item in template for k in _keys(item)] if isinstance(template, list) else []


def _rules(rules: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = []
    for rule in rules:
        inner = [*rule.get("And", []), *rule.get("Or", []), *([rule["Not"]] if "Not" in rule else [])]
        found += [rule, *_rules(inner)]
    return found
