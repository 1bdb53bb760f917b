"""The tables of docs/operate/costs.md and deployment.md, from the prices, the settings of `dev` and its templates.

`python -m tools.deploy.cost_page` writes them into the pages; a test fails when a page and the program differ.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from infra.naming import STACKS
from infra.prices import Price, Resource, load_prices
from infra.settings import Settings, load_settings
from tools.deploy.cdk import REPOSITORY, Cdk
from tools.deploy.costs import Cost, monthly_costs, total, unit_costs
from tools.deploy.show import in_dollars
from tools.environment.connection import Connection, state_folder
from tools.environment.front import run

PAGES = {"operate/costs.md": ("bill", "units", "prices", "resources"), "operate/deployment.md": ("summary",)}
"""The tables of each page."""
ENVIRONMENT = "dev"
COMMAND = "python -m tools.deploy.cost_page"
END = "<!-- end -->"


def tables(templates: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each table by its name."""
    settings = load_settings(ENVIRONMENT)
    costs = monthly_costs(settings, templates)
    return {
        "bill": _bill(costs),
        "summary": _bill([costs[0], Cost("everything else, mostly the Kinesis stream", total(costs[1:]), "")]),
        "units": _units(settings),
        "prices": _prices(load_prices().rows),
        "resources": _resources(load_prices().resources),
    }


def with_tables(page: str, named: Mapping[str, str]) -> str:
    """The page with these tables written anew; ValueError where it has no place for one."""
    for name, table in named.items():
        begin = f"<!-- {name}: {COMMAND} -->"
        before, found, rest = page.partition(begin)
        _, end, after = rest.partition(END)
        if not found or not end:
            raise ValueError(f"the page needs the lines {begin!r} and, after it, {END!r}")
        page = f"{before}{begin}\n\n{table}\n\n{END}{after}"
    return page


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bill(costs: Sequence[Cost]) -> str:
    rows = [(cost.item, in_dollars(cost.dollars), cost.basis) for cost in costs]
    return _table(("", "USD a month", "how"), [*rows, ("**together**", f"**{in_dollars(total(costs))}**", "")])


def _units(settings: Settings) -> str:
    rows = [(cost.item, in_dollars(cost.dollars), cost.basis) for cost in unit_costs(settings)]
    return _table(("", "USD", "how"), rows)


def _prices(rows: Iterable[Price]) -> str:
    return _table(
        ("price", "Region", "USD", "page of record", "read", "by way of", "confirmed"),
        [
            (
                f"`{row.what}`",
                row.region,
                row.words,
                f"[{row.source.removeprefix('https://').split('/')[1]}]({row.source})",
                row.read.isoformat(),
                row.via,
                "yes" if row.confirmed else "no",
            )
            for row in rows
        ],
    )


def _resources(resources: Mapping[str, Resource]) -> str:
    return _table(
        ("resource type", "what it costs"), [(f"`{type_}`", _said(each)) for type_, each in resources.items()]
    )


def _said(resource: Resource) -> str:
    if resource.free:
        return f"free: {resource.free} ([source]({resource.source}))"
    if resource.unpriced:
        return f"no price here: {resource.unpriced}"
    parts = [f"each `{resource.charged}`"] if resource.charged else []
    parts += [f"its use {', '.join(f'`{what}`' for what in resource.use)}"] if resource.use else []
    return "; ".join(parts)


def pages(templates: Iterable[Mapping[str, Any]]) -> dict[Path, str]:
    """What each page of the docs has to be."""
    made = tables(templates)
    paths = {REPOSITORY / "docs" / page: names for page, names in PAGES.items()}
    return {
        path: with_tables(path.read_text(encoding="utf-8"), {name: made[name] for name in names})
        for path, names in paths.items()
    }


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def write() -> None:
    """Write the tables into the pages."""
    settings = load_settings(ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        cdk = Cdk(Connection(settings=settings, state=state_folder()), Path(folder) / "templates", Path(folder) / "log")
        cdk.synthesize((settings.generation,), settings.generation, deployed=False, checked=False)
        templates = [cdk.template(stack) for stack in STACKS]
    for path, text in pages(templates).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(app))
