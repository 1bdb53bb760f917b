"""The command line of `./deploy.sh`."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from tools.deploy import __main__ as main_module
from tools.deploy.base.errors import DeployError, HeldBackError
from tools.deploy.costs import Traffic
from tools.environment.connection import Connection, connect

ROOT = Path(__file__).resolve().parents[4]


class Deployment:
    """Stands in for the work; remembers what was asked of it."""

    asked: list[Any]
    fails: BaseException | None = None

    def __init__(self, connection: Connection, *_: Any) -> None:
        self.connection = connection

    def deploy(self, *, wait: bool, **_: Any) -> None:
        self._do("deploy", wait)

    def dry_run(self, *, reachable: bool) -> None:
        self._do("dry run", reachable)

    def destroy(self, *, purge: bool, **_: Any) -> None:
        self._do("destroy", purge)

    def sleep(self) -> None:
        self._do("sleep")

    def wake(self) -> None:
        self._do("wake")

    def _do(self, *what: Any) -> None:
        type(self).asked.append((self.connection.settings.environment, *what))
        if self.fails is not None:
            raise self.fails


class Identity:
    """STS of one account; knows how often it was asked."""

    asked = 0

    def __init__(self, account: str) -> None:
        self._account = account

    def get_caller_identity(self) -> dict[str, str]:
        Identity.asked += 1
        return {"Account": self._account}


def signed_in(environment: str) -> Connection:
    """The connection to an environment by whoever has the right credentials for it."""
    connection = connect(environment)
    connection._clients["sts"] = Identity(connection.settings.account)
    return connection


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The programs that were started instead of the local cloud; each ends well."""
    commands: list[Any] = []

    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        commands.append(command[1:4])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[Any]) -> list[Any]:
    """What the command line asks of the work; no cloud is started or called."""
    Deployment.asked, Deployment.fails, Identity.asked = [], None, 0
    monkeypatch.setattr(main_module, "Deployment", Deployment)
    monkeypatch.setattr(main_module, "connect", signed_in)
    monkeypatch.setattr(main_module, "state_folder", lambda: tmp_path)
    monkeypatch.setattr(main_module, "REPOSITORY", tmp_path)
    monkeypatch.delenv("CDK_ENVIRONMENT", raising=False)
    return Deployment.asked


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["deploy", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return main_module.main()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["local"], ("local", "deploy", True)),
        (["dev", "--no-wait"], ("dev", "deploy", False)),
        (["prod", "--dry-run"], ("prod", "dry run", True)),
        (["local", "--destroy"], ("local", "destroy", False)),
        (["prod", "--destroy", "--purge"], ("prod", "destroy", True)),
        (["dev", "--sleep"], ("dev", "sleep")),
        (["local", "--wake"], ("local", "wake")),
    ],
)
def test_d54_each_option_asks_for_its_work_in_any_environment(
    monkeypatch: pytest.MonkeyPatch,
    asked: list[Any],
    started: list[Any],
    arguments: list[str],
    expected: tuple[Any, ...],
) -> None:
    """Any environment that has a config; the local one is started first."""
    assert run(monkeypatch, *arguments) == 0
    assert [expected] == asked
    assert started == ([["-m", "local_cloud", "up"]] if "local" in arguments else [])


def test_without_an_environment_it_takes_the_variable(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    """CDK_ENVIRONMENT, as for the CDK app."""
    monkeypatch.setenv("CDK_ENVIRONMENT", "staging")
    assert run(monkeypatch) == 0
    assert [("staging", "deploy", True)] == asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which environment: ./deploy.sh ENV, ENV being one of dev, local, prod, staging"),
        (["nonsense"], "no environment 'nonsense': config/nonsense.yaml does not exist"),
        (["dev", "--purge"], "--purge goes with --destroy"),
        (["dev", "--dry-run", "--destroy"], "--dry-run shows a deploy"),
        (["dev", "--sleep", "--wake"], "--sleep and --wake are two"),
        (["dev", "--sleep", "--dry-run"], "--sleep goes with none of"),
        (["dev", "--sleep", "--destroy"], "--sleep goes with none of"),
        (["dev", "--wake", "--no-wait"], "--wake goes with none of"),
        (["dev", "--wake", "--purge"], "--purge goes with --destroy"),
        (["dev", "--frobnicate"], "No such option"),
        (["dev", "--events", "5"], "--events goes with --cost"),
        (["dev", "--rerankings", "0"], "--rerankings goes with --cost"),
        (["dev", "--cost", "--dry-run"], "--cost shows what a month costs"),
        (["dev", "--cost", "--yes"], "--cost shows what a month costs"),
        (["dev", "--cost", "--sleep"], "--cost shows what a month costs"),
        (["dev", "--cost", "--wake"], "--cost shows what a month costs"),
        (["dev", "--cost", "--events", "many"], "--events is 'many'; it must be a whole number from 0 to"),
        (["dev", "--cost", "--events", "-1"], "--events is '-1'; it must be a whole number from 0 to"),
        (["dev", "--cost", "--recommendations", "1.5"], "--recommendations is '1.5'; it must be a whole number"),
        (["dev", "--cost", "--events", "9" * 400], "it must be a whole number from 0 to 1000000000000"),
        (["dev", "--cost", "--rerankings", "²"], "--rerankings is '²'; it must be a whole number"),
        (["dev", "--cost", "--events"], "requires an argument"),
    ],
)
def test_d55_what_cannot_be_used_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    asked: list[Any],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """Exit code 2, the reason, nothing done."""
    assert run(monkeypatch, *arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert len(shown.strip().splitlines()) == 1
    assert [] == asked


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DeployError("the bucket name is taken"), 1, "error: the bucket name is taken"),
        (HeldBackError("NDCG@5 falls short by 0.0060"), 3, "error: NDCG@5 falls short by 0.0060"),
        (KeyboardInterrupt(), 130, "interrupted; start it again"),
        (EndpointConnectionError(endpoint_url="https://ssm"), 1, "AWS refused or could not be reached"),
    ],
)
def test_d63_every_end_has_its_exit_code_and_message(
    monkeypatch: pytest.MonkeyPatch,
    asked: list[Any],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
) -> None:
    """No failure is silent, none looks like another."""
    Deployment.fails = error
    assert code == run(monkeypatch, "dev")
    assert message in capsys.readouterr().err


