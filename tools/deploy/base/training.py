"""The first training: starts the state machine, or joins the run that is under way, and follows it to its end."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.deploy.base.errors import DeployError
from tools.environment.connection import Connection

_PATIENCE_SECONDS = 30 * 3600
"""Longer than the state machine's own limit: it is the one that gives up."""
_ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True, slots=True)
class Execution:
    """A run of the state machine that has ended."""

    arn: str
    status: str
    output: Mapping[str, Any]
    error: str
    cause: str


def start_training(connection: Connection, task: str = "train") -> str:
    """Starts a run and returns its execution's ARN.

    `train` makes a version where there is none, and judges an earlier one that was held back anew where there are too
    few new events for another; `canary` only asks the campaigns that serve and keeps their popular list.
    """
    started = connection.client("stepfunctions").start_execution(
        stateMachineArn=connection.settings.names.state_machine_arn,
        name=f"deploy-{task}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}",
        input=json.dumps({"trigger": "deploy", "task": task}),
    )
    return str(started["executionArn"])


def running_training(connection: Connection) -> str | None:
    """The execution that is under way, whoever started it, or None."""
    found = connection.client("stepfunctions").list_executions(
        stateMachineArn=connection.settings.names.state_machine_arn, statusFilter="RUNNING", maxResults=1
    )["executions"]
    return str(found[0]["executionArn"]) if found else None


def is_running(connection: Connection, arn: str) -> bool:
    """Whether the execution is at work. One that nobody remembers is not; one that was redriven is again."""
    try:
        execution = connection.client("stepfunctions").describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "InvalidArn"):
            return False
        raise
    return execution["status"] not in _ENDED


def train(connection: Connection, generation: int, progress: Callable[[str], None]) -> Execution:
    """A run that looked at the generation's solutions, followed to its end.

    A run that is under way is joined; where it turns out to have trained another generation's, one more is started.
    """
    if running := running_training(connection):
        progress("joining the run that is under way")
        execution = follow(connection, running, generation, progress)
        if _trained(connection, running, generation):
            return execution
    while True:
        execution = follow(connection, start_training(connection), generation, progress)
        # A scheduled run was a moment faster and holds the lock: it is followed, then this one's turn comes.
        if execution.output.get("outcome") != "busy":
            return execution
        if running := running_training(connection):
            follow(connection, running, generation, progress)


def follow(connection: Connection, arn: str, generation: int, progress: Callable[[str], None]) -> Execution:
    """Waits for the execution's end; `progress` gets its state, the minutes, and the status of each solution."""
    functions, started = connection.client("stepfunctions"), time.monotonic()
    while True:
        execution = functions.describe_execution(executionArn=arn)
        if execution["status"] != "RUNNING":
            return Execution(
                arn=arn,
                status=execution["status"],
                output=json.loads(execution.get("output") or "{}"),
                error=execution.get("error", ""),
                cause=execution.get("cause", ""),
            )
        if time.monotonic() - started > _PATIENCE_SECONDS:
            raise DeployError(f"{arn} still runs after {_PATIENCE_SECONDS // 3600} hours")
        minutes = int((time.monotonic() - started) // 60)
        progress(f"{_state(functions, arn)}, {minutes} min, {_solutions(connection, generation)}")
        time.sleep(0.5 if connection.is_local else 15)


def _state(functions: Any, arn: str) -> str:
    """The name of the state that was entered last."""
    events = functions.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=50)["events"]
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            return str(entered["name"])
    return "starting"


def _solutions(connection: Connection, generation: int) -> str:
    personalize, names = connection.client("personalize"), connection.settings.names
    statuses = []
    for role in connection.settings.roles:
        solution = personalize.describe_solution(solutionArn=names.solution_arn(role, generation))["solution"]
        statuses.append(f"{role} {solution.get('latestSolutionVersion', {}).get('status', 'not yet')}")
    return ", ".join(statuses)


def _trained(connection: Connection, arn: str, generation: int) -> bool:
    """Whether the run made a version of the generation's solutions."""
    started = connection.client("stepfunctions").describe_execution(executionArn=arn)["startDate"]
    personalize, names = connection.client("personalize"), connection.settings.names
    for role in connection.settings.roles:
        solution = personalize.describe_solution(solutionArn=names.solution_arn(role, generation))["solution"]
        latest = solution.get("latestSolutionVersion")
        if latest and latest["creationDateTime"] >= started:
            return True
    return False
