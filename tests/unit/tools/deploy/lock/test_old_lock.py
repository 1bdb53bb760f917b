"""The upgrade of an environment whose lock is still a parameter."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools.deploy.base.errors import DeployError
from tools.deploy.lock import lock, old_lock
from tools.deploy.lock.lock import LockLostError
from tools.deploy.lock.old_lock import CLOSED
from tools.deploy.lock.pace import Pace
from tools.environment.connection import Connection

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:dev-recommender-state-machine-stm:run"
OLD_DEPLOY = "deploy:elsewhere:1:abc"
QUICK = Pace(beat_seconds=0.01, dead_after_seconds=0.3, look_seconds=0.01)
PATIENT = Pace(beat_seconds=3600.0, dead_after_seconds=3600.0, look_seconds=0.01)


def nothing(_: str) -> None:
    """Shows no progress."""


class Machine:
    """The state machine: which definition is deployed, and what its executions do."""

    def __init__(self, lock_parameter: str) -> None:
        self._parameter = lock_parameter
        self.is_old = True
        self.statuses: dict[str, Iterator[str]] = {}
        self.running: list[datetime] = []

    def describe_state_machine(self, **_: str) -> dict[str, str]:
        return {"definition": f'{{"Name": "{self._parameter}"}}' if self.is_old else '{"TableName": "locks"}'}

    def describe_execution(self, **given: str) -> dict[str, str]:
        return {"status": next(self.statuses[given["executionArn"]], "SUCCEEDED")}

    def get_paginator(self, _: str) -> "Machine":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"executions": [{"startDate": started} for started in self.running]}]


@pytest.fixture
def machine(connection: Connection) -> Machine:
    machine = Machine(connection.settings.names.old_lock)
    connection._clients["stepfunctions"] = machine
    return machine


def put(connection: Connection, value: str, name: str | None = None) -> None:
    connection.client("ssm").put_parameter(
        Name=name or connection.settings.names.old_lock, Value=value, Type="String", Overwrite=True
    )


def parameter(connection: Connection) -> str | None:
    found = connection.client("ssm").get_parameters(Names=[connection.settings.names.old_lock])["Parameters"]
    return str(found[0]["Value"]) if found else None


def item(connection: Connection) -> str | None:
    table = connection.settings.names.lock_table
    found = connection.client("dynamodb").get_item(TableName=table, Key={"id": {"S": "campaigns"}})
    return str(found["Item"]["holder"]["S"]) if "Item" in found else None


def test_both_are_held_before_the_upgrade(connection: Connection, machine: Machine) -> None:
    """Whoever knows one of the two finds it taken, by one holder that runs of before take for a deploy."""
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        assert parameter(connection) == item(connection) == mine.holder
        assert mine.holder.startswith("deploy:")
        mine.check()
    assert (parameter(connection), item(connection)) == (None, None)


def test_a_training_run_from_before_is_waited_for(connection: Connection, machine: Machine) -> None:
    """An upgrade during a training: the deploy has neither lock while the run works, and both after it."""
    put(connection, EXECUTION)
    machine.statuses[EXECUTION] = iter(["RUNNING", "RUNNING"])
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        assert (parameter(connection), item(connection)) == (EXECUTION, None)

    with lock.held(connection, progress, pace=PATIENT) as mine:
        assert parameter(connection) == item(connection) == mine.holder
    assert said == ["waiting for the training run from before the upgrade, which holds the old lock"] * 2


def test_after_the_exchange_of_the_machine_the_parameter_is_closed(connection: Connection, machine: Machine) -> None:
    """An execution that still began with the definition of before finds it held by what it takes for a deploy."""
    with lock.held(connection, nothing, pace=PATIENT):
        machine.is_old = False
    assert (parameter(connection), item(connection)) == (CLOSED, None)


def test_a_machine_that_stayed_the_old_one_finds_the_parameter_free(connection: Connection, machine: Machine) -> None:
    """CloudFormation rolled the exchange back: all is as before."""
    with pytest.raises(DeployError, match="rolled back"), lock.held(connection, nothing, pace=PATIENT):
        raise DeployError("rolled back")
    assert parameter(connection) is None


def test_a_closed_parameter_goes_once_nothing_from_before_is_at_work(connection: Connection, machine: Machine) -> None:
    """What began before the closing, or within a minute after it, may have the definition of before."""
    machine.is_old = False
    names = connection.settings.names
    put(connection, CLOSED)
    put(connection, EXECUTION, names.old_takeover)
    machine.running = [datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(seconds=30)]
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        assert (parameter(connection), item(connection)) == (CLOSED, mine.holder)
    machine.running.pop()
    with lock.held(connection, nothing, pace=PATIENT):
        assert parameter(connection) is None
    left = connection.client("ssm").get_parameters(Names=[names.old_lock, names.old_takeover])
    assert left["Parameters"] == []


def test_what_holds_the_parameter_after_the_upgrade_is_respected(connection: Connection, machine: Machine) -> None:
    """A run of before that a deploy by other means did not wait for: both are taken once it has ended, then closed."""
    machine.is_old = False
    put(connection, EXECUTION)
    machine.statuses[EXECUTION] = iter(["RUNNING"])
    said: list[str] = []
    with lock.held(connection, said.append, pace=PATIENT) as mine:
        assert parameter(connection) == mine.holder
    assert len(said) == 1
    assert parameter(connection) == CLOSED


def test_an_environment_without_a_past_has_no_parameter(connection: Connection, machine: Machine) -> None:
    """Nothing is written to the parameter store."""
    machine.is_old = False
    with lock.held(connection, nothing, pace=PATIENT):
        assert parameter(connection) is None
    assert parameter(connection) is None


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_dead_run_of_before_loses_it(connection: Connection, machine: Machine, status: str) -> None:
    """As the runs of before do it: by the claim."""
    put(connection, EXECUTION)
    machine.statuses[EXECUTION] = iter([status] * 9)
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        assert parameter(connection) == mine.holder


def test_a_deploy_of_before_that_lives_is_not_disturbed(connection: Connection, machine: Machine) -> None:
    """It writes the parameter again every minute; neither its host nor its process is asked for."""
    put(connection, OLD_DEPLOY)

    def beat(_: str) -> None:
        put(connection, OLD_DEPLOY)

    with pytest.raises(DeployError, match="another deploy works"), lock.held(connection, beat, pace=PATIENT):
        raise AssertionError("must not be entered")
    assert (parameter(connection), item(connection)) == (OLD_DEPLOY, None)


def test_a_deploy_of_before_that_is_still_for_long_enough_loses_it(connection: Connection, machine: Machine) -> None:
    """Killed where it was, on this computer or another."""
    put(connection, OLD_DEPLOY)
    with lock.held(connection, nothing, pace=QUICK) as mine:
        assert parameter(connection) == mine.holder


def test_two_never_take_over_at_once(connection: Connection, machine: Machine) -> None:
    """While a run of before that lives claims the take-over, nobody else takes it."""
    dead, claimant = f"{EXECUTION}-dead", f"{EXECUTION}-claimant"
    put(connection, dead)
    put(connection, claimant, connection.settings.names.old_takeover)
    machine.statuses = {dead: iter(["ABORTED"] * 99), claimant: iter(["RUNNING", "RUNNING"])}
    said: list[str] = []
    with lock.held(connection, said.append, pace=PATIENT) as mine:
        assert len(said) == 2
        assert parameter(connection) == mine.holder


def test_a_parameter_that_a_release_of_before_deleted_under_us_is_taken_again(
    connection: Connection, machine: Machine
) -> None:
    """Its release does not compare the holder, and repeats itself when an answer is lost."""
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        connection.client("ssm").delete_parameter(Name=connection.settings.names.old_lock)
        mine.check()
        assert parameter(connection) == mine.holder


def work_beside(connection: Connection, other: Callable[[], None]) -> None:
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        other()
        mine.check()


def test_whoever_loses_either_of_the_two_stops(connection: Connection, machine: Machine) -> None:
    """A run of before that took the deleted parameter first is at work: this deploy is not, any more."""
    with pytest.raises(LockLostError):
        work_beside(connection, lambda: put(connection, EXECUTION))
    assert (parameter(connection), item(connection)) == (EXECUTION, None)


def test_the_machine_of_an_environment_that_is_gone_is_not_old(connection: Connection) -> None:
    """Before the first deploy, and after a removal."""
    assert not old_lock.machine_is_old(connection)
    assert not old_lock.is_used(connection)
