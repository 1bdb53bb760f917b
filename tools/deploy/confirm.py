"""Asking before something that costs money or cannot be undone."""

import sys
from dataclasses import dataclass

from infra.settings import Settings
from tools.deploy.base.errors import DeployError
from tools.deploy.show import Display
from tools.environment.errors import UsageError


@dataclass(frozen=True, slots=True)
class Confirm:
    """Asks the person at the terminal; `--yes` answers for them. On the local cloud nothing is at stake."""

    display: Display
    yes: bool
    is_local: bool
    interactive: bool

    def ask(self, question: str) -> None:
        """Returns when the answer is yes. Raises DeployError when it is no, UsageError when nobody can answer."""
        if self.yes or self.is_local:
            return
        if not self.interactive:
            raise UsageError(f"{question} There is no terminal to answer from; say --yes")
        if self._answer(f"{question} [y/N] ").lower() not in ("y", "yes"):
            raise DeployError("nothing was changed")

    def ask_to_remove(self, settings: Settings, *, keep_archive: bool, is_there: bool) -> None:
        """Like `ask`, before everything is deleted. A protected environment's name must be typed, whatever is said.

        On the local cloud it asks only where there is a terminal.
        """
        what = f"{settings.environment} in account {settings.account}"
        if not is_there:
            self.display.say(f"No stack of {what} stands; looking for what else may be left.")
        fate = "keeping the archive and its key" if keep_archive else "with the archive of all events"
        question = f"This deletes {what}: every stack, model and campaign, {fate}."
        if settings.protected:
            self.display.say(f"{question} {settings.environment} is protected.")
            if self._answer(f"Type {settings.environment} to go on: ") != settings.environment:
                raise DeployError("nothing was deleted")
        elif not self.yes and (self.interactive or not self.is_local):
            if not self.interactive:
                raise UsageError(f"{question} There is no terminal to answer from; say --yes")
            if self._answer(f"{question} Go on? [y/N] ").lower() not in ("y", "yes"):
                raise DeployError("nothing was deleted")

    def _answer(self, question: str) -> str:
        self.display.console.print(question, end="", markup=False, highlight=False)
        return sys.stdin.readline().strip()
