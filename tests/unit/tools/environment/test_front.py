"""The front of every command: one message, one exit code, whatever ends it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from botocore.exceptions import ClientError, EndpointConnectionError

from infra.settings import SettingsError
from tools.environment.connection import NotConnectedError
from tools.environment.errors import ToolError, UsageError
from tools.environment.front import run

ROOT = Path(__file__).resolve().parents[4]
MODULES = (
    "tools.breed_scripts", "tools.demo", "tools.deploy", "tools.deploy.cost_page", "tools.invoke", "tools.licences",
    "tools.redrive", "tools.replay", "tools.simulate", "tools.sync_catalogue",
)  # fmt: skip


class OtherError(Exception):
    """An error that only one command knows."""


class ThirdError(ToolError):
    """An error with an exit code of its own."""

    exit_code = 3


def command(ends_with: BaseException | None) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command()
    def work(number: Annotated[int, typer.Option(min=1)] = 1) -> None:
        """Does something."""
        if ends_with is not None:
            raise ends_with

    return app


def ran(monkeypatch: pytest.MonkeyPatch, ends_with: BaseException | None, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return run(command(ends_with), OtherError, interrupted="interrupted; begin again")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ToolError("the [bucket] is full"), 1, "the [bucket] is full"),
        (NotConnectedError("the local cloud is not up"), 1, "the local cloud is not up"),
        (OtherError("out of luck"), 1, "out of luck"),
        (UsageError("say where to"), 2, "say where to"),
        (SettingsError("no environment 'x'"), 2, "no environment 'x'"),
        (ThirdError("held back"), 3, "held back"),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetObject"),
            1,
            "AWS refused or could not be reached: An error occurred (AccessDenied) when calling the GetObject"
            " operation: not you",
        ),
        (
            EndpointConnectionError(endpoint_url="https://ssm"),
            1,
            'AWS refused or could not be reached: Could not connect to the endpoint URL: "https://ssm"',
        ),
        (KeyboardInterrupt(), 130, "interrupted; begin again"),
        (typer.Abort(), 130, "interrupted; begin again"),
        (EOFError(), 130, "interrupted; begin again"),
    ],
)
def test_an_error_that_can_be_mended_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    """Its message on stderr, without a trace."""
    assert code == ran(monkeypatch, error)
    captured = capsys.readouterr()
    assert ("", f"error: {message}") == (captured.out, captured.err.strip())


@pytest.mark.parametrize(("code", "shown"), [(0, ""), (1, ""), (7, "")])
def test_an_exit_code_of_the_command_is_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, shown: str
) -> None:
    """Nothing is said for it."""
    assert code == ran(monkeypatch, typer.Exit(code))
    assert shown == capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["--number", "0"], ["--number", "x"], ["--number"], ["more"]])
def test_a_command_line_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit code 2, as for a config that cannot be used."""
    assert 2 == ran(monkeypatch, None, *arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert 1 == error.count("\n")


def test_a_fault_of_the_program_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but a developer can mend it."""
    with pytest.raises(ZeroDivisionError):
        ran(monkeypatch, ZeroDivisionError("a bug"))


@pytest.mark.parametrize("module", ["tools.licences", "tools.invoke"])
def test_a_reader_that_goes_away_ends_it_quietly(module: str) -> None:
    """`| head -1`: no trace, neither from the command nor when Python closes its output."""
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [] if module == "tools.licences" else ["--help"]
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (1, b"") == (ended.returncode, ended.stderr)


@pytest.mark.parametrize("module", MODULES)
def test_every_command_has_this_front(module: str) -> None:
    """An option that is not there is one line and exit code 2."""
    ended = subprocess.run(
        [sys.executable, "-m", module, "--frobnicate"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (2, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith("error: ")
    assert 1 == ended.stderr.count("\n")
