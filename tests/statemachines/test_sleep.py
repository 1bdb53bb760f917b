"""Sleeping and waking by schedule: the definition, and what it does whatever fails; AWS is a stand-in in memory."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from local.cloud.states_definition import problems, states
from local.cloud.states_integrations import integration
from local.cloud.states_language import StatesError
from tests.statemachines.fake_items import Items, RefusedError
from tests.statemachines.interpreter import Clock, Ended, Interpreter
from tests.statemachines.world import ROOT

DEFINITION = ROOT / "statemachines" / "sleep.asl.json"
MACHINE = json.loads(DEFINITION.read_text(encoding="utf-8"))
TRAINING = dict(states(json.loads((ROOT / "statemachines" / "train.asl.json").read_text(encoding="utf-8"))))
STATES: Mapping[str, Mapping[str, Any]] = dict(states(MACHINE))
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
ME, OTHER = "arn:aws:states:us-east-1:123456789012:execution:sleep:me", "arn:aws:states:us-east-1:1:execution:train:x"
STACKS = ("${CampaignsStack}", "${TrainingStack}", "${MonitoringStack}")
SETTLED = "UPDATE_COMPLETE"


def refusal(message: str) -> StatesError:
    """CloudFormation's ValidationError, which Step Functions knows by the service's name alone."""
    return StatesError(
        "CloudFormation.CloudFormationException", f"{message} (Service: CloudFormation, Status Code: 400)"
    )


class Sky:
    """The parameter, three stacks that read it at each update, the lock, and the topic."""

    def __init__(self) -> None:
        self.parameter = "false"
        self.read = dict.fromkeys(STACKS, "false")
        self.statuses: dict[str, list[str]] = {stack: [] for stack in STACKS}
        """What the next looks find, before the stack is settled."""
        self.items = Items()
        self.runs: dict[str, list[str]] = {}
        self.told: list[str] = []
        self.faults: dict[str, list[StatesError]] = {}
        self.always: dict[str, StatesError] = {}
        self.updates: list[Any] = []
        self.clock = Clock()

    def run(self, given: Any) -> Ended:
        return Interpreter(MACHINE, self.call, self.clock).run("me", ME, given)

    def call(self, state: str, resource: str, given: Any) -> Any:
        if state in self.always:
            raise self.always[state]
        if self.faults.get(state):
            raise self.faults[state].pop(0)
        action = resource.rpartition(":")[2]
        try:
            return getattr(self, action)(given)
        except RefusedError:
            raise StatesError("DynamoDb.ConditionalCheckFailedException", "The conditional request failed") from None

    def updateItem(self, given: Any) -> Any:  # noqa: N802 - the action's name
        return self.items.update(given)

    def getItem(self, given: Any) -> Any:  # noqa: N802
        return self.items.get(given)

    def deleteItem(self, given: Any) -> Any:  # noqa: N802
        return self.items.delete(given)

    def describeExecution(self, given: Any) -> Any:  # noqa: N802
        statuses = self.runs[given["ExecutionArn"]]
        return {"Status": statuses.pop(0) if len(statuses) > 1 else statuses[0]}

    def putParameter(self, given: Any) -> Any:  # noqa: N802
        assert given["Overwrite"] is True
        self.parameter = given["Value"]
        return {"Version": 2}

    def describeStacks(self, given: Any) -> Any:  # noqa: N802
        stack = given["StackName"]
        if stack not in self.read:
            raise refusal(f"Stack with id {stack} does not exist")
        waiting = self.statuses[stack]
        status = waiting.pop(0) if waiting else SETTLED
        return {"Stacks": [{"StackStatus": status, "Parameters": [{"ParameterKey": "Asleep", "ParameterValue": "x"}]}]}

    def updateStack(self, given: Any) -> Any:  # noqa: N802
        stack = given["StackName"]
        assert given["UsePreviousTemplate"] is True
        assert given["Parameters"] == [{"ParameterKey": "Asleep", "UsePreviousValue": True}]
        assert self.items.found, "no update without the lock"
        self.updates.append(stack)
        if self.read[stack] == self.parameter:
            raise refusal("No updates are to be performed.")
        self.read[stack] = self.parameter
        return {"StackId": stack}

    def publish(self, given: Any) -> Any:
        self.told.append(given["Message"])
        return {"MessageId": "1"}


@pytest.fixture
def sky() -> Sky:
    return Sky()


def is_as_told(sky: Sky, value: str) -> bool:
    return sky.parameter == value and set(sky.read.values()) == {value} and not sky.items.found


# --- the definition


def test_the_validator_finds_nothing() -> None:
    """asl-validator knows the language's schema, unreachable states and wrong paths."""
    validator = ROOT / "node_modules" / ".bin" / "asl-validator"
    found = subprocess.run([validator, "--json-path", DEFINITION], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_step_functions_would_take_it() -> None:
    """No dangling target, no name twice, no unknown service, action or parameter, nothing required missing."""
    assert problems(MACHINE) == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_an_end_and_a_way_out_by_names_that_aws_has(name: str) -> None:
    """A time-out, a catch of everything else, and no error name that does not exist."""
    state = TASKS[name]
    known = integration(state["Resource"]).error_names() | {"States.ALL", "States.Timeout"}
    assert {e for key in ("Retry", "Catch") for rule in state[key] for e in rule["ErrorEquals"]} <= known
    assert 0 < state["TimeoutSeconds"] <= 60
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", sorted(n for n, s in STATES.items() if s["Type"] == "Choice"))
def test_every_choice_has_a_default(name: str) -> None:
    """No payload ends a run with a bare runtime error."""
    assert "Default" in STATES[name]


@pytest.mark.parametrize("name", ["TakeLock", "ReadLock", "AskForHolder", "TakeOver"])
def test_it_has_the_lock_of_the_training(name: str) -> None:
    """The same item by the same conditional writes, so that each respects the other."""
    same = ("Resource", "Parameters", "Retry", "ResultPath", "TimeoutSeconds")
    assert {key: STATES[name][key] for key in same} == {key: TRAINING[name][key] for key in same}


# --- what it does


@pytest.mark.parametrize("value", ["true", "false"])
def test_it_does_what_its_input_says_and_does_it_again(sky: Sky, value: str) -> None:
    """Parameter first, then the stacks, each with what it has; nobody is told of what went well."""
    sky.read = dict.fromkeys(STACKS, "true" if value == "false" else "false")
    for _ in range(2):
        ended = sky.run({"asleep": value})
        assert (ended.status, ended.output) == ("SUCCEEDED", {"asleep": value})
        assert is_as_told(sky, value)
    assert sky.told == []


@pytest.mark.parametrize("given", [{}, {"asleep": True}, {"asleep": "maybe"}, {"Asleep": "true"}, {"asleep": None}])
def test_a_misspelt_input_changes_nothing(sky: Sky, given: Any) -> None:
    """It is told."""
    ended = sky.run(given)
    assert (ended.status, ended.error) == ("FAILED", "AnimalRecommender.UnknownInput")
    assert (sky.parameter, sky.updates, len(sky.told)) == ("false", [], 1)


def test_before_the_first_promotion_there_is_no_campaigns_stack(sky: Sky) -> None:
    """The others are updated all the same."""
    del sky.read[STACKS[0]]
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")


def test_a_stack_that_is_being_deployed_is_waited_for(sky: Sky) -> None:
    """Before the update and during it."""
    sky.statuses[STACKS[1]] = ["UPDATE_IN_PROGRESS"] * 20 + [SETTLED] + ["UPDATE_IN_PROGRESS"] * 20
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"])
def test_a_failed_update_is_told_and_the_next_run_finishes(sky: Sky, status: str) -> None:
    """With the stack's name and status; the lock is free."""
    sky.statuses[STACKS[0]] = [SETTLED, status]
    ended = sky.run({"asleep": "true"})
    assert (ended.status, ended.error) == ("FAILED", "AnimalRecommender.StackNotUpdated")
    assert status in sky.told[0]
    assert not sky.items.found
    assert sky.run({"asleep": "false"}).status == "SUCCEEDED"
    assert is_as_told(sky, "false")


def test_a_training_run_is_waited_for(sky: Sky) -> None:
    """However many times it is found at work; then its lock, which it has not released, is taken over."""
    sky.items.found["${LockId}"] = {"id": "${LockId}", "holder": OTHER, "heartbeat": "then", "kind": "execution"}
    sky.runs[OTHER] = ["RUNNING"] * 50 + ["ABORTED"]
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")


def test_a_lock_that_is_never_free_is_told(sky: Sky) -> None:
    """After twelve hours; nothing was changed, and the lock is its holder's."""
    sky.items.found["${LockId}"] = {"id": "${LockId}", "holder": OTHER, "heartbeat": "then", "kind": "execution"}
    sky.runs[OTHER] = ["RUNNING"]
    assert sky.run({"asleep": "true"}).error == "AnimalRecommender.LockNotTaken"
    assert (sky.parameter, sky.updates, len(sky.told)) == ("false", [], 1)
    assert sky.items.found["${LockId}"]["holder"] == OTHER


def test_a_run_that_lost_the_lock_stops(sky: Sky) -> None:
    """It looks before each update, and leaves the other's lock alone."""
    looked = sky.describeStacks

    def robbed(given: Any) -> Any:
        sky.items.found["${LockId}"]["holder"] = OTHER
        return looked(given)

    sky.describeStacks = robbed  # type: ignore[method-assign]
    assert sky.run({"asleep": "true"}).error == "AnimalRecommender.LockNotTaken"
    assert sky.updates == []
    assert sky.items.found["${LockId}"]["holder"] == OTHER


def errors_of(name: str) -> list[str]:
    return [*sorted(integration(TASKS[name]["Resource"]).error_names()), "States.Timeout"]


@pytest.mark.parametrize(("name", "error"), [(name, error) for name in sorted(TASKS) for error in errors_of(name)])
def test_whatever_fails_for_good_ends_with_a_word_and_the_next_run_finishes(sky: Sky, name: str, error: str) -> None:
    """Every error of every call: the run ends, says so where it can, and what it began is finished by the next."""
    sky.items.found["${LockId}"] = {"id": "${LockId}", "holder": OTHER, "heartbeat": "then", "kind": "execution"}
    sky.runs[OTHER] = ["SUCCEEDED"]
    sky.always[name] = StatesError(error, "it is so")
    if name in ("Notify",):
        sky.always["WriteParameter"] = StatesError("Ssm.SsmException", "no")
    ended = sky.run({"asleep": "true"})
    if ended.status == "FAILED":
        assert ended.error.startswith("AnimalRecommender.") or ended.error == "NotificationFailed"
        assert len(sky.told) == (ended.error != "NotificationFailed")
    else:
        assert set(sky.read.values()) == {"true"}
    sky.always.clear()
    for arn in (ME, OTHER):
        sky.runs[arn] = ["FAILED"]
    assert Interpreter(MACHINE, sky.call, sky.clock).run("next", f"{ME}2", {"asleep": "false"}).status == "SUCCEEDED"
    assert is_as_told(sky, "false")


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"Notify", "ReleaseLock", "AskForHolder", "ReadLock", "TakeOver"}))
def test_what_passes_is_tried_again(sky: Sky, name: str) -> None:
    """A lost answer or a throttled call changes nothing in the end."""
    service = integration(TASKS[name]["Resource"]).prefix
    passing = StatesError(f"{service}.{service}Exception", "Rate exceeded")
    sky.faults[name] = [passing, StatesError("States.Timeout", "")]
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")
