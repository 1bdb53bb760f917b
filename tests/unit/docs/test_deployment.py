"""docs/deployment.md says what deploy.sh does."""

import re
from pathlib import Path

import typer.main

from infra.settings import load_settings
from tools.deploy.__main__ import INTERRUPTED, app
from tools.deploy.costs import monthly_costs
from tools.deploy.errors import DeployError, HeldBackError, UsageError

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


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


def test_the_bill_on_the_page_is_the_programs() -> None:
    """The price of the two campaigns and of the stream, as the model computes them for dev."""
    stream = {"Resources": {"Stream": {"Type": "AWS::Kinesis::Stream"}}}
    costs = {cost.item: cost for cost in monthly_costs(load_settings("dev"), [stream])}
    assert f"| 2 idle campaigns | {costs['2 idle campaigns'].dollars:.2f} |" in PAGE
    assert f"| Kinesis stream | {costs['Kinesis stream'].dollars:.2f} |" in PAGE
    assert costs["Training"].dollars is None
    assert "| training | unknown |" in PAGE
