"""The price table and the cost page, held against the synthesized templates."""

from collections.abc import Callable

import pytest

from infra.prices import PRICES_FILE, load_prices
from infra.settings import load_settings
from tests.infra.synthesis import ENVIRONMENTS, ROOT, Synthesis
from tools.deploy.cost_page import COMMAND, PAGE, with_tables
from tools.deploy.costs import monthly_costs, total


def test_every_resource_type_has_a_price_or_a_reason(
    dev: Synthesis, prod: Synthesis, with_first_recipes: Synthesis, in_vpc: Synthesis
) -> None:
    """What is in a template and not in the table would be missing from the bill in silence."""
    every = (dev, prod, with_first_recipes, in_vpc)
    missing = load_prices().missing(template for synthesis in every for template in synthesis.templates.values())
    assert [] == missing, (
        f"{', '.join(missing)}: add a row under `resources` of {PRICES_FILE.name} (charged, use, free or unpriced; its"
        f" head says which), then `{COMMAND}`"
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_at_rest_does_not_ring_its_own_budget(
    synthesized: Callable[..., Synthesis], environment: str
) -> None:
    """The budget's message at 80 % would else come every month, and be read by nobody."""
    settings = load_settings(environment)
    costs = monthly_costs(settings, synthesized(environment, environment).templates.values())
    assert total(costs) <= 0.8 * settings.monthly_budget_usd


def test_the_cost_page_is_the_programs(dev: Synthesis) -> None:
    """Its four tables; after a change of price, resource or setting they are written anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page, dev.templates.values()) == page, f"run `{COMMAND}`"


def test_the_sums_on_other_pages_are_the_programs(dev: Synthesis) -> None:
    """README and the deployment page name the campaigns' cost and the whole."""
    costs = monthly_costs(load_settings("dev"), dev.templates.values())
    campaigns, whole = costs[0].dollars or 0.0, total(costs)
    deployment = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"| 2 idle campaigns | {campaigns:.2f} |" in deployment
    assert f"| everything else, mostly the Kinesis stream | {whole - campaigns:.2f} |" in deployment
    assert f"| together | {whole:.2f} |" in deployment
    assert f"about ${campaigns:.0f} of ${whole:.0f} a month" in (ROOT / "README.md").read_text(encoding="utf-8")
