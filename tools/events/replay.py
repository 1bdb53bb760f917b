"""Replays a time range of the archive: to an event tracker, or into a CSV that Personalize imports.

`python -m tools.replay --env dev --from 2026-11-01 --to 2026-11-08 --csv out/replay.csv`; with `--tracker` instead of
`--csv` the events go to the environment's event tracker (or to the one whose tracking id follows `--tracking-id`).
Events keep the ids under which the forwarder sends them, so that what the tracker has is not counted again. Observed
events are left out. A replay that was interrupted goes on when it is started again.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lambdas.shared.attempts import refusal
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import EVERY_ID_IS_A_DIGEST, Event
from lambdas.shared.event_ids import digests_from
from lambdas.shared.observed import NOTHING_OBSERVED, ObservedEvent, ObservedTypes, decode_record
from lambdas.shared.put_events import MOST_EVENTS_A_CALL, event_request, put_in_halves
from personalize_local.data.csv_dialect import write_row
from tools.environment.connection import Connection, connect
from tools.environment.errors import UsageError
from tools.environment.front import run
from tools.events import event_ids
from tools.events.archive import HOUR, Piece, lines, moment, pieces
from tools.events.replay_store import Replayed, ReplayStore

UNREADABLE = "no valid event"
OBSERVED = "observed"
TIMELESS = "without a time of its own"
OUTSIDE = "of another time"
AROUND_CHANGE = "with an id of their own that arrived when ids became digests"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class By(StrEnum):
    """What the range is of: the events' own times, or their arrival (all that lies in those hours of the archive)."""

    time = "time"
    arrival = "arrival"


@dataclass(frozen=True, slots=True)
class Ids:
    """How the ids of archived events are found: under which the forwarder sent them, or any that tells them apart.

    `digests_from` is the arrival from which on ids are digests. The archive tells a record's arrival to within an
    object: between the hour of its partition and the moment it was written. Archiving may lag by as much as the stream
    keeps (`lag` seconds), and which arrival names the hour then is not documented: of that time after the change an
    event counts as arrived after it only if it happened after it too.
    """

    digests_from: float = EVERY_ID_IS_A_DIGEST
    lag: float = 0.0
    as_sent: bool = True
    """False where ids are only compared with each other, as for a CSV: the digest then tells all events apart."""

    def of(self, event: Event, piece: Piece) -> str | None:
        """The event's id; None where the archive does not tell which of the two it was sent under."""
        change = self.digests_from
        if not self.as_sent:
            return event.identity("")
        if event.redriven is not None or event.event_id is None or piece.written.timestamp() < change:
            return event.identity("", arrival=-math.inf, digests_from=change)
        begun = piece.hour.timestamp()
        after = event.occurred_at is not None and event.occurred_at >= change
        if begun >= change and (after or begun >= change + self.lag):
            return event.identity("")
        return None


@dataclass(frozen=True, slots=True)
class Range:
    """Which events: from `start` on and before `end`; `neighbours` hours before and after are read too."""

    start: datetime
    end: datetime
    by: By = By.time
    neighbours: int = 1
    ids: Ids = field(default_factory=Ids)
    breeds: Breeds = LATIN
    observed: ObservedTypes = NOTHING_OBSERVED

    def holds(self, at: float) -> bool:
        """Whether an event of this time is wanted."""
        return self.by is By.arrival or self.start.timestamp() <= at < self.end.timestamp()


def gather(s3: Any, bucket: str, wanted: Range, store: ReplayStore, *, read: Callable[[], None]) -> None:
    """Read what is still to be read of the archive into the store; `read` is told of each object."""
    for piece in pieces(s3, bucket, wanted.start, wanted.end, neighbours=wanted.neighbours):
        if not store.has(piece.key):
            left_out: Counter[str] = Counter()
            store.add(piece.key, list(_events(lines(s3, bucket, piece.key), piece, wanted, left_out)), left_out)
        read()


def _events(records: Iterator[bytes], piece: Piece, wanted: Range, left_out: Counter[str]) -> Iterator[Replayed]:
    latest = (piece.hour + HOUR).timestamp()
    for data in records:
        try:
            event = decode_record(data, arrival=latest, breeds=wanted.breeds, observed=wanted.observed)
        except PayloadError:
            left_out[UNREADABLE] += 1
            continue
        if isinstance(event, ObservedEvent):
            left_out[OBSERVED] += 1
        elif event.occurred_at is None:
            # Neither when it happened nor the id under which it was stored can be known from the archive.
            left_out[TIMELESS] += 1
        elif not wanted.holds(event.occurred_at):
            left_out[OUTSIDE] += 1
        elif (id_ := wanted.ids.of(event, piece)) is None:
            left_out[AROUND_CHANGE] += 1
        else:
            yield Replayed(id_, event.session_id, event.user_id, event.occurred_at, event_request(event))


def send(events: Any, tracking_id: str, store: ReplayStore, *, sent: Callable[[int], None]) -> None:
    """Put all events of the store that were not put before.

    A call that is refused is halved until the guilty event stands alone.
    """
    for call in store.calls(MOST_EVENTS_A_CALL):
        _put(events, tracking_id, call, store)
        sent(len(call))


