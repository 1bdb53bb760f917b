"""The price table and the cost page, held against the synthesized templates."""

from collections.abc import Callable

import pytest

from infra.prices import PRICES_FILE, load_prices
from infra.settings import load_settings
from tests.infra.synthesis import ENVIRONMENTS, ROOT, Synthesis
from tools.deploy.cost_page import COMMAND, PAGES, pages, with_tables
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


@pytest.mark.parametrize("page", PAGES)
def test_what_the_docs_say_of_costs_is_the_programs(dev: Synthesis, page: str) -> None:
    """The tables of both pages; after a change of price, resource or setting they are written anew."""
    path = ROOT / "docs" / page
    assert pages(dev.templates.values())[path] == path.read_text(encoding="utf-8"), f"run `{COMMAND}`"


def test_the_readme_names_what_two_idle_campaigns_cost(dev: Synthesis) -> None:
    """As the bill does."""
    campaigns = monthly_costs(load_settings("dev"), dev.templates.values())[0]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert campaigns.dollars is not None
    assert f"Two idle campaigns are most of the bill, about ${campaigns.dollars:.0f} a month" in readme


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    """The line that is missing is named."""
    with pytest.raises(ValueError, match="<!-- bill: python -m tools"):
        with_tables("# What it costs", {"bill": "| |"})
