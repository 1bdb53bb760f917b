"""`./deploy.sh ENV --cost`: what a month costs, component by component, and what each thing that happens adds."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from infra.naming import STACKS
from infra.settings import Settings
from tools.deploy.cdk import Cdk
from tools.deploy.costs import IDLE, Cost, Traffic, monthly_costs, over_budget, provenance, total, unit_costs
from tools.deploy.show import Display, in_dollars
from tools.environment.connection import Connection


def report_costs(connection: Connection, display: Display, traffic: Traffic) -> None:
    """Shows the bill at rest and at `traffic`. Reads the config and the price table; calls nobody."""
    settings = connection.settings
    with display.stage("Making the templates"), tempfile.TemporaryDirectory(prefix="cost-") as folder:
        # In a folder of its own: a deploy may be running that needs the other.
        cdk = Cdk(connection, Path(folder) / "templates", Path(folder) / "log", display.progress)
        cdk.synthesize((settings.generation,), settings.generation, deployed=False, checked=False)
        templates = [cdk.template(stack) for stack in STACKS]
    idle = monthly_costs(settings, templates)
    busy = monthly_costs(settings, templates, traffic)
    show = display.console.print
    show(_table(settings, idle, busy, traffic), highlight=False)
    show(_units(settings), highlight=False)
    for costs, when in ((idle, "without a visitor"), *(((busy, "at this traffic"),) if traffic != IDLE else ())):
        if over := over_budget(settings, costs):
            display.warn(f"{over}, {when}.")
        else:
            display.say(f"Within the budget of {settings.monthly_budget_usd:,.2f} {when}.")
    if connection.is_local:
        display.say("On AWS; on this computer it costs nothing.")
    show(provenance(settings), highlight=False, markup=False)


def _table(settings: Settings, idle: Sequence[Cost], busy: Sequence[Cost], traffic: Traffic) -> Table:
    title = f"What {settings.environment} costs a month in {settings.region}, in USD"
    table = Table("", box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("at rest", justify="right", no_wrap=True)
    if traffic != IDLE:
        words = {"events": traffic.events, "recommend": traffic.recommendations, "rerank": traffic.rerankings}
        said = "\n".join(f"{number:,} {word}" for word, number in words.items() if number)
        table.add_column(said, justify="right", no_wrap=True)
    table.add_column("how")
    for rest, there in zip(idle, busy, strict=True):
        # Both lists have the same lines; what a line says of itself may differ with the traffic.
        figures = [rest.dollars] if traffic == IDLE else [rest.dollars, there.dollars]
        table.add_row(escape(there.item), *map(in_dollars, figures), escape(there.basis))
    sums = [total(idle)] if traffic == IDLE else [total(idle), total(busy)]
    unknown = [cost.item.lower() for cost in busy if cost.dollars is None]
    left_out = f"without {', '.join(unknown)}" if unknown else ""
    table.add_row("Together", *map(in_dollars, sums), left_out, style="bold")
    return table


def _units(settings: Settings) -> Table:
    table = Table("", box=None, pad_edge=False, title="\nWhat one of each costs", title_justify="left")
    table.title_style = "bold"
    table.add_column("USD", justify="right", no_wrap=True)
    table.add_column("how")
    for cost in unit_costs(settings):
        table.add_row(escape(cost.item), in_dollars(cost.dollars), escape(cost.basis))
    return table