def _put(events: Any, tracking_id: str, call: Sequence[Replayed], store: ReplayStore) -> None:
    user = {} if call[0].user is None else {"userId": call[0].user}

    def put(some: Sequence[Replayed]) -> None:
        try:
            events.put_events(
                trackingId=tracking_id,
                sessionId=some[0].session,
                eventList=[
                    {**event.request, "eventId": event.id, "sentAt": datetime.fromtimestamp(event.at, UTC)}
                    for event in some
                ],
                **user,
            )
        except ClientError as error:
            if (refused := refusal(error)) is not None:
                raise refused from error
            raise
        store.mark(some, "sent")

    store.mark([event for event, _ in put_in_halves(call, put)], "refused")


def write_csv(store: ReplayStore, file: Path) -> int:
    """Write the Interactions CSV, whole or not at all; how many rows it has.

    Columns: those that Personalize needs, EVENT_TYPE, and EVENT_VALUE when any event has one. Times are in seconds.
    https://docs.aws.amazon.com/personalize/latest/dg/interactions-datasets.html
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with_value = any(row.value is not None for row in store.rows())
    arriving = file.with_name(f".{file.name}.tmp")
    count = 0
    with arriving.open("w", encoding="utf-8", newline="") as content:
        content.write(write_row(["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"] + ["EVENT_VALUE"] * with_value))
        for row in store.rows():
            value = [] if not with_value else ["" if row.value is None else f"{row.value:.9g}"]
            content.write(write_row([row.user, row.item, str(row.at), row.type, *value]))
            count += 1
    arriving.replace(file)
    return count


@app.command(help=__doc__)
def replay(
    start: Annotated[str, typer.Option("--from", help="Events from this moment (ISO 8601, UTC) on ...")],
    end: Annotated[str, typer.Option("--to", help="... and before this one.")],
    by: Annotated[By, typer.Option(help="Whether that is when they happened, or when they arrived.")] = By.time,
    environment: Annotated[str, typer.Option("--env", help="Environment whose archive is read.")] = "local",
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write an Interactions CSV here.")] = None,
    tracker: Annotated[bool, typer.Option("--tracker", help="Send to the environment's event tracker.")] = False,
    tracking_id: Annotated[str | None, typer.Option(help="Send to the event tracker with this tracking id.")] = None,
    neighbours: Annotated[
        int, typer.Option(min=0, max=168, help="Hours before and after the range that are read too.")
    ] = 1,
    progress: Annotated[
        Path | None, typer.Option(help="The file by which a replay goes on; out/replay-ENV.sqlite unless named.")
    ] = None,
) -> None:
    """Reads, then sends or writes."""
    wanted = _range(start, end, by, neighbours)
    if (csv_file is not None) == (tracker or tracking_id is not None):
        raise UsageError("say where to: --csv FILE, or --tracker, or --tracking-id ID")
    connection = connect(environment)
    target = str(csv_file) if csv_file else _tracking_id(connection, tracking_id)
    settings = connection.settings
    if csv_file is None:
        change = event_ids.read(connection.client("ssm"), settings.names.event_ids_parameter)
        ids = Ids(digests_from(change), lag=settings.retention.stream_hours * 3600.0)
    else:
        ids = Ids(as_sent=False)
    observed = ObservedTypes(settings.observed_event_types)
    wanted = replace(wanted, ids=ids, breeds=Breeds(settings.breed_scripts), observed=observed)
    given = {
        "environment": environment,
        "from": wanted.start.isoformat(),
        "to": wanted.end.isoformat(),
        "by": by.value,
        "neighbours": str(neighbours),
        "target": target,
    }
    if settings.observed_event_types:
        # What was read while a type was not observed is not sent once it is.
        given["observed"] = ",".join(observed)
    store = ReplayStore(progress or Path(f"out/replay-{environment}.sqlite"), given)
    try:
        _replay(connection, store, wanted, target, csv_file)
    finally:
        store.close()


def _replay(connection: Connection, store: ReplayStore, wanted: Range, target: str, csv_file: Path | None) -> None:
    console = Console(highlight=False)
    bucket = connection.settings.names.bucket("archive")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        reading = bar.add_task("objects read", total=None)
        gather(connection.client("s3"), bucket, wanted, store, read=lambda: bar.advance(reading))
        if csv_file is None:
            sending = bar.add_task("events sent", total=store.sums()["read"])
            send(connection.client("personalize-events"), target, store, sent=lambda n: bar.advance(sending, n))
    sums = store.sums()
    if csv_file is None:
        console.print(f"{sums['sent']:,} events sent, {sums['refused']:,} refused by Personalize")
    else:
        console.print(f"{write_csv(store, csv_file):,} rows in {csv_file}")
    left_out = {why: sums[why] for why in (UNREADABLE, OBSERVED, TIMELESS, OUTSIDE, AROUND_CHANGE) if sums[why]}
    if left_out:
        console.print("left out: " + ", ".join(f"{count:,} {why}" for why, count in left_out.items()))


def _range(start: str, end: str, by: By, neighbours: int) -> Range:
    try:
        wanted = Range(moment(start), moment(end), by, neighbours)
    except ValueError as error:
        raise UsageError(f"a moment is 2026-11-22 or 2026-11-22T10:30:00: {error}") from error
    if wanted.start >= wanted.end:
        raise UsageError("--from must be before --to")
    return wanted


def _tracking_id(connection: Connection, given: str | None) -> str:
    if given is not None:
        return given
    name = connection.settings.names.tracking_id_parameter(connection.settings.generation)
    return str(connection.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app, OSError)
