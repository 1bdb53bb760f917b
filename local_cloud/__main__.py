"""The local cloud on the command line: up, down, status, logs, rights, clean."""

import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local_cloud.common.state import DEFAULT_STATE, LocalCloudError, StateFolder
from local_cloud.identity.decisions import read_decisions
from local_cloud.identity.principals import ACCOUNT_KEY
from local_cloud.identity.rights import granted, used
from local_cloud.supervisor import lifecycle
from local_cloud.supervisor.processes import processes
from local_cloud.supervisor.services import ACCOUNT_ENVIRONMENT, ALL_SERVICES, Options
from personalize_local.api.bind import LOOPBACK

ACCOUNT_KEYS = {
    "aws_access_key_id": ACCOUNT_KEY,
    "aws_secret_access_key": ACCOUNT_KEY,
    "region_name": "us-east-1",
}
LOGS = (*ALL_SERVICES, "supervisor")

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode=None)
console = Console(highlight=False)

State = Annotated[Path, typer.Option("--state", help="The folder that holds everything the local cloud knows.")]


@app.command()
def up(
    state: State = DEFAULT_STATE,
    wait_scale: Annotated[
        float, typer.Option(min=0, help="Seconds slept for each second that a state machine waits.")
    ] = Options().wait_scale,
    pace: Annotated[
        float, typer.Option(min=0, help="Seconds that Personalize spends in each step of a creation.")
    ] = Options().pace,
    bind: Annotated[
        str, typer.Option(metavar="ADDRESS", help="127.0.0.1, or 0.0.0.0 in a container; that needs --allow-host.")
    ] = LOOPBACK,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which it is asked for, beside this computer's; repeatable."),
    ] = None,
) -> None:
    """Start the local cloud, or find the one that runs; returns once everything answers."""
    folder = _folder(state)
    found = lifecycle.running(folder) is not None
    with console.status("Starting the local cloud"):
        names = tuple(allow_host or ())
        record = lifecycle.start(folder, Options(wait_scale=wait_scale, pace=pace, bind=bind, allow_hosts=names))
    console.print("The local cloud is up already." if found else "The local cloud is up.")
    console.print(f"  AWS          {record.endpoint}")
    console.print(f"  Personalize  {record.personalize}")
    variables = " ".join(f"{k}={v}" for k, v in _shell_variables(record.endpoint).items())
    console.print(f"  In a shell   export {variables}", soft_wrap=True)


@app.command()
def down(state: State = DEFAULT_STATE) -> None:
    """Stop the local cloud; what it knows stays for the next `up`."""
    with console.status("Stopping the local cloud"):
        stopped = lifecycle.stop(_folder(state))
    console.print("The local cloud is down." if stopped else "No local cloud was running.")


@app.command()
def status(state: State = DEFAULT_STATE) -> None:
    """Say what runs and where; exit code 1 when nothing does."""
    folder = _folder(state)
    record = lifecycle.running(folder)
    if record is None:
        console.print("No local cloud is running. `make up` starts one.")
        raise typer.Exit(1)
    table = Table("process", "pid", "memory", box=None, pad_edge=False)
    found = processes(record.pid)
    for process in found:
        table.add_row(process.name, str(process.pid), f"{process.memory_megabytes:.0f} MB")
    table.add_row("together", "", f"{sum(process.memory_megabytes for process in found):.0f} MB")
    console.print(f"AWS          {record.endpoint}")
    console.print(f"Personalize  {record.personalize}")
    console.print(table)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(LOGS)}; all of them when left out.")] = "",
    state: State = DEFAULT_STATE,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
) -> None:
    """Show the last lines of a log."""
    if service and service not in LOGS:
        raise LocalCloudError(f"there is no log of {service!r}; there are {', '.join(LOGS)}")
    folder = _folder(state)
    files = [log for name in LOGS if (not service or service == name) and (log := folder.log(name)).exists()]
    if not files:
        raise LocalCloudError(f"no logs in {folder.logs}; nothing was started yet")
    positions = {}
    for log in files:
        with log.open(encoding="utf-8", errors="replace") as stream:
            for line in deque(stream, maxlen=lines):
                _print_line(log, line, several=len(files) > 1)
            positions[log] = stream.tell()
    while follow:
        time.sleep(0.3)
        for log, position in positions.items():
            with log.open(encoding="utf-8", errors="replace") as stream:
                stream.seek(position)
                for line in stream:
                    _print_line(log, line, several=len(files) > 1)
                positions[log] = stream.tell()


@app.command()
def rights(
    state: State = DEFAULT_STATE,
    unused: Annotated[bool, typer.Option("--unused", help="Only what no call has needed.")] = False,
) -> None:
    """Show each role's rights and whether a call needed them; exit code 1 when a role was refused something."""
    folder = _folder(state)
    record = lifecycle.running(folder)
    if record is None:
        raise LocalCloudError("no local cloud is running, and its roles are part of it; `make up` starts one")
    iam = boto3.client("iam", endpoint_url=record.endpoint, **ACCOUNT_KEYS)
    decisions = list(read_decisions(folder.decisions))
    known = used(granted(iam), decisions)
    for right, was_used in known.items():
        if not (unused and was_used):
            condition = f" if {right.condition}" if right.condition else ""
            line = f"{'used  ' if was_used else 'unused'} {right.role} {right.action} {right.resource}{condition}"
            console.print(line, markup=False, soft_wrap=True)
    refused = [decision for decision in decisions if not decision.allowed]
    console.print(f"{sum(known.values())} of {len(known)} rights were used; {len(refused)} calls were refused.")
    for decision in refused:
        console.print(f"  {decision.reason}", markup=False, soft_wrap=True)
    if refused:
        raise typer.Exit(1)


@app.command()
def clean(state: State = DEFAULT_STATE) -> None:
    """Stop the local cloud and forget everything that it knew."""
    with console.status("Stopping the local cloud"):
        lifecycle.clean(_folder(state))
    console.print("The local cloud is gone, with all that it knew.")


def main() -> int:
    """Runs the command line; the exit code is 1 with one clear message when something cannot be done."""
    try:
        app()
    except LocalCloudError as error:
        Console(stderr=True, highlight=False).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _folder(state: Path) -> StateFolder:
    return StateFolder(state.resolve())


def _shell_variables(endpoint: str) -> dict[str, str]:
    """What an SDK needs; boto3 reads the region from AWS_DEFAULT_REGION alone, most others from AWS_REGION."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
    return {"AWS_ENDPOINT_URL": endpoint, **{name: ACCOUNT_ENVIRONMENT[name] for name in names}}


def _print_line(log: Path, line: str, *, several: bool) -> None:
    console.print(f"{log.stem}: {line}" if several else line, end="", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
