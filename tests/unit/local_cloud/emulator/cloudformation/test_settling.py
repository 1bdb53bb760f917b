"""CloudFormation's answers wait for the stack, if that is soon."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from local_cloud.emulator.cloudformation.settling import SettlingStacks, changed_stack

OK = (200, {"Content-Type": "text/xml"}, b"<StackId/>")


def form(action: str, **parameters: str) -> bytes:
    return urlencode({"Action": action, **parameters}).encode()


class Stack:
    """One stack whose status moves on at every look; remembers how often it was looked at."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.looks = 0

    def status_of(self, name: str) -> str | None:
        self.looks += 1
        if name != "pets":
            return None
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


def answer(
    stack: Stack, body: bytes, *, status: int = 200, patience: float = 30.0
) -> tuple[int, dict[str, str], bytes]:
    async def inner(_m: str, _p: str, _h: Mapping[str, str], _b: bytes, _q: Mapping[str, Any]) -> Any:
        return (status, *OK[1:])

    handler = SettlingStacks(inner, stack.status_of, patience_seconds=patience)
    return asyncio.run(handler("POST", "/", {}, body, {}))


@pytest.mark.parametrize("action", ["CreateStack", "UpdateStack", "ExecuteChangeSet"])
def test_a_change_is_answered_when_the_stack_has_settled(action: str) -> None:
    """The answer is CloudFormation's own, a little later."""
    stack = Stack("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert answer(stack, form(action, StackName="pets")) == OK
    assert stack.looks == 3


def test_patience_ends() -> None:
    """A stack that takes long is answered in the meantime, as on AWS."""
    stack = Stack("UPDATE_IN_PROGRESS")
    assert answer(stack, form("UpdateStack", StackName="pets"), patience=0) == OK


@pytest.mark.parametrize("action", ["DescribeStacks", "DeleteStack", "CreateChangeSet"])
def test_everything_else_is_answered_at_once(action: str) -> None:
    """Whoever looks sees what is; removals of several stacks go side by side."""
    stack = Stack("CREATE_IN_PROGRESS")
    assert answer(stack, form(action, StackName="pets")) == OK
    assert stack.looks == 0


def test_a_refusal_is_answered_at_once() -> None:
    """Nothing was changed, nothing settles."""
    stack = Stack("CREATE_IN_PROGRESS")
    assert answer(stack, form("CreateStack", StackName="pets"), status=400)[0] == 400
    assert stack.looks == 0


def test_both_protocols_name_the_stack() -> None:
    """Older SDKs send a form, newer ones JSON."""
    target = {"x-amz-target": "CloudFormation_20100515.UpdateStack"}
    assert changed_stack(target, json.dumps({"StackName": "pets"}).encode()) == "pets"
    assert changed_stack({}, form("UpdateStack", StackName="pets")) == "pets"
    assert changed_stack({"x-amz-target": "CloudFormation_20100515.DescribeStacks"}, b"{}") is None
    assert changed_stack({}, form("UpdateStack")) is None
