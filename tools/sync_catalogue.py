"""Bring new groups into the Items dataset, from a CSV file or from what the archive has seen.

    python -m tools.sync_catalogue --env dev --items new-groups.csv
    python -m tools.sync_catalogue --env dev --archive --since 2026-11-01

Groups are sent with PutItems, ten a call and ten calls a second, the service's limits. What was acknowledged is kept in
a progress file: interrupted, the same command goes on where it stopped, and run again it sends only what is new.
"""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import Progress

from infra.naming import ARCHIVE_PREFIX
from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import CLOCK_TOLERANCE_SECONDS, LONGEST_RECORD, opened
from lambdas.shared.fields import instant, members, parse_json
from lambdas.shared.observed import NOTHING_OBSERVED, ObservedTypes
from personalize_local.data.csv_dialect import read_rows
from tools.environment.connection import Connection, connect, state_folder
from tools.environment.errors import ToolError, UsageError
from tools.environment.front import run
from tools.events.archive import lines

ITEMS_PER_CALL = 10
CALLS_PER_SECOND = 10.0
"""Limits of PutItems per dataset group (developer guide, "Endpoints and quotas")."""
_REPOSITORY = Path(__file__).resolve().parent.parent
KNOWN = _REPOSITORY / "seed_data" / "items" / "items.csv"
COLUMNS = ("ANIMAL_TYPE", "ANIMAL_AGE", "ANIMAL_SIZE", "ANIMAL_BREED", "ITEM_VALUE", "ITEM_ID", "CREATION_TIMESTAMP")
_BUSY_ATTEMPTS = 5
_BUSY_PAUSE_SECONDS = 5.0


class SyncError(ToolError):
    """The catalogue cannot be brought up to date; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Item:
    """One group as the Items dataset holds it. `value` is ITEM_VALUE, `created` in epoch seconds."""

    group: AnimalGroup
    value: float
    created: int

    @property
    def item_id(self) -> str:
        return self.group.item_id

    def request(self) -> dict[str, str]:
        """The item as PutItems takes it: properties are the schema's columns in camel case, as JSON text."""
        properties = {
            "animalType": self.group.species,
            "animalAge": self.group.age,
            "animalSize": self.group.size,
            "animalBreed": self.group.breed,
            "itemValue": self.value,
            "creationTimestamp": self.created,
        }
        return {"itemId": self.item_id, "properties": json.dumps(properties)}


def read_items(path: Path, breeds: Breeds = LATIN) -> list[Item]:
    """The groups of a CSV file with the columns of the Items schema, in any order.

    Raises SyncError naming file, line and what is wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = read_rows(file.read())
        names = next(rows, [])
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            raise SyncError(f"{path}: column {', '.join(missing)} is missing")
        return [
            _item_of_row(dict(zip_longest(names, row[: len(names)])), f"{path}, line {rows.line_num}", breeds)
            for row in rows
            if row
        ]
    except csv.Error as error:
        raise SyncError(f"{path}, line {rows.line_num}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SyncError(f"{path} cannot be read: {error}") from error


def _item_of_row(row: Mapping[str, str], where: str, breeds: Breeds) -> Item:
    try:
        item = Item(
            AnimalGroup(row["ANIMAL_TYPE"], row["ANIMAL_BREED"], row["ANIMAL_SIZE"], row["ANIMAL_AGE"]),
            value=float(row["ITEM_VALUE"]),
            created=int(row["CREATION_TIMESTAMP"]),
        )
    except (TypeError, ValueError) as error:
        raise SyncError(f"{where}: ITEM_VALUE must be a number, CREATION_TIMESTAMP epoch seconds ({error})") from error
    try:
        AnimalGroup.parse(item.item_id, breeds=breeds)
    except PayloadError as error:
        raise SyncError(f"{where}: {item.item_id!r} is not species-breed-size-age: {error.message}") from error
    if item.item_id != row["ITEM_ID"]:
        raise SyncError(f"{where}: ITEM_ID is {row['ITEM_ID']!r}, the other columns say {item.item_id!r}")
    return item


# --- what the archive has seen


@dataclass(slots=True)
class Sightings:
    """Groups of the archive's events, each with the second at which it was seen first."""

    breeds: Breeds = LATIN
    observed: ObservedTypes = NOTHING_OBSERVED
    first_seen: dict[AnimalGroup, int] = field(default_factory=dict)
    events: int = 0
    unusable: int = 0
    """Records that name no group: malformed events are archived too."""
    left_out: int = 0
    """Observed events: what they name was shown or written about, nobody asked for it."""

    def add(self, record: bytes, arrived: int) -> None:
        """Note the group of one archived record; `arrived` stands for an event's missing time."""
        self.events += 1
        event = _event_of(record)
        if event is not None and event.get("eventType") in self.observed:
            self.left_out += 1
            return
        group = None if event is None else _group_of(event, self.breeds)
        if event is None or group is None:
            self.unusable += 1
            return
        moment = _moment_of(event, arrived)
        self.first_seen[group] = min(moment, self.first_seen.get(group, moment))

    def items(self, like: Iterable[Item]) -> list[Item]:
        """The groups as items, in order of their id.

        An event has no ITEM_VALUE: the usual one of the same species and age among the items `like` these stands in, 0
        where there is none.
        """
        values: dict[tuple[str, str], list[float]] = {}
        for item in like:
            values.setdefault((item.group.species, item.group.age), []).append(item.value)
        made = (
            Item(group, median(values.get((group.species, group.age), [0.0])), moment)
            for group, moment in self.first_seen.items()
        )
        return sorted(made, key=lambda item: item.item_id)


