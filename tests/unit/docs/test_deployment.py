"""docs/operate/deployment.md says what deploy.sh does."""

import re
from pathlib import Path

import typer.main

from tools.deploy.__main__ import app
from tools.deploy.base.errors import DeployError, HeldBackError
from tools.environment.errors import UsageError
from tools.environment.front import INTERRUPTED

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "operate" / "deployment.md").read_text(encoding="utf-8")


def test_every_option_is_on_the_page() -> None:
    """And no option that the program does not have."""
    options = {
        option for parameter in typer.main.get_command(app).params for option in parameter.opts if "--" in option
    }
    synopsis = PAGE.partition("```text")[2].partition("```")[0]
    assert options == set(re.findall(r"--[a-z-]+", synopsis))


def test_every_exit_code_is_on_the_page() -> None:
    """0 and what each error ends with."""
    codes = {0, DeployError.exit_code, UsageError.exit_code, HeldBackError.exit_code, INTERRUPTED}
    table = PAGE.partition("| exit code |")[2].partition("\n\n")[0]
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
