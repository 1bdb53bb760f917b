"""The command line of `./deploy.sh`."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tools.connection import Connection
from tools.deploy import __main__ as main_module
from tools.deploy.errors import DeployError, HeldBackError

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

    def _do(self, *what: Any) -> None:
        type(self).asked.append((self.connection.settings.environment, *what))
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What the command line asks of the work; no cloud is started or called."""
    Deployment.asked, Deployment.fails = [], None
    monkeypatch.setattr(main_module, "Deployment", Deployment)
    monkeypatch.setattr(main_module, "_reach", lambda *_, **__: True)
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
    ],
)
def test_d54_each_option_asks_for_its_work_in_any_environment(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], arguments: list[str], expected: tuple[Any, ...]
) -> None:
    """Any environment that has a config."""
    assert run(monkeypatch, *arguments) == 0
    assert [expected] == asked


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
        (["dev", "--frobnicate"], "No such option"),
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
    assert all(option in shown for option in ("--dry-run", "--destroy", "--purge", "--no-wait", "--yes", "--state"))


def test_one_deploy_at_a_time_works_here(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A second one in the same checkout would write over the first one's templates."""
    with main_module._alone(tmp_path / "deploy" / "local", "local"):
        assert run(monkeypatch, "local") == 1
    assert "another ./deploy.sh local is running here" in capsys.readouterr().err


class Identity:
    """STS of one account."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "999999999999"}


def test_credentials_of_another_account_do_nothing(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message holds the way out."""
    connection._clients["sts"] = Identity()
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