def test_help_is_no_error(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """It names every option."""
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert all(
        option in shown for option in ("--dry-run", "--destroy", "--purge", "--no-wait", "--yes", "--state", "--cost")
    )


def test_one_deploy_at_a_time_works_here(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A second one in the same checkout would write over the first one's templates."""
    with main_module._alone(tmp_path / "deploy" / "local", "local"):
        assert run(monkeypatch, "local") == 1
    assert "another ./deploy.sh local is running here" in capsys.readouterr().err


def test_costs_are_shown_without_reaching_the_environment(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], started: list[Any]
) -> None:
    """Neither credentials nor the local cloud are looked for; the numbers arrive as they were given."""
    reports: list[tuple[str, Traffic]] = []
    monkeypatch.setattr(
        main_module,
        "report_costs",
        lambda connection, _, traffic: reports.append((connection.settings.environment, traffic)),
    )
    assert run(monkeypatch, "local", "--cost") == 0
    assert run(monkeypatch, "dev", "--cost", "--events", "7_000", "--recommendations", "8", "--rerankings", "9") == 0
    assert [("local", Traffic()), ("dev", Traffic(7_000, 8, 9))] == reports
    assert ([], [], 0) == (asked, started, Identity.asked)


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--cost"], ["--destroy"], []])
def test_a_region_without_personalize_is_refused_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Before credentials, templates or anything else; one line with the Regions that have it."""
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-north-1")
    assert run(monkeypatch, "dev", *arguments) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert "CDK_DEPLOY_REGION: 'eu-north-1' has no Amazon Personalize; the Regions that have it are" in line
    assert "eu-west-1" in line
    assert captured.out == ""


class Refusing:
    """STS that answers with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_caller_identity(self) -> dict[str, str]:
        raise self._error


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetCallerIdentity")


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_client_error("ExpiredToken"), "the AWS credentials for dev have expired: log in again"),
        (_client_error("ExpiredTokenException"), "the AWS credentials for dev have expired: log in again"),
        (UnauthorizedSSOTokenError(), "the AWS credentials for dev have expired: log in again"),
        (SSOTokenLoadError(error_msg="gone"), "the AWS credentials for dev have expired: log in again"),
        (TokenRetrievalError(provider="sso", error_msg="x"), "the AWS credentials for dev have expired: log in again"),
        (_client_error("InvalidClientTokenId"), "the AWS credentials for dev do not work"),
        (ProfileNotFound(profile="nobody"), "the AWS credentials for dev do not work: The config profile (nobody)"),
        (EndpointConnectionError(endpoint_url="https://sts"), "AWS could not be reached to check the credentials"),
    ],
)
def test_credentials_that_do_not_work_are_said_for_what_they_are(
    monkeypatch: pytest.MonkeyPatch,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    message: str,
    dry: list[str],
) -> None:
    """Expired, wrong, or nobody to ask: three messages, none of which is that there are no credentials."""
    connection._clients["sts"] = Refusing(error)
    monkeypatch.setattr(main_module, "connect", lambda _: connection)
    assert run(monkeypatch, "dev", *dry) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert "no AWS credentials" not in shown


def test_a_dry_run_without_credentials_goes_on_as_if_nothing_stood(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, asked: list[Any]
) -> None:
    """A deploy without them still ends at once."""
    connection._clients["sts"] = Refusing(NoCredentialsError())
    monkeypatch.setattr(main_module, "connect", lambda _: connection)
    assert run(monkeypatch, "dev", "--dry-run") == 0
    assert [("dev", "dry run", False)] == asked
    assert run(monkeypatch, "dev") == 1


def test_credentials_of_another_account_do_nothing(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message holds the way out."""
    connection._clients["sts"] = Identity("999999999999")
    monkeypatch.setattr(main_module, "connect", lambda _: connection)
    assert run(monkeypatch, "dev") == 2
    assert "set ACCOUNT_ID=999999999999" in capsys.readouterr().err


def test_without_credentials_it_says_so_in_one_line() -> None:
    """`./deploy.sh dev` on a machine that knows no account: one line, exit code 1, within seconds."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    process = subprocess.run(
        [str(ROOT / "deploy.sh"), "dev"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 1
    assert process.stderr.strip() == (
        "error: no AWS credentials for dev: set AWS_PROFILE, or log in with `aws sso login`"
    )
