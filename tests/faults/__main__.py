"""Account for every event under a storm of faults: `python -m tests.faults --events 1000000 --seed 7`.

The data, Personalize and ingestion stacks are deployed to a local cloud of their own. The site's records, one in a
hundred malformed, go through them while calls of Amazon Personalize are throttled, fail, time out and break off, the
forwarder, the poller and Personalize are killed, Personalize stalls, and a shard is split (docs/operate/reliability.md). At the
end every record must be stored exactly once, in quarantine with the right reason, or in the failure destination, and
in the archive. Exit code 0: the ledger balances; 1: it could not be struck; 3: it does not balance.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.settings import SettingsError
from local_cloud.common.state import LocalCloudError
from tests.faults.run import Report, Tell, run
from tests.faults.show import table
from tools.deploy.base.errors import DeployError

UNBALANCED = 3
_LINE_SECONDS = 15.0

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=__doc__)
def storm(
    events: Annotated[int, typer.Option(min=500, max=5_000_000, help="How many records the site sends.")] = 50_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed sends the same records into the same storm.")] = 7,
    json_file: Annotated[Path, typer.Option("--json", help="Where the report goes as JSON.")] = Path("out/faults.json"),
    state: Annotated[
        Path | None, typer.Option(help="Keep the local cloud's state and logs here, for inspection; else they go.")
    ] = None,
) -> None:
    """Runs, shows the ledger, writes it."""
    folder = Path(tempfile.mkdtemp(prefix="faults-")) if state is None else state.resolve()
    console = Console()
    keep = state is not None
    try:
        report = _watched(events, seed, folder, console)
        keep = keep or not report.balances
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(table(report))
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {json_file}", highlight=False)
    if not report.balances:
        console.print(f"the local cloud's state and logs are kept in {folder}", highlight=False, soft_wrap=True)
        raise typer.Exit(UNBALANCED)


def _watched(events: int, seed: int, folder: Path, console: Console) -> Report:
    """The run with its progress: a bar on a terminal, else a line now and then."""
    if not console.is_terminal:
        return run(events, seed, folder, tell=_lines(console))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=events)
        return run(
            events, seed, folder, tell=lambda what, done, _: progress.update(task, description=what, completed=done)
        )


def _lines(console: Console) -> Tell:
    started = said = time.monotonic()
    before = ""

    def tell(what: str, done: int, total: int) -> None:
        nonlocal said, before
        now = time.monotonic()
        if what != before or now - said >= _LINE_SECONDS:
            said, before = now, what
            console.print(f"{now - started:6.0f} s  {done:>9,} of {total:,}  {what}", highlight=False)

    return tell


def main() -> int:
    """Runs the command line; what went wrong is one line and exit code 1."""
    try:
        app()
    except (LocalCloudError, DeployError, SettingsError, ClientError, BotoCoreError, OSError, RuntimeError) as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
