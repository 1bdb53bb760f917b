"""Whatever is wrong with the settings, every command says it in one message and ends with an exit code."""

import importlib
import sys
from typing import Any

import pytest

from infra.settings import SettingsError
from tools.demo import __main__ as demo

COMMANDS = {
    "tools.deploy.__main__": ["dev", "--dry-run"],
    "tools.environment.invoke": ["recommend", "--user", "1", "--env", "dev"],
    "tools.events.simulate": ["--env", "dev"],
    "tools.events.redrive": ["--env", "dev"],
    "tools.events.replay": [
        "--env",
        "dev",
        "--by",
        "arrival",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-02",
        "--tracker",
    ],
    "tools.sync_catalogue": ["--env", "dev", "--archive"],
}


def ends(module: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    return int(module.main())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_region_without_personalize_ends_every_command_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Nothing is called: where Personalize is not, none of the project's resources are."""
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-north-1")
    assert ends(importlib.import_module(name), monkeypatch, COMMANDS[name]) == 2
    captured = capsys.readouterr()
    shown = " ".join((captured.out + captured.err).split())
    assert "CDK_DEPLOY_REGION: 'eu-north-1' has no Amazon Personalize" in shown
    assert "Traceback" not in shown


def test_a_config_that_cannot_be_used_ends_the_demonstration_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for every other command."""

    def refused(*_: Any) -> None:
        raise SettingsError("config/local.yaml cannot be used:\n  colour: unknown key")

    monkeypatch.setattr(demo, "demonstrate", refused)
    assert ends(demo, monkeypatch, []) == 2
    assert "error: config/local.yaml cannot be used" in capsys.readouterr().err
