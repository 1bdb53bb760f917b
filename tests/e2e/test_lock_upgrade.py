"""An environment whose lock is still a parameter, brought over by `./deploy.sh local` during a training."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.naming import EMPTY_LEDGER
from local_cloud.supervisor.lifecycle import LocalCloud
from tests.e2e.deploy_checkout import ROOT, WAIT_SCALE, Checkout, until
from tools.deploy.lock.old_lock import machine_is_old
from tools.deploy.observe import observe
from tools.environment.connection import Connection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEFINITION, RIGHTS, DATA = "statemachines/train.asl.yaml", "infra/shared/state_machines.py", "infra/stacks/data.py"
END_OF_TRAINING = "/animal-recommender/local/lock-test-end"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, synthesized: Path) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("upgrade")
    # A run of before that still waits for the lock has no right to the parameter after the exchange: it ends, refused.
    with LocalCloud(state=folder / "state", wait_scale=WAIT_SCALE, expects_refusals=True) as cloud:
        checkout = Checkout(folder / "checkout", cloud.state.root, synthesized)
        checkout.configure(promotionThreshold=0.001)
        yield checkout


def definition_of_before(lock: str) -> dict[str, Any]:
    """The lock as the state machine of before took and released it, around a training that ends when told to."""
    call = "arn:aws:states:::aws-sdk:ssm:"
    taking = {"Name": lock, "Value.$": "$$.Execution.Id", "Type": "String", "Overwrite": False}
    taken = {"ErrorEquals": ["Ssm.ParameterAlreadyExistsException"], "ResultPath": None, "Next": "WaitForLock"}
    refused = {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "LockUnreachable"}
    not_yet = {"ErrorEquals": ["Ssm.ParameterNotFoundException"], "ResultPath": None, "Next": "Train"}
    return {
        "StartAt": "TakeLock",
        "States": {
            "TakeLock": {
                "Type": "Task", "Resource": f"{call}putParameter", "Parameters": taking, "ResultPath": None,
                "Catch": [taken, refused], "Next": "Train",
            },
            "WaitForLock": {"Type": "Wait", "Seconds": 300, "Next": "TakeLock"},
            "LockUnreachable": {"Type": "Fail", "Error": "AnimalRecommender.LockNotTaken", "Cause": "no right"},
            "Train": {"Type": "Wait", "Seconds": 60, "Next": "IsItOver"},
            "IsItOver": {
                "Type": "Task", "Resource": f"{call}getParameter", "Parameters": {"Name": END_OF_TRAINING},
                "ResultPath": None, "Catch": [not_yet], "Next": "ReleaseLock",
            },
            "ReleaseLock": {
                "Type": "Task", "Resource": f"{call}deleteParameter", "Parameters": {"Name": lock}, "End": True,
            },
        },
    }  # fmt: skip


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def make_old(checkout: Checkout, connection: Connection) -> None:
    """Turns the checkout into one of before: its state machine, the rights of its role, and no table."""
    lock = connection.settings.names.old_lock
    # JSON is YAML.
    (checkout.folder / DEFINITION).write_text(json.dumps(definition_of_before(lock)), encoding="utf-8")
    replace(checkout.folder / DATA, "self.lock_table = self._lock_table()", "pass")
    replace(
        checkout.folder / RIGHTS,
        '["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], [names.lock_table_arn]',
        '["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"], [names.parameter_arn(names.old_lock + end) for end in ("", "-test-end")]',
    )


def make_new(checkout: Checkout) -> None:
    for name in (DEFINITION, DATA, RIGHTS):
        shutil.copy2(ROOT / name, checkout.folder / name)


def parameter(connection: Connection) -> str:
    names = [connection.settings.names.old_lock]
    return "".join(found["Value"] for found in connection.client("ssm").get_parameters(Names=names)["Parameters"])


def status(connection: Connection, execution: str) -> str:
    return str(connection.client("stepfunctions").describe_execution(executionArn=execution)["status"])


def test_an_upgrade_during_a_training(checkout: Checkout) -> None:
    """The deploy waits for the run that holds the old lock, exchanges the state machine, and leaves the old lock gone.

    A second run of before, which waits for that lock meanwhile, never works beside the deploy: it has its turn before
    the exchange, or none.
    """
    connection = checkout.connection
    names, functions = connection.settings.names, connection.client("stepfunctions")
    make_old(checkout, connection)
    code, output = checkout.deploy("--no-wait")
    assert code == 0, output
    (first,) = functions.list_executions(stateMachineArn=names.state_machine_arn)["executions"]
    until(lambda: parameter(connection) == first["executionArn"], what="the old run's lock")
    assert names.lock_table not in connection.client("dynamodb").list_tables()["TableNames"]

    make_new(checkout)
    with checkout.start() as deploy:
        until(lambda: names.lock_table in connection.client("dynamodb").list_tables()["TableNames"], what="the table")
        second = functions.start_execution(stateMachineArn=names.state_machine_arn)["executionArn"]
        assert machine_is_old(connection)
        assert (status(connection, first["executionArn"]), status(connection, second)) == ("RUNNING", "RUNNING")
        connection.client("ssm").put_parameter(Name=END_OF_TRAINING, Value="now", Type="String")
        output, _ = deploy.communicate("", timeout=500)
    assert deploy.returncode == 0, output

    assert not machine_is_old(connection)
    assert status(connection, first["executionArn"]) == "SUCCEEDED"
    until(lambda: status(connection, second) != "RUNNING", what="the end of the second run")
    assert EMPTY_LEDGER not in observe(connection).ledgers.values()
    assert connection.client("dynamodb").scan(TableName=names.lock_table)["Items"] == []


def test_after_it_nothing_is_left_of_the_old_lock(checkout: Checkout) -> None:
    """The next deploy finds no execution from before and no parameter, or removes it; the role cannot write it."""
    connection = checkout.connection
    code, output = checkout.deploy()
    assert code == 0, output
    assert parameter(connection) == ""
    policies = connection.client("iam").get_role_policy(
        RoleName=connection.settings.names.role("statemachine"), PolicyName="train"
    )["PolicyDocument"]
    assert connection.settings.names.parameter_arn(connection.settings.names.old_lock) not in json.dumps(policies)


def test_an_environment_of_before_is_removed_by_a_later_checkout(checkout: Checkout) -> None:
    """Table, parameters and stacks go, whichever of the two locks stands."""
    connection = checkout.connection
    connection.client("ssm").put_parameter(
        Name=connection.settings.names.old_lock, Value="deploy:closed:0:0", Type="String"
    )
    code, output = checkout.deploy("--destroy", "--yes")
    assert code == 0, output
    assert parameter(connection) == ""
    assert connection.client("dynamodb").list_tables()["TableNames"] == []
