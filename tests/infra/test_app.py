"""`app.py`: every environment synthesizes alone, and every check of its templates is clean."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import aws_s3 as s3
from jsii.errors import JavaScriptError

import app as app_module
from infra.naming import STACKS
from tests.infra.synthesis import ENVIRONMENTS, Synthesis, isolated, run_app, synthesize

Assembled = Callable[[str], Synthesis]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_d54_every_environment_synthesizes_without_credentials(assembled: Assembled, environment: str) -> None:
    """All seven stacks come out, named after the environment, with nothing in the process's environment to help."""
    assert set(STACKS) == set(assembled(environment).templates)


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        [os.environ["JSII_NODE"], "-e", "require('net').connect(9, '127.0.0.1')"],
    ],
    ids=["python", "node"],
)
def test_the_isolated_process_has_no_network(tmp_path: Path, command: list[str]) -> None:
    """The process that the environments are synthesized in could not reach anything: the test above can fail."""
    done = subprocess.run(command, env=isolated(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert 0 != done.returncode
    assert "no network in this test" in done.stderr


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_synthesis_needs_a_look_up(assembled: Assembled, environment: str) -> None:
    """The manifest asks for no value of the account: a look-up would need credentials and a network."""
    manifest = json.loads((assembled(environment).folder / "manifest.json").read_text())
    assert "missing" not in manifest


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_d60_no_unacknowledged_finding(assembled: Assembled, environment: str) -> None:
    """The validators ran over the templates and found nothing that is not acknowledged."""
    report = json.loads((assembled(environment).folder / "validation-report.json").read_text())
    assert ["CloudFormation Validate"] == [plugin["pluginName"] for plugin in report["pluginReports"]]
    assert [] == [violation for plugin in report["pluginReports"] for violation in plugin["violations"]]


def test_d60_an_unacknowledged_finding_stops_the_synthesis(tmp_path: Path) -> None:
    """The security checks are wired to the app: a bucket without any protection is refused, with the rules' names."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesize(folder=tmp_path, extra=lambda stacks: s3.CfnBucket(stacks["data"], "Unprotected"))
    report = json.loads((tmp_path / "validation-report.json").read_text())
    rules = {violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]}
    assert {"AwsSolutions-S1", "AwsSolutions-S10"} <= rules


def test_cfn_lint_is_clean(assembled: Assembled) -> None:
    """cfn-lint, whose specification knows every Personalize type, has neither errors nor warnings on any template."""
    templates = [str(path) for env in ENVIRONMENTS for path in sorted(assembled(env).folder.glob("*.template.json"))]
    assert len(ENVIRONMENTS) * len(STACKS) == len(templates)
    linter = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert linter is not None
    done = subprocess.run([linter, *templates], capture_output=True, text=True, timeout=240, check=False)
    assert ("", 0) == (done.stdout, done.returncode)


def test_account_region_and_folder_come_from_the_environment(tmp_path: Path) -> None:
    """ACCOUNT_ID and CDK_DEPLOY_REGION override the config, CDK_OUTDIR says where to write, and dev is the default."""
    done = run_app(
        tmp_path,
        ACCOUNT_ID="210987654321",
        CDK_DEPLOY_REGION="eu-west-1",
        CDK_OUTDIR=str(tmp_path / "elsewhere"),
        CDK_VALIDATION="false",  # the environments are checked above
    )
    assert 0 == done.returncode, done.stderr
    manifest = json.loads((tmp_path / "elsewhere" / "manifest.json").read_text())
    stacks = {
        name: each["environment"]
        for name, each in manifest["artifacts"].items()
        if each["type"] == "aws:cloudformation:stack"
    }
    assert {f"dev-pets-{stack}": "aws://210987654321/eu-west-1" for stack in STACKS} == stacks


def test_an_unknown_environment_is_one_clear_line(tmp_path: Path) -> None:
    """No traceback: the message says what was asked for and what there is."""
    done = run_app(tmp_path, CDK_ENVIRONMENT="nonsense")
    assert 1 == done.returncode
    assert (
        "no environment 'nonsense': config/nonsense.yaml does not exist (there are: dev, local, prod, staging)\n"
        == done.stderr
    )


def test_a_region_without_personalize_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is made: the Region, and those that have Personalize."""
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "cdk.out"))
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-north-1")
    assert 1 == app_module.run()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("CDK_DEPLOY_REGION: 'eu-north-1' has no Amazon Personalize; the Regions that have it are")
    assert "eu-west-1" in line
    assert not (tmp_path / "cdk.out").exists()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ACCOUNT_ID", "twelve", "ACCOUNT_ID: 'twelve' is not allowed; it must be twelve digits"),
        ("CDK_DEPLOY_REGION", "Ireland", "CDK_DEPLOY_REGION: 'Ireland' is not allowed; it must be a region"),
        ("CDK_ENVIRONMENT", "x" * 300, "no environment 'xxx"),
    ],
)
def test_whatever_is_wrong_with_the_settings_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, message: str
) -> None:
    """Exit code 1, no traceback; nothing is made before."""
    monkeypatch.setenv(variable, value)
    assert 1 == app_module.run()
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ('{"generations": "zero"}', "context generations is 'zero'; it must be numbers"),
        ('{"deployed_personalize": "absent.json"}', "absent.json"),
    ],
)
def test_whatever_is_wrong_with_the_context_is_one_message(tmp_path: Path, context: str, message: str) -> None:
    """The same of what the CDK hands over."""
    done = run_app(tmp_path, CDK_CONTEXT_JSON=context)
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines())), done.stderr
    assert message in done.stderr


def test_what_the_cdk_refuses_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The CDK's own words; a fault of the program keeps its traceback."""

    def refused() -> None:
        raise RuntimeError("ValidationFailed: the report is in x") from JavaScriptError("two hundred lines")

    monkeypatch.setattr(app_module, "main", refused)
    assert 1 == app_module.run()
    assert "the templates could not be made: ValidationFailed: the report is in x\n" == capsys.readouterr().err

    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(app_module, "main", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        app_module.run()
