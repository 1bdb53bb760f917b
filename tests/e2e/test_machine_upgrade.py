"""`./deploy.sh local` over an environment whose state machine is one of before, while an execution of it is at work."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.naming import EMPTY_LEDGER
from local_cloud.supervisor.lifecycle import LocalCloud
from personalize_local.api.guard import LOCAL_REQUEST
from tests.e2e.deploy_checkout import ROOT, WAIT_SCALE, Checkout, until
from tests.statemachines.earlier import FIXTURE
from tools.deploy.observe import observe
from tools.environment.connection import Connection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEFINITION, GATE = "statemachines/train.asl.yaml", "lambdas/evaluate_version/handler.py"
FAULTS = "/_local/faults"
OUT_OF_SIGHT = {
    "operation": "DescribeSolutionVersion",
    "times": 1_000_000,
    "outcome": {"error": {"code": "LimitExceededException", "message": "Rate exceeded", "status": 400}},
}
"""A training that nobody can look at is waited for."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    folder = tmp_path_factory.mktemp("upgrade")
    with LocalCloud(state=folder / "state", wait_scale=WAIT_SCALE) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def checkout(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, synthesized: Path) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("project") / "checkout", cloud.state.root, synthesized)
    checkout.configure(promotionThreshold=0.001)
    return checkout


def make_old(checkout: Checkout) -> None:
    """The state machine of before, and another version of the gate. JSON is YAML."""
    shutil.copy2(FIXTURE, checkout.folder / DEFINITION)
    with (checkout.folder / GATE).open("a", encoding="utf-8") as gate:
        gate.write("# of before\n")


def make_new(checkout: Checkout) -> None:
    for name in (DEFINITION, GATE):
        shutil.copy2(ROOT / name, checkout.folder / name)


def definition(connection: Connection) -> dict[str, Any]:
    found = connection.client("stepfunctions").describe_state_machine(
        stateMachineArn=connection.settings.names.state_machine_arn
    )
    return dict(json.loads(found["definition"]))


def gate_version(connection: Connection) -> str:
    name = connection.settings.names.function("evaluate_version")
    return str(connection.client("lambda").get_alias(FunctionName=name, Name="live")["FunctionVersion"])


def states_of(connection: Connection, execution: str) -> list[str]:
    pages = connection.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def described(connection: Connection, execution: str) -> dict[str, Any]:
    return dict(connection.client("stepfunctions").describe_execution(executionArn=execution))


def test_an_upgrade_during_a_training(cloud: LocalCloud, checkout: Checkout) -> None:
    """The execution of before is judged by the new gate and promotes; the next run is one of the new definition."""
    connection = checkout.connection
    names, functions = connection.settings.names, connection.client("stepfunctions")
    make_old(checkout)
    httpx.post(f"{cloud.personalize}{FAULTS}", json=OUT_OF_SIGHT, headers=LOCAL_REQUEST).raise_for_status()
    code, output = checkout.deploy("--no-wait")
    assert code == 0, output
    (first,) = functions.list_executions(stateMachineArn=names.state_machine_arn)["executions"]
    until(lambda: "WaitForTraining" in states_of(connection, first["executionArn"]), what="the training")
    old_gate = gate_version(connection)
    assert "TakeLock" in definition(connection)["States"]

    make_new(checkout)
    code, output = checkout.deploy("--no-wait")
    assert code == 0, output
    assert "AcquireLock" in definition(connection)["States"]
    assert gate_version(connection) != old_gate
    assert described(connection, first["executionArn"])["status"] == "RUNNING"

    httpx.delete(f"{cloud.personalize}{FAULTS}", headers=LOCAL_REQUEST).raise_for_status()
    until(lambda: described(connection, first["executionArn"])["status"] != "RUNNING", what="the end of the old run")
    ended = described(connection, first["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["outcome"] == "promoted"
    assert {"LookAtVersion", "Judge", "ReportBroken"} & set(states_of(connection, first["executionArn"])) == {
        "LookAtVersion",
        "Judge",
    }
    assert EMPTY_LEDGER not in observe(connection).ledgers.values()
    assert connection.client("dynamodb").scan(TableName=names.lock_table)["Items"] == []


def test_after_it_the_campaigns_are_made_and_asked(checkout: Checkout) -> None:
    """The deploy that follows finds what the execution of before promoted; its canary is a run of the new definition."""
    connection = checkout.connection
    names, functions = connection.settings.names, connection.client("stepfunctions")
    code, output = checkout.deploy()
    assert code == 0, output
    found = functions.list_executions(stateMachineArn=names.state_machine_arn)["executions"]
    latest = max(found, key=lambda execution: execution["startDate"])
    assert latest["status"] == "SUCCEEDED"
    assert "GetCanaryRecommendations" in states_of(connection, latest["executionArn"])
    campaigns = connection.client("personalize").list_campaigns()["campaigns"]
    assert {campaign["status"] for campaign in campaigns} == {"ACTIVE"}
