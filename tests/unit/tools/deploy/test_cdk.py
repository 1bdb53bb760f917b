"""The calls of the CDK, with a stand-in for its CLI that writes down how it was called."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tools.deploy.base.errors import DeployError
from tools.deploy.base.waiting import poll
from tools.deploy.cdk import Cdk
from tools.environment.connection import Connection

CLI = """#!{python}
import json, os, sys, time
with open({calls!r}, "a") as file:
    file.write(json.dumps({{"arguments": sys.argv[1:], "endpoint": os.environ.get("AWS_ENDPOINT_URL")}}) + "\\n")
print("dev-pets-data |  3/12 | 10:00:00 AM | CREATE_COMPLETE      | AWS::KMS::Key | Key (Key961B73FD)", flush=True)
if "hang" in os.environ.get("FAKE", ""):
    time.sleep(600)
sys.exit(1 if "fail" in os.environ.get("FAKE", "") else 0)
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the stand-in on the PATH; the file holds its calls."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "cdk"
    program.parent.mkdir()
    program.write_text(CLI.format(python=sys.executable, calls=str(calls)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return calls


def called(calls: Path) -> list[list[str]]:
    return [json.loads(line)["arguments"] for line in calls.read_text().splitlines()]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cdk(connection: Connection, tmp_path: Path, said: list[str]) -> Cdk:
    return Cdk(connection, tmp_path / "templates", tmp_path / "log" / "deploy.log", said.append)


class Stacks:
    """CloudFormation with one stack, its template and its events."""

    def __init__(self, status: str = "CREATE_COMPLETE", template: Any = None, events: list[Any] | None = None) -> None:
        self.status, self.template, self.events = status, template, events or []

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status}]}

    def get_template(self, **_: str) -> dict[str, Any]:
        return {"TemplateBody": self.template}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": self.events}


def test_d53_stacks_are_deployed_from_what_was_synthesized(cdk: Cdk, calls: Path) -> None:
    """One call, the given stacks alone, nobody asked, no change set to wait for."""
    cdk.deploy(["personalize", "ingestion"])
    (arguments,) = called(calls)
    assert ["deploy", "--app", str(cdk.folder), "--exclusively", "--require-approval=never"] == arguments[:5]
    assert {"--method=direct", "dev-pets-personalize", "dev-pets-ingestion"} <= set(arguments)
    assert "--import-existing-resources" not in arguments


def test_what_was_kept_is_taken_up(cdk: Cdk, calls: Path) -> None:
    """Adopting needs a change set."""
    cdk.deploy(["data"], adopt_existing=True)
    assert {"--method=change-set", "--import-existing-resources"} <= set(called(calls)[0])


def test_d57_bootstrap_names_account_and_region(cdk: Cdk, calls: Path) -> None:
    """The region is the config's."""
    cdk.bootstrap()
    assert ["bootstrap", "aws://123456789012/us-east-1"] == called(calls)[0][:2]


def test_a_diff_makes_no_change_set(cdk: Cdk, calls: Path) -> None:
    """A dry run changes nothing, not even that."""
    assert "CREATE_COMPLETE" in cdk.diff()
    assert "--method=template" in called(calls)[0]


def test_the_stacks_progress_is_told(cdk: Cdk, calls: Path, said: list[str]) -> None:
    """The lines of the CLI become short ones; all of them are in the log."""
    cdk.deploy(["data"])
    assert ["data: AWS::KMS::Key CREATE_COMPLETE"] == said
    assert "Key961B73FD" in cdk.log.read_text()


