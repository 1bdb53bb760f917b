"""The tables of `docs/costs.md`, from the price table, the settings of `dev` and its templates.

`python -m tools.deploy.cost_page` writes them into the page; a test fails when the page and the program differ.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.naming import STACKS
from infra.prices import Price, Resource, load_prices
from infra.settings import Settings, load_settings
from tools.connection import Connection, state_folder
from tools.deploy.cdk import REPOSITORY, Cdk
from tools.deploy.costs import Cost, monthly_costs, total, unit_costs
from tools.deploy.show import in_dollars

PAGE = REPOSITORY / "docs" / "costs.md"
ENVIRONMENT = "dev"
COMMAND = "python -m tools.deploy.cost_page"
END = "<!-- end -->"


def tables(templates: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each table of the page by its name."""
    settings = load_settings(ENVIRONMENT)
    return {
        "bill": _bill(monthly_costs(settings, templates)),
        "units": _units(settings),
        "prices": _prices(load_prices().rows),
        "resources": _resources(load_prices().resources),
    }


def with_tables(page: str, templates: Iterable[Mapping[str, Any]]) -> str:
    """The page with its tables written anew; ValueError where it has no place for one."""
    for name, table in tables(templates).items():
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


def main(page: Path = PAGE) -> None:
    """Write the tables into the page."""
    settings = load_settings(ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        cdk = Cdk(Connection(settings=settings, state=state_folder()), Path(folder) / "templates", Path(folder) / "log")
        cdk.synthesize((settings.generation,), settings.generation, deployed=False, checked=False)
        templates = [cdk.template(stack) for stack in STACKS]
    page.write_text(with_tables(page.read_text(encoding="utf-8"), templates), encoding="utf-8")


if __name__ == "__main__":
    main()
