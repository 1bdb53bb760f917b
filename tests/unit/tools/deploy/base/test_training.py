"""Starting, joining and following the state machine."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools.deploy.base.training import train
from tools.environment.connection import Connection

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROMOTED = {"outcome": "promoted", "solutions": []}


class StateMachine:
    """Step Functions and Personalize of one environment, as far as a deploy asks them.

    Each execution is a list of the outputs that it still has to give: None while it runs.
    """

    def __init__(self, *outputs: list[dict[str, Any] | None], running: bool = False, trained: bool = True) -> None:
        self.waiting = list(outputs)
        self.running = {"joined": self.waiting.pop(0)} if running else {}
        self.started: list[dict[str, Any]] = []
        self.trained = trained

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": [{"executionArn": arn} for arn, outputs in self.running.items() if None in outputs]}

    def start_execution(self, **parameters: Any) -> dict[str, str]:
        self.started.append(json.loads(parameters["input"]))
        arn = f"started-{len(self.started)}"
        self.running[arn] = self.waiting.pop(0)
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        outputs = self.running[executionArn]
        output = outputs.pop(0) if len(outputs) > 1 else outputs[0]
        if output is None:
            return {"status": "RUNNING", "startDate": NOW}
        return {"status": "SUCCEEDED", "output": json.dumps(output), "startDate": NOW}

    def get_execution_history(self, **_: Any) -> dict[str, Any]:
        return {"events": [{}, {"stateEnteredEventDetails": {"name": "WaitForTraining"}}]}

    def describe_solution(self, **_: str) -> dict[str, Any]:
        created = NOW + timedelta(minutes=1 if self.trained else -1)
        return {"solution": {"latestSolutionVersion": {"status": "CREATE IN_PROGRESS", "creationDateTime": created}}}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def run(connection: Connection, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Any:
    monkeypatch.setattr(Connection, "is_local", True)

    def train_with(machine: StateMachine) -> dict[str, Any]:
        connection._clients.update({"stepfunctions": machine, "personalize": machine})
        return dict(train(connection, 1, said.append).output)

    return train_with


def test_a_run_is_started_and_followed(run: Any, said: list[str]) -> None:
    """The progress line holds the state, the minutes, and the status of each solution."""
    machine = StateMachine([None, PROMOTED])
    assert PROMOTED == run(machine)
    assert [{"trigger": "deploy", "task": "train"}] == machine.started
    expected = "WaitForTraining, 0 min, recommendation CREATE IN_PROGRESS, reranking CREATE IN_PROGRESS"
    assert [expected] == said


def test_a_run_that_is_under_way_is_joined(run: Any, said: list[str]) -> None:
    """An interrupted deploy does not train twice."""
    machine = StateMachine([None, PROMOTED], running=True)
    assert PROMOTED == run(machine)
    assert [] == machine.started
    assert said[0] == "joining the run that is under way"


def test_a_run_of_another_generation_is_followed_by_one_of_ours(run: Any) -> None:
    """A scheduled run of the old state machine says nothing about the new solutions."""
    machine = StateMachine([None, {"outcome": "skipped"}], [PROMOTED], running=True, trained=False)
    assert PROMOTED == run(machine)
    assert len(machine.started) == 1


def test_a_run_that_found_another_at_work_is_started_again(run: Any) -> None:
    """`busy` is no verdict."""
    machine = StateMachine([{"outcome": "busy"}], [PROMOTED])
    assert PROMOTED == run(machine)
    assert len(machine.started) == 2
