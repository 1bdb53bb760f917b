"""Asking before something that costs money or cannot be undone."""

import io

import pytest
from rich.console import Console

from infra.settings import Settings
from tests.refusal import refusal
from tools.deploy.base.errors import DeployError
from tools.deploy.confirm import Confirm
from tools.deploy.show import Display
from tools.environment.errors import UsageError


def confirm(
    monkeypatch: pytest.MonkeyPatch,
    answer: str = "",
    *,
    yes: bool = False,
    is_local: bool = False,
    terminal: bool = True,
) -> Confirm:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    display = Display(Console(file=io.StringIO()))
    return Confirm(display, yes=yes, is_local=is_local, interactive=terminal)


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """The word may be short or long, in any case."""
    assert "" == refusal(DeployError, confirm(monkeypatch, answer).ask, "Deploy?")


@pytest.mark.parametrize("answer", ["\n", "n\n", "", "dev\n"])
def test_anything_else_stops(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Silence is no consent to a bill."""
    with pytest.raises(DeployError, match="nothing was changed"):
        confirm(monkeypatch, answer).ask("Deploy?")


def test_without_a_terminal_it_wants_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline says --yes; without it nothing hangs on a question that nobody sees."""
    with pytest.raises(UsageError, match="say --yes"):
        confirm(monkeypatch, "y\n", terminal=False).ask("Deploy?")
    confirm(monkeypatch, yes=True, terminal=False).ask("Deploy?")


def test_the_local_cloud_costs_nothing_and_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Neither a deploy nor, without a terminal, a removal."""
    local = confirm(monkeypatch, is_local=True, terminal=False)
    assert "" == refusal(DeployError, local.ask, "Deploy?")
    assert "" == refusal(DeployError, local.ask_to_remove, settings, keep_archive=False, is_there=True)


def test_a_removal_is_asked_about(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """On AWS always unless --yes; on the local cloud where somebody can answer."""
    for is_local in (False, True):
        with pytest.raises(DeployError, match="nothing was deleted"):
            confirm(monkeypatch, "n\n", is_local=is_local).ask_to_remove(settings, keep_archive=False, is_there=True)
    with pytest.raises(UsageError, match="say --yes"):
        confirm(monkeypatch, terminal=False).ask_to_remove(settings, keep_archive=False, is_there=True)
    confirm(monkeypatch, yes=True).ask_to_remove(settings, keep_archive=False, is_there=True)
    confirm(monkeypatch, is_local=True, terminal=False).ask_to_remove(settings, keep_archive=False, is_there=True)


def test_the_name_of_a_protected_environment_is_typed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Neither --yes nor `y` removes a protected environment."""
    protected = settings.model_copy(update={"protected": True})
    for answer in ("y\n", "\n", "prod\n"):
        with pytest.raises(DeployError, match="nothing was deleted"):
            confirm(monkeypatch, answer, yes=True).ask_to_remove(protected, keep_archive=True, is_there=True)
    confirm(monkeypatch, "dev\n").ask_to_remove(protected, keep_archive=True, is_there=True)
