"""The whole product on this computer, from an empty state to a report: `make run`, or `python -m tools.demo`.

Deploys with `./deploy.sh local`, streams events with some malformed, shows what clicks do to recommendations, re-ranks,
retrains, accounts for every event, and writes `run.json` and `report.html`. It begins with an empty local cloud:
whatever `.local` held is forgotten.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.demo.run import Plan, demonstrate
from tools.environment.front import run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=__doc__)
def demo(
    events: Annotated[int, typer.Option(min=100, help="How many events to stream.")] = 20_000,
    rate: Annotated[float, typer.Option(min=1, help="Events a second.")] = 800.0,
    malformed_every: Annotated[int, typer.Option(min=1, help="One event in so many is malformed.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the simulated traffic.")] = 20,
    out: Annotated[Path, typer.Option(help="Folder for run.json and report.html.")] = Path("out"),
    keep_running: Annotated[bool, typer.Option("--keep-running", help="Leave the local cloud up.")] = False,
) -> None:
    """Runs the demonstration."""
    plan = Plan(
        events=events, rate=rate, malformed_every=malformed_every, seed=seed, out=out, keep_running=keep_running
    )
    demonstrate(plan, Console())


def main() -> int:
    """Runs the command line: 0 when everything was as promised, else the exit code of any command."""
    return run(app, interrupted="interrupted; `make down` stops the local cloud, `make run` begins again")


if __name__ == "__main__":
    sys.exit(main())