def read_archive(
    s3: Any,
    bucket: str,
    *,
    since: date | None = None,
    breeds: Breeds = LATIN,
    observed: ObservedTypes = NOTHING_OBSERVED,
) -> Sightings:
    """The groups that the archived events name, flat or enveloped; from the partition of `since` on.

    Raises SyncError for an object that cannot be unpacked.
    """
    sightings = Sightings(breeds, observed)
    start = {} if since is None else {"StartAfter": f"{ARCHIVE_PREFIX}dt={since.isoformat()}"}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=ARCHIVE_PREFIX, **start):
        for stored in page.get("Contents", ()):
            arrived = int(stored["LastModified"].timestamp())
            try:
                for record in filter(bytes.strip, lines(s3, bucket, stored["Key"])):
                    sightings.add(record, arrived)
            except (OSError, EOFError) as error:
                raise SyncError(f"s3://{bucket}/{stored['Key']} is no gzip file: {error}") from error
    return sightings


def _event_of(record: bytes) -> dict[str, Any] | None:
    """The flat event of a record, out of its `{"Partitionkey", "Data"}` envelope if it has one; None if it has none."""
    try:
        return opened(members(parse_json(record, "record", longest=LONGEST_RECORD), "record"))
    except PayloadError:
        return None


def _moment_of(event: Mapping[str, Any], arrived: int) -> int:
    """When the event happened, in whole epoch seconds; when it arrived, where it says nothing usable."""
    try:
        return int(instant(event.get("timestamp"), "timestamp", latest=arrived + CLOCK_TOLERANCE_SECONDS))
    except PayloadError:
        return arrived


def _group_of(event: Mapping[str, Any], breeds: Breeds) -> AnimalGroup | None:
    try:
        return AnimalGroup.from_metadata(event.get("animalMetadata"), breeds=breeds)
    except PayloadError:
        return None


# --- sending, and what was sent


@dataclass(slots=True)
class Ledger:
    """What the dataset has acknowledged, in a file that grows by one line a call."""

    path: Path
    dataset: Mapping[str, str]
    """ARN and creation time: a dataset that was deleted and made again starts from nothing."""
    _sent: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = self.path.read_text(encoding="utf-8").split("\n") if self.path.exists() else []
        records = [record for line in lines if (record := _line(line)) is not None]
        if records and records[0] == dict(self.dataset):
            for record in records[1:]:
                self._sent.update(record)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(dict(self.dataset)) + "\n", encoding="utf-8")

    def has(self, item: Item) -> bool:
        """Whether the dataset holds exactly this item."""
        return self._sent.get(item.item_id) == item.request()["properties"]

    def add(self, items: Iterable[Item]) -> None:
        """Note one acknowledged call; the line is whole or, after a crash, ignored and its items sent again."""
        sent = {item.item_id: item.request()["properties"] for item in items}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(sent) + "\n")
        self._sent.update(sent)


def _line(text: str) -> dict[str, str] | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


