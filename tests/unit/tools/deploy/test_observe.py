"""What a deploy sees of an environment."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.deploy.base.errors import DeployError
from tools.deploy.ledger import make_ledgers
from tools.deploy.observe import Observed, observe, stack_status, wait_until_settled
from tools.environment.connection import Connection


class Stacks:
    """CloudFormation with stacks whose status moves on at every look."""

    def __init__(self, **statuses: list[str]) -> None:
        self.statuses = statuses

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        statuses = self.statuses.get(StackName.removeprefix("dev-pets-"))
        if not statuses:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}}, "x")
        return {"Stacks": [{"StackStatus": statuses.pop(0) if len(statuses) > 1 else statuses[0]}]}


def test_nothing_stands(connection: Connection) -> None:
    """A new environment has no stack, no ledger, and serves nothing."""
    connection._clients["cloudformation"] = Stacks()
    observed = observe(connection)
    assert Observed(stacks={}, ledgers={}, serving=None) == observed
    assert observed.is_new


def test_stacks_and_ledgers_are_found(connection: Connection) -> None:
    """Stacks by their short names; an environment that has any is not new."""
    connection._clients["cloudformation"] = Stacks(data=["CREATE_COMPLETE"])
    make_ledgers(connection, 1)
    observed = observe(connection)
    assert observed.stacks == {"data": "CREATE_COMPLETE"}
    assert observed.generations == {1}
    assert not observed.is_new


def test_the_serving_generation_is_what_the_serving_stack_says(connection: Connection) -> None:
    """Not what the config or a ledger says: an interrupted deploy may not have come to the switch."""
    names = connection.settings.names
    make_ledgers(connection, 1)
    make_ledgers(connection, 2)
    connection._clients["cloudformation"] = Stacks()
    assert observe(connection).serving is None
    connection.client("ssm").put_parameter(
        Name=names.parameter("personalize/recommendation/campaign/id"),
        Value=names.campaign_arn("recommendation", 2),
        Type="String",
    )
    assert observe(connection).serving == 2


def test_an_unexecuted_change_set_is_no_stack(connection: Connection) -> None:
    """REVIEW_IN_PROGRESS is what a CLI leaves that was killed before it executed its change set."""
    assert stack_status(Stacks(data=["REVIEW_IN_PROGRESS"]), "dev-pets-data") is None


def test_d58_another_error_is_not_taken_for_absence(connection: Connection) -> None:
    """A throttled look-up must not read as `does not exist`."""

    class Throttled:
        def describe_stacks(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeStacks")

    with pytest.raises(ClientError, match="Rate exceeded"):
        stack_status(Throttled(), "dev-pets-data")


def test_a_stack_in_progress_is_waited_for(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted deploy leaves CloudFormation at work; the next one goes on when it has ended."""
    monkeypatch.setattr(Connection, "is_local", True)
    working = ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    connection._clients["cloudformation"] = Stacks(data=working, personalize=["UPDATE_COMPLETE"])
    said: list[str] = []
    wait_until_settled(connection, said.append)
    assert ["waiting for data (CREATE_IN_PROGRESS)"] * 2 == said


def test_a_stack_that_could_not_be_put_back_is_told(connection: Connection) -> None:
    """CloudFormation cannot leave this state by itself; the message holds the command that can."""
    connection._clients["cloudformation"] = Stacks(serving=["UPDATE_ROLLBACK_FAILED"])
    with pytest.raises(DeployError, match="continue-update-rollback --stack-name dev-pets-serving"):
        wait_until_settled(connection, lambda _: None)
