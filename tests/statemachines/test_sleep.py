"""Sleeping and waking by schedule: the definition, and what it does whatever fails; AWS is a stand-in in memory."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.definitions import SLEEP, TRAIN, definition, definition_text
from local_cloud.emulator.states.definition import problems, states
from local_cloud.emulator.states.integrations import integration
from local_cloud.emulator.states.language import LONGEST_CAUSE, StatesError
from tests.statemachines.fake_stacks import (
    DEPLOY,
    MACHINE,
    ME,
    OTHER,
    SETTLED,
    STACKS,
    Sky,
    is_as_told,
)
from tests.statemachines.interpreter import Interpreter, StoppedError
from tests.statemachines.world import ROOT

TRAINING = dict(states(definition(TRAIN)))
STATES: Mapping[str, Mapping[str, Any]] = dict(states(MACHINE))
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
BEFORE_THE_LOCK = ("AcquireLock", "ReadLock", "DescribeLockHolder", "TakeOverLock")


@pytest.fixture
def sky() -> Sky:
    return Sky()


# --- the definition


def test_the_validator_finds_nothing(tmp_path: Path) -> None:
    """asl-validator knows the language's schema, unreachable states and wrong paths."""
    validator = ROOT / "node_modules" / ".bin" / "asl-validator"
    rendered = tmp_path / "sleep.asl.json"
    rendered.write_text(definition_text(SLEEP), encoding="utf-8")
    found = subprocess.run([validator, "--json-path", rendered], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_step_functions_would_take_it() -> None:
    """No dangling target, no name twice, no unknown service, action or parameter, nothing required missing."""
    assert problems(MACHINE) == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_an_end_and_a_way_out_by_names_that_aws_has(name: str) -> None:
    """A time-out, a catch of everything else, and no error name that does not exist."""
    state = TASKS[name]
    known = integration(state["Resource"]).error_names() | {"States.ALL", "States.Timeout", "States.IntrinsicFailure"}
    assert {e for key in ("Retry", "Catch") for rule in state[key] for e in rule["ErrorEquals"]} <= known
    assert 0 < state["TimeoutSeconds"] <= 60
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", sorted(n for n, s in STATES.items() if s["Type"] == "Choice"))
def test_every_choice_has_a_default(name: str) -> None:
    """No payload ends a run with a bare runtime error."""
    assert "Default" in STATES[name]


@pytest.mark.parametrize("name", ["AcquireLock", "ReadLock", "DescribeLockHolder", "TakeOverLock"])
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


@pytest.mark.parametrize(
    "given",
    [{}, {"asleep": True}, {"asleep": "maybe"}, {"Asleep": "true"}, {"asleep": None}, {"asleep": "x" * 262_000}, []],
)
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


# --- redriven


def stopped(at: str) -> Sky:
    """After a run that found a dead holder's lock and was stopped the first time that it came to the state."""
    sky = Sky()
    sky.hold(OTHER, heartbeat="then", kind="execution")
    sky.runs[OTHER] = ["FAILED"]
    if at == "SendNotification":
        sky.always["WriteParameter"] = StatesError("Ssm.SsmException", "no")

    def stop(state: str) -> None:
        if state == at:
            raise StoppedError

    sky.before = stop
    assert sky.run({"asleep": "true"}).status == "ABORTED"
    sky.before = lambda _state: None
    sky.always.clear()
    sky.called.clear()
    sky.runs[ME] = ["ABORTED"]
    return sky


@pytest.mark.parametrize("at", sorted(TASKS))
def test_a_redriven_run_changes_nothing_while_another_holds_the_lock(at: str) -> None:
    """Stopped at every call: no write, no update, and the lock is the other's still."""
    sky = stopped(at)
    sky.hold(DEPLOY, heartbeat="then", kind="deploy", expires="2030-01-01T00:00:00.000Z")
    ended = sky.redrive({"asleep": "true"})
    assert {"putParameter", "updateStack"}.isdisjoint(sky.called)
    assert sky.items.found["${LockId}"]["holder"] == DEPLOY
    assert ended.status == "FAILED" or at in ("ReleaseLock", "CheckUpdateStatus"), ended


@pytest.mark.parametrize("at", sorted(set(TASKS) - set(BEFORE_THE_LOCK)))
def test_a_redriven_run_changes_nothing_when_another_had_the_lock(at: str) -> None:
    """It was woken and the lock given back: the run that was to put it to sleep leaves it awake."""
    sky = stopped(at)
    woken = Interpreter(MACHINE, sky.call, sky.clock).run("next", f"{ME}2", {"asleep": "false"})
    assert woken.status == "SUCCEEDED"
    sky.called.clear()
    sky.redrive({"asleep": "true"})
    assert {"putParameter", "updateStack"}.isdisjoint(sky.called)
    assert is_as_told(sky, "false")


@pytest.mark.parametrize("at", sorted(TASKS))
def test_a_redriven_run_that_kept_the_lock_ends_in_order(at: str) -> None:
    """It finishes, or says what finishes it where it was redriven into the call itself; the lock is free."""
    sky = stopped(at)
    ended = sky.redrive({"asleep": "true"})
    assert not sky.items.found
    if at in ("WriteParameter", "UpdateStack"):
        assert ended.error == "AnimalRecommender.LockNotTaken"
        assert {"putParameter", "updateStack"}.isdisjoint(sky.called)
        assert "which finishes" in sky.told[0]
    elif at != "SendNotification":
        assert ended.status == "SUCCEEDED"
        assert is_as_told(sky, "true")


@pytest.mark.parametrize("action", ["ssm:putParameter", "cloudformation:updateStack"])
def test_nothing_but_a_check_of_the_lock_leads_to_a_change(action: str) -> None:
    """And the call compares its redrives with the check's."""
    ((name, state),) = ((name, state) for name, state in TASKS.items() if state["Resource"].endswith(action))
    before = [other for other, known in STATES.items() if f'"Next": "{name}"' in json.dumps(known)]
    assert [TASKS[other]["Parameters"]["UpdateExpression"] for other in before] == [
        "SET heartbeat = :now, redrives = :redrives"
    ]
    assert "$.checked.redrives" in json.dumps(state["Parameters"])


# --- odd answers and items


@pytest.mark.parametrize("at", ["CheckLockForParameter", "CheckLockForUpdate"])
def test_a_check_without_an_answer_is_a_lost_lock(at: str) -> None:
    """Nothing is changed by what it was to guard; the run ends with a word."""
    sky = Sky()
    sky.odd[at] = {}
    assert sky.run({"asleep": "true"}).error == "AnimalRecommender.LockNotTaken"
    assert (sky.updates, len(sky.told)) == ([], 1)
    assert not sky.items.found


def test_a_dead_holder_without_a_heartbeat_is_taken_over(sky: Sky) -> None:
    """An item that lacks what others have ends no run, this one or the next."""
    sky.hold(OTHER)
    sky.runs[OTHER] = ["FAILED"]
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")


def test_a_holder_whose_status_is_not_told_is_waited_for(sky: Sky) -> None:
    """An answer without it ends no run; the next look tells."""
    sky.hold(OTHER, heartbeat="then", kind="execution")
    sky.runs[OTHER] = ["FAILED"]
    looks = []

    def answer(state: str) -> None:
        looks.extend([state] if state == "DescribeLockHolder" else [])
        sky.odd = {"DescribeLockHolder": {}} if len(looks) < 3 else {}

    sky.before = answer
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert len(looks) == 3
    assert is_as_told(sky, "true")


@pytest.mark.parametrize("name", ["AcquireLock", "CheckLockForParameter", "CheckLockForUpdate"])
def test_a_lock_that_fails_is_told_by_the_name_of_its_error(sky: Sky, name: str) -> None:
    """A cause may be as long as all that the end of a run can tell: the execution's history has it."""
    sky.always[name] = StatesError("DynamoDb.ResourceNotFoundException", '"' * LONGEST_CAUSE)
    ended = sky.run({"asleep": "true"})
    assert ended.error == "AnimalRecommender.LockNotTaken"
    assert "DynamoDb.ResourceNotFoundException" in sky.told[0]
    assert len(sky.told[0]) < 1_000


def errors_of(name: str) -> list[str]:
    return [*sorted(integration(TASKS[name]["Resource"]).error_names()), "States.Timeout"]


@pytest.mark.parametrize(("name", "error"), [(name, error) for name in sorted(TASKS) for error in errors_of(name)])
def test_whatever_fails_for_good_ends_with_a_word_and_the_next_run_finishes(sky: Sky, name: str, error: str) -> None:
    """Every error of every call: the run ends, says so where it can, and what it began is finished by the next."""
    sky.items.found["${LockId}"] = {"id": "${LockId}", "holder": OTHER, "heartbeat": "then", "kind": "execution"}
    sky.runs[OTHER] = ["SUCCEEDED"]
    sky.always[name] = StatesError(error, "it is so")
    if name in ("SendNotification",):
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


@pytest.mark.parametrize(
    "name", sorted(set(TASKS) - {"SendNotification", "ReleaseLock", "DescribeLockHolder", "ReadLock", "TakeOverLock"})
)
def test_what_passes_is_tried_again(sky: Sky, name: str) -> None:
    """A lost answer or a throttled call changes nothing in the end."""
    service = integration(TASKS[name]["Resource"]).prefix
    passing = StatesError(f"{service}.{service}Exception", "Rate exceeded")
    sky.faults[name] = [passing, StatesError("States.Timeout", "")]
    assert sky.run({"asleep": "true"}).status == "SUCCEEDED"
    assert is_as_told(sky, "true")