@dataclass(slots=True)
class Sender:
    """PutItems at the pace that the service allows."""

    events: Any
    dataset_arn: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next_call: float = 0.0

    def send(self, items: Sequence[Item], ledger: Ledger) -> Iterator[int]:
        """Send the items in order; yields how many each call brought in, once it is in the ledger.

        Raises SyncError when the dataset stays busy, and what boto3 raises otherwise.
        """
        for start in range(0, len(items), ITEMS_PER_CALL):
            batch = items[start : start + ITEMS_PER_CALL]
            self._put([item.request() for item in batch])
            ledger.add(batch)
            yield len(batch)

    def _put(self, items: list[dict[str, str]]) -> None:
        for attempt in range(_BUSY_ATTEMPTS):
            if attempt:
                self.sleep(_BUSY_PAUSE_SECONDS)
            self.sleep(max(0.0, self._next_call - self.clock()))
            self._next_call = self.clock() + 1 / CALLS_PER_SECOND
            try:
                self.events.put_items(datasetArn=self.dataset_arn, items=items)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
            else:
                return
        raise SyncError("the Items dataset is busy (an import may be running); run the same command again later")


# --- the command

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def synchronise(
    environment: Annotated[
        str, typer.Option("--env", metavar="ENV", help="local, or one that config/ENV.yaml describes.")
    ],
    items: Annotated[Path | None, typer.Option(help="Bring in the groups of this CSV file (columns of Items).")] = None,
    archive: Annotated[bool, typer.Option("--archive", help="Bring in the groups that archived events name.")] = False,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Read the archive from this day.")
    ] = None,
    known: Annotated[Path, typer.Option(help="CSV file of the groups that the dataset has already.")] = KNOWN,
    generation: Annotated[int | None, typer.Option(help="Of the dataset; the config's when not given.")] = None,
    progress: Annotated[Path | None, typer.Option(help="Where to note what was sent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
) -> None:
    """Bring new groups into the Items dataset of ENV."""
    console = Console(soft_wrap=True, highlight=False)
    if (items is None) != archive:
        raise UsageError("give either --items FILE or --archive")
    connection = connect(environment)
    number = generation or connection.settings.generation
    wanted = _wanted(connection, console, items, since and since.date(), known)
    if dry_run:
        console.print(f"{len(wanted)} groups would be sent")
        console.print(*(item.item_id for item in wanted), sep="\n", markup=False)
        return
    path = progress or state_folder() / "sync-catalogue" / f"{environment}-g{number}.jsonl"
    _send_missing(connection, console, wanted, number, path)


def _wanted(
    connection: Connection, console: Console, items: Path | None, since: date | None, known: Path
) -> list[Item]:
    """The groups of the source that are not among the known ones."""
    breeds = Breeds(connection.settings.breed_scripts)
    there = read_items(known, breeds)
    if items is not None:
        found = read_items(items, breeds)
    else:
        bucket = connection.settings.names.bucket("archive")
        observed = ObservedTypes(connection.settings.observed_event_types)
        sightings = read_archive(connection.client("s3"), bucket, since=since, breeds=breeds, observed=observed)
        console.print(
            f"the archive has {sightings.events} events, {sightings.unusable} of them name no group,"
            f" {sightings.left_out} are observed and left out"
        )
        found = sightings.items(like=there)
    ids = {item.item_id for item in there}
    return list({item.item_id: item for item in found if item.item_id not in ids}.values())


def _send_missing(connection: Connection, console: Console, wanted: list[Item], generation: int, path: Path) -> None:
    arn = connection.settings.names.dataset_arn("items", generation)
    dataset = connection.client("personalize").describe_dataset(datasetArn=arn)["dataset"]
    made = dataset["creationDateTime"].astimezone(UTC).isoformat()
    ledger = Ledger(path, {"datasetArn": arn, "creationDateTime": made})
    missing = [item for item in wanted if not ledger.has(item)]
    sent = 0
    with Progress(console=console) as shown:
        task = shown.add_task("groups", total=len(missing))
        for count in Sender(connection.client("personalize-events"), arn).send(missing, ledger):
            sent += count
            shown.advance(task, count)
    console.print(f"{sent} groups sent, {len(wanted) - len(missing)} were there already")


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app)


if __name__ == "__main__":
    sys.exit(main())
