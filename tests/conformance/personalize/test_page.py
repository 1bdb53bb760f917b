"""docs/develop/personalize.md says what the server does."""

import json
import re
from pathlib import Path

from personalize_local.api.services import routes
from personalize_local.control.faults import Faults
from personalize_local.model.recipes import RECIPES
from personalize_local.operations import OPERATIONS
from personalize_local.settings.quotas import Rates, read_quotas

PAGE = (Path(__file__).parents[3] / "docs" / "develop" / "personalize.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_operations_is_complete() -> None:
    """Each operation that is carried out stands in the table, and no other."""
    table = PAGE[PAGE.index("## What it does") : PAGE.index("Recipes with a model")]
    assert sorted(OPERATIONS) == sorted(set(re.findall(r"`([A-Z][A-Za-z]+)`", table)) & set(routes().operations))


def test_the_recipes_are_those_with_a_model() -> None:
    """The page names the recipes that can be trained."""
    named = re.search(r"Recipes with a model: (.*?)\.\n", PAGE, re.DOTALL)
    assert named
    assert [recipe.name for recipe in RECIPES.values() if recipe.model] == re.findall(r"`([^`]+)`", named[1])


def test_the_python_examples_run() -> None:
    """Each example is a program without an error."""
    blocks = _blocks("python")
    assert 2 == len(blocks)
    for block in blocks:
        exec(compile(block, "docs/develop/personalize.md", "exec"), {})  # noqa: S102 - the examples of our own page


def test_the_orders_are_taken() -> None:
    """The order of the page, and each outcome of its table, is one that the server takes."""
    (order,) = map(json.loads, _blocks("json"))
    outcomes = [json.loads(cell) for cell in re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)]
    assert 5 == len(outcomes)
    for outcome in [order["outcome"], *outcomes]:
        Faults().add({**order, "outcome": outcome}, routes().operations)


def test_the_quotas_are_taken(tmp_path: Path) -> None:
    """The file of the page is one that the server reads, and says what it seems to say."""
    (text,) = _blocks("toml")
    file = tmp_path / "quotas.toml"
    file.write_text(text)
    quotas, rates = read_quotas(file)
    assert (20, 10, 500) == (quotas.dataset_groups, quotas.campaigns_per_group, quotas.schemas)
    assert Rates(put_events_per_group=50) == rates
