"""Sends simulated visitors' events to an environment's stream: `python -m tools.simulate --env local --events 1000`.

The visitors are those of the seed and some new ones (docs/develop/seed-data.md), so that what they are recommended
makes sense.
"""

import time
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seed_data.generate import build_world
from seed_data.live import live_events
from tools.environment.connection import connect
from tools.environment.front import run
from tools.events.traffic import Message, Sender, messages, stream_at_rate

_EVENTS_A_SECOND_OF_VISITORS = 20.0
"""The visitors' own pace: their events lie in the past, up to now, as when a site sends what it has gathered."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=__doc__)
def simulate(
    environment: Annotated[str, typer.Option("--env", help="Environment whose stream gets the events.")] = "local",
    events: Annotated[int, typer.Option(min=1, help="How many records to send.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, max=5000, help="Records a second.")] = 200.0,
    malformed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of records that are malformed and end in quarantine.")
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Makes the traffic the same again; else each is new.")] = None,
) -> None:
    """Connects, then streams."""
    connection = connect(environment)
    sender = Sender(connection.client("kinesis"), connection.settings.names.stream)
    world = build_world()
    start = time.time() - events / _EVENTS_A_SECOND_OF_VISITORS
    made = live_events(world, events, start, np.random.default_rng(seed), per_second=_EVENTS_A_SECOND_OF_VISITORS)
    source = messages(made, malformed_every=round(1 / malformed) if malformed else 0)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    spoiled = 0
    with Progress(*columns, console=Console()) as progress:
        task = progress.add_task(f"events to {connection.settings.names.stream}", total=events)

        def sent(batch: list[Message]) -> None:
            nonlocal spoiled
            spoiled += sum(message.event is None for message in batch)
            progress.advance(task, len(batch))

        stream_at_rate(source, sender.send, rate=rate, sent=lambda batch: sent(list(batch)))
    Console().print(f"{events:,} records sent, {spoiled:,} of them malformed", highlight=False)


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app)
