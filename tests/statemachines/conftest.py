"""One local cloud for all executed state machines; every test uses names of its own."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud.lifecycle import LocalCloud

ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[LocalCloud]:
    """The emulator alone, which is what the language itself needs."""
    with LocalCloud(state=tmp_path_factory.mktemp("emulator"), services=("emulator",)) as cloud:
        yield cloud


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


def ended(cloud: LocalCloud, execution: str, seconds: float = 60.0) -> dict[str, Any]:
    """The description of the execution once it has ended."""
    client, deadline = cloud.client("stepfunctions"), time.monotonic() + seconds
    while True:
        described: dict[str, Any] = client.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < deadline, f"{execution} still runs after {seconds} s"
        time.sleep(0.02)


def make_machine(cloud: LocalCloud, name: str, definition: dict[str, Any]) -> str:
    """The ARN of a new state machine."""
    client = cloud.client("stepfunctions")
    made: str = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)[
        "stateMachineArn"
    ]
    return made


def run(cloud: LocalCloud, name: str, definition: dict[str, Any], given: object = None) -> dict[str, Any]:
    """The description of an execution of this definition, ended."""
    machine = make_machine(cloud, name, definition)
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({} if given is None else given)
    )
    return ended(cloud, started["executionArn"])