def test_d63_a_failure_tells_cloudformations_reasons(
    cdk: Cdk, connection: Connection, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause is named; what was only cancelled because of it, and earlier failures, are not."""
    now = datetime.now(UTC) + timedelta(seconds=30)

    def event(logical: str, reason: str, at: datetime = now, status: str = "CREATE_FAILED") -> dict[str, Any]:
        return {
            "LogicalResourceId": logical,
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "Timestamp": at,
        }

    events = [
        event("Other", "Resource creation cancelled"),
        event("Seed", "the name is taken"),
        event("Fine", "", status="CREATE_COMPLETE"),
        event("Old", "long ago", now - timedelta(days=1)),
    ]
    connection._clients["cloudformation"] = Stacks(events=events)
    monkeypatch.setenv("FAKE", "fail")
    with pytest.raises(DeployError) as caught:
        cdk.deploy(["data"])
    expected = "CloudFormation could not deploy:\n  dev-pets-data: Seed (AWS::S3::Bucket): the name is taken"
    assert expected == str(caught.value)


def test_a_failure_without_events_tells_the_end_of_the_output(
    cdk: Cdk, connection: Connection, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where the whole of it is."""
    connection._clients["cloudformation"] = Stacks()
    monkeypatch.setenv("FAKE", "fail")
    with pytest.raises(DeployError, match=r"`cdk deploy` failed \(exit code 1\); the whole output is in .*deploy.log"):
        cdk.deploy(["data"])


def test_d53_a_missing_cli_says_what_installs_it(cdk: Cdk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="cdk is not installed; run `make setup`"):
        cdk.diff()


def test_an_interrupt_ends_the_cli(cdk: Cdk, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI runs in a group of its own and never outlives the deploy."""
    monkeypatch.setenv("FAKE", "hang")
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def remember(*arguments: Any, **options: Any) -> "subprocess.Popen[str]":
        started.append(popen(*arguments, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", remember)

    def interrupt() -> None:
        poll(calls.exists, every_seconds=0.01, for_seconds=120, otherwise="the CLI did not start")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        cdk.diff()
    thread.join()
    assert started[0].poll() == -signal.SIGTERM


def test_a_lost_lock_ends_the_cli(cdk: Cdk, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CDK that has not begun must not begin under another's lock; a deploy that is not stopped ends by itself."""
    monkeypatch.setenv("FAKE", "hang")
    cdk.connection._clients["cloudformation"] = Stacks()
    stop = threading.Event()

    def lose() -> None:
        poll(calls.exists, every_seconds=0.01, for_seconds=120, otherwise="the CLI did not start")
        stop.set()

    thread = threading.Thread(target=lose)
    thread.start()
    with pytest.raises(DeployError, match=r"`cdk deploy` failed \(exit code -15\)"):
        cdk.deploy(["campaigns"], stop=stop)
    thread.join()
    monkeypatch.delenv("FAKE")
    cdk.deploy(["campaigns"], stop=threading.Event())


@pytest.mark.parametrize(("version", "enough"), [("6", True), ("28", True), ("5", False), (None, False)])
def test_an_old_bootstrap_is_brought_up_to_date(
    cdk: Cdk, connection: Connection, version: str | None, enough: bool
) -> None:
    """The default synthesizer asks for version 6 of the bootstrap."""
    if version is not None:
        name = "/cdk-bootstrap/hnb659fds/version"
        connection.client("ssm").put_parameter(Name=name, Value=version, Type="String")
    assert enough == cdk.is_bootstrapped()


@pytest.mark.parametrize("template", [{"Metadata": {}}, '{"Metadata": {}}'])
def test_the_deployed_template_is_handed_to_the_app(cdk: Cdk, connection: Connection, template: Any) -> None:
    """CloudFormation gives JSON templates as an object, boto3 sometimes as text; the app gets a JSON file."""
    connection._clients["cloudformation"] = Stacks(template=template)
    path = cdk._deployed_personalize()
    assert path is not None
    assert {"Metadata": {}} == json.loads(path.read_text())


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_COMPLETE"])
def test_a_creation_that_failed_left_no_generation(cdk: Cdk, connection: Connection, status: str) -> None:
    """Its template is there, its resources are not."""
    connection._clients["cloudformation"] = Stacks(status=status, template={})
    assert cdk._deployed_personalize() is None


def test_a_stack_is_deployed_when_its_template_is_the_synthesized_one(cdk: Cdk, connection: Connection) -> None:
    """Compared as JSON: neither the order of keys nor whitespace is a difference."""
    cdk.folder.mkdir()
    (cdk.folder / "dev-pets-campaigns.template.json").write_text('{"Resources": {}, "Parameters": {"A": 1}}')
    for template, same in (({"Parameters": {"A": 1}, "Resources": {}}, True), ({"Resources": {}}, False)):
        connection._clients["cloudformation"] = Stacks(template=template)
        assert same == cdk.is_deployed("campaigns")
    connection._clients["cloudformation"] = Stacks(status="DELETE_COMPLETE")
    assert not cdk.is_deployed("campaigns")
