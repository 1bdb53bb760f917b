"""The lock around the campaigns."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tools.connection import Connection
from tools.deploy import lock
from tools.deploy.errors import DeployError


def nothing(_: str) -> None:
    """Shows no progress."""


def put(connection: Connection, value: str, name: str | None = None) -> None:
    connection.client("ssm").put_parameter(Name=name or connection.settings.names.lock, Value=value, Type="String")


def holder(connection: Connection) -> str | None:
    parameters = connection.client("ssm").get_parameters(Names=[connection.settings.names.lock])["Parameters"]
    return parameters[0]["Value"] if parameters else None


class Executions:
    """Step Functions as far as the lock asks it."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)

    def describe_execution(self, **_: str) -> dict[str, str]:
        return {"status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}


class OneDead:
    """Step Functions where the execution called `dead` has ended and every other one runs."""

    def describe_execution(self, **parameters: str) -> dict[str, str]:
        return {"status": "FAILED" if parameters["executionArn"].endswith("dead") else "RUNNING"}


@pytest.fixture
def executions(connection: Connection) -> Callable[..., None]:
    def say(*statuses: str) -> None:
        connection._clients["stepfunctions"] = Executions(*statuses)

    return say


EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:dev-recommender-state-machine-stm:run"


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_is_held_in_the_block_and_gone_after(connection: Connection) -> None:
    """The parameter exists only while the lock is held, and names this process."""
    with lock.held(connection, nothing) as mine:
        assert mine == holder(connection)
        assert f":{os.getpid()}:" in mine
    assert holder(connection) is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_is_released_when_the_block_fails_or_is_interrupted(
    connection: Connection, error: type[BaseException]
) -> None:
    """Ctrl-C leaves no lock behind."""
    with pytest.raises(error), lock.held(connection, nothing):
        raise error
    assert holder(connection) is None


def test_another_live_deploy_is_not_disturbed(connection: Connection) -> None:
    """A deploy of a process that lives, or of another computer that wrote lately, keeps the lock."""
    for value in (f"deploy:{lock._host()}:{os.getppid()}:abc", "deploy:elsewhere:1:abc"):
        put(connection, value)
        with pytest.raises(DeployError, match="another deploy works"), lock.held(connection, nothing):
            raise AssertionError("must not be entered")
        assert value == holder(connection)
        connection.client("ssm").delete_parameter(Name=connection.settings.names.lock)


def test_a_deploy_that_died_here_loses_it_at_once(connection: Connection) -> None:
    """Its process is gone: kill -9 blocks nobody."""
    put(connection, f"deploy:{lock._host()}:{dead_process()}:abc")
    with lock.held(connection, nothing) as mine:
        assert mine == holder(connection)
    assert holder(connection) is None


def test_a_deploy_that_died_elsewhere_loses_it_after_ten_minutes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heartbeat is older than the time after which a deploy counts as dead."""
    put(connection, "deploy:elsewhere:1:abc")

    monkeypatch.setattr(lock, "DEAD_AFTER", timedelta(0))
    with lock.held(connection, nothing) as mine:
        assert mine == holder(connection)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_training_run_that_ended_loses_it(
    connection: Connection, executions: Callable[..., None], status: str
) -> None:
    """The execution says itself that it no longer runs."""
    put(connection, EXECUTION)
    executions(status)
    with lock.held(connection, nothing) as mine:
        assert mine == holder(connection)


def test_a_training_run_at_work_is_waited_for(
    connection: Connection, executions: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deploy says what it waits for, and goes on when the run has ended."""
    put(connection, EXECUTION)
    executions("RUNNING", "RUNNING", "SUCCEEDED")
    monkeypatch.setattr(Connection, "is_local", True)
    said: list[str] = []
    with lock.held(connection, said.append) as mine:
        assert mine == holder(connection)
    assert ["waiting for the training run that holds the lock"] * 2 == said


def test_two_never_steal_at_once(connection: Connection) -> None:
    """While a run that lives claims the take-over, nobody else takes it."""
    names = connection.settings.names
    put(connection, f"{EXECUTION}-dead")
    put(connection, EXECUTION, names.takeover)
    connection._clients["stepfunctions"] = OneDead()
    assert not lock._steal(connection, "deploy:me:1:a", f"{EXECUTION}-dead")
    assert f"{EXECUTION}-dead" == holder(connection)


def test_a_claim_whose_claimant_died_is_cleared(connection: Connection, executions: Callable[..., None]) -> None:
    """A run that was stopped in the middle of a take-over blocks nobody."""
    names = connection.settings.names
    put(connection, f"{EXECUTION}-dead")
    put(connection, f"{EXECUTION}-claimant", names.takeover)
    executions("ABORTED")
    assert not lock._steal(connection, "deploy:me:1:a", f"{EXECUTION}-dead")
    assert lock._steal(connection, "deploy:me:1:a", f"{EXECUTION}-dead")
    assert holder(connection) == "deploy:me:1:a"


def test_the_heart_beats_while_it_is_held(connection: Connection) -> None:
    """The parameter is written again and again: others see that this deploy lives."""
    ssm, beaten = connection.client("ssm"), threading.Event()
    written = ssm.put_parameter

    def put_parameter(**parameters: Any) -> Any:
        if parameters["Overwrite"]:
            beaten.set()
        return written(**parameters)

    ssm.put_parameter = put_parameter
    with lock.held(connection, nothing, heartbeat_seconds=0.01):
        assert beaten.wait(60)
    assert holder(connection) is None


def test_a_lock_that_somebody_else_has_taken_is_not_released(connection: Connection) -> None:
    """At the end only the own lock is deleted."""
    ssm, name = connection.client("ssm"), connection.settings.names.lock
    with lock.held(connection, nothing):
        ssm.put_parameter(Name=name, Value="deploy:other:1:b", Type="String", Overwrite=True)
    assert holder(connection) == "deploy:other:1:b"
