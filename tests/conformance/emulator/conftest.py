"""One local cloud for all conformance tests of the emulator; every test uses names of its own."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.deadline import eventually
from tests.lambda_package import package

ROLE = "arn:aws:iam::000000000000:role/any"
"""May do everything."""
SERVICES = ("firehose", "lambda", "personalize", "scheduler", "states")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory) -> Iterator[LocalCloud]:
    with LocalCloud(state=tmp_path_factory.mktemp("cloud"), services=("emulator", "personalize")) as cloud:
        make_role(cloud, ROLE.rpartition("/")[2], [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        yield cloud


def make_role(cloud: LocalCloud, name: str, statements: list[dict[str, Any]], *services: str) -> str:
    """The ARN of a new role with these statements, which these services may assume (all that roles are tried with)."""
    trusted = [f"{service}.amazonaws.com" for service in services or SERVICES]
    trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    iam = cloud.client("iam")
    made: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy([trust]))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=_policy(statements))
    return made


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


def make_function(cloud: LocalCloud, name: str, code: str, **options) -> str:
    """The ARN of a new function whose handler is `lambda_handler` of `code`."""
    function: str = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Architectures=["arm64"],
        Role=ROLE,
        Handler="pack.handler.lambda_handler",
        Code={"ZipFile": package({"pack/handler.py": code})},
        **options,
    )["FunctionArn"]
    return function


def invoke(cloud: LocalCloud, name: str, payload: object = None, **options) -> tuple[Any, str | None]:
    """The function's answer and its FunctionError."""
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), **options)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def deploy(
    cloud: LocalCloud, stack: str, resources: dict[str, Any], *, outputs: dict[str, Any] | None = None, **options
) -> dict[str, str]:
    """Creates or updates the stack, waits until it is complete, and returns its outputs."""
    client = cloud.client("cloudformation")
    template = json.dumps({"Resources": resources, "Outputs": outputs or {}} | options.pop("sections", {}))
    exists = any(
        s["StackName"] == stack and s["StackStatus"] != "DELETE_COMPLETE"
        for s in client.list_stacks()["StackSummaries"]
    )
    operation = client.update_stack if exists else client.create_stack
    operation(StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"], **options)
    status = eventually(lambda: stack_status(cloud, stack), lambda s: not s.endswith("IN_PROGRESS"), 60)
    assert status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, (status, failures(cloud, stack))
    described = client.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def stack_status(cloud: LocalCloud, stack: str) -> str:
    return str(cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def failures(cloud: LocalCloud, stack: str) -> list[str]:
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}"
        for e in events
        if e["ResourceStatus"].endswith("FAILED")
    ]


def delete(cloud: LocalCloud, stack: str) -> None:
    """Deletes the stack and waits until it is gone."""
    client = cloud.client("cloudformation")
    identifier = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=stack)
    status = eventually(lambda: stack_status(cloud, identifier), lambda s: s != "DELETE_IN_PROGRESS", 60)
    assert status == "DELETE_COMPLETE", failures(cloud, identifier)


@pytest.fixture
def control(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker")


@pytest.fixture
def runtime(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker-featurestore-runtime")
