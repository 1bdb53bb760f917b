"""What the sleeping definition calls, in memory: the parameter, three stacks that read it, the lock, and the topic."""

from collections.abc import Callable
from typing import Any

from infra.definitions import SLEEP, definition
from local_cloud.emulator.states.language import StatesError
from tests.statemachines.fake_items import Items, RefusedError
from tests.statemachines.interpreter import Clock, Ended, Interpreter

MACHINE = definition(SLEEP)
ME, OTHER = "arn:aws:states:us-east-1:123456789012:execution:sleep:me", "arn:aws:states:us-east-1:1:execution:train:x"
STACKS = ("${CampaignsStack}", "${TrainingStack}", "${MonitoringStack}")
SETTLED = "UPDATE_COMPLETE"
DEPLOY = "deploy:abc"


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
        self.before: Callable[[str], None] = lambda _state: None
        """Called with the state's name before each call."""
        self.called: list[str] = []
        """Actions that were carried out."""
        self.odd: dict[str, Any] = {}
        """What a state's call is answered with instead."""
        self.interpreter = Interpreter(MACHINE, self.call, self.clock)

    def run(self, given: Any) -> Ended:
        self.interpreter = Interpreter(MACHINE, self.call, self.clock)
        return self.interpreter.run("me", ME, given)

    def redrive(self, given: Any) -> Ended:
        """The last run, which was stopped, redriven."""
        return self.interpreter.redrive("me", ME, given)

    def hold(self, holder: str, **more: str) -> None:
        self.items.found["${LockId}"] = {"id": "${LockId}", "holder": holder, **more}

    def call(self, state: str, resource: str, given: Any) -> Any:
        self.before(state)
        if state in self.always:
            raise self.always[state]
        if self.faults.get(state):
            raise self.faults[state].pop(0)
        action = resource.rpartition(":")[2]
        try:
            answer = getattr(self, action)(given)
            self.called.append(action)
            return self.odd.get(state, answer)
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
        assert self.items.found["${LockId}"]["holder"].startswith(ME), "no write without the lock"
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
        assert self.items.found["${LockId}"]["holder"].startswith(ME), "no update without the lock"
        self.updates.append(stack)
        if self.read[stack] == self.parameter:
            raise refusal("No updates are to be performed.")
        self.read[stack] = self.parameter
        return {"StackId": stack}

    def publish(self, given: Any) -> Any:
        self.told.append(given["Message"])
        return {"MessageId": "1"}


def is_as_told(sky: Sky, value: str) -> bool:
    return sky.parameter == value and set(sky.read.values()) == {value} and not sky.items.found
