"""Sends records from failure destination or quarantine to the stream again.

`python -m tools.redrive --env dev --source failure-destination` says what would be sent, by reason; `--send` sends it.
What was sent is noted in the bucket (`redriven/`): interrupted and started again, on whichever computer, it goes on.
An event that had arrived after all, or that is sent twice by an interruption, is counted once: it keeps its id.
Records in quarantine that the forwarder would refuse again stay where they are; with `--mend` those whose field names
are nearly right (`userID`) are sent with the right ones. Observed events are left out: the archive has them.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.event import EVERY_ID_IS_A_DIGEST
from lambdas.shared.event_ids import digests_from
from lambdas.shared.observed import NOTHING_OBSERVED, ObservedEvent, ObservedTypes
from tools.environment.connection import connect
from tools.environment.front import run
from tools.events import event_ids
from tools.events.failed_records import Sendable, Stored, sendable, stored
from tools.events.traffic import MOST_RECORDS_A_CALL, Message, Sender

NOTES = "redriven/"
"""Where the notes lie of what was sent."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class SourceName(StrEnum):
    """The two places of the quarantine bucket."""

    failure_destination = "failure-destination"
    quarantine = "quarantine"


@dataclass(slots=True)
class Sums:
    """How many records, by reason."""

    send: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """What the forwarder's reader would refuse again."""
    observed: Counter[str] = field(default_factory=Counter)
    """What is not sent, because Personalize does not get it."""
    before: int = 0
    """Objects that were sent by an earlier run."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """One source of one environment."""

    s3: Any
    bucket: str
    source: SourceName
    reason: str | None = None
    """Only records with this reason; None: all."""
    digests_from: float = EVERY_ID_IS_A_DIGEST
    breeds: Breeds = LATIN
    observed: ObservedTypes = NOTHING_OBSERVED
    mend: bool = False
    """Whether field names that are nearly right are put right."""

    def done(self) -> frozenset[str]:
        """The keys of objects that were sent before."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=NOTES)
        notes = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return frozenset(
            key
            for note in notes
            for key in json.loads(self.s3.get_object(Bucket=self.bucket, Key=note)["Body"].read())["keys"]
        )

    def objects(self, sums: Sums) -> Iterator[tuple[str, list[Sendable]]]:
        """Each object that is still to be sent, with what of it can be; counts them."""
        done = self.done()
        sums.before = len(done)
        for one in stored(self.s3, self.bucket, self.source.value, without=done):
            found = self._sendable(one, sums)
            if found:
                yield one.key, found

    def _sendable(self, one: Stored, sums: Sums) -> list[Sendable]:
        found: list[Sendable] = []
        for record in one.records:
            if self.reason not in (None, record.reason):
                continue
            ready = sendable(
                record, digests_from=self.digests_from, breeds=self.breeds, observed=self.observed, mend=self.mend
            )
            if isinstance(ready, ObservedEvent):
                sums.observed[record.reason] += 1
                continue
            if ready is None:
                sums.refused[record.reason] += 1
                if self.source is SourceName.quarantine:
                    continue
                # Its batch was given up before it was looked at: quarantine, with the reason, is where it belongs.
                ready = Sendable(record.data, record.partition_key or record.name)
            sums.send[record.reason] += 1
            found.append(ready)
        return found

    def send(
        self,
        objects: Iterable[tuple[str, list[Sendable]]],
        sender: Sender,
        *,
        rate: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send the objects' records in order, at most `rate` a second, and note each batch once it is taken."""
        for keys, records in _batches(objects):
            sender.send([Message(record.data, record.partition_key, None) for record in records])
            self._note(keys)
            sleep(len(records) / rate)

    def _note(self, keys: list[str]) -> None:
        now = datetime.now(UTC)
        self.s3.put_object(
            Bucket=self.bucket,
            Key=f"{NOTES}{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}.json",
            Body=json.dumps({"at": now.isoformat(), "keys": keys}).encode(),
            ContentType="application/json",
        )


def _batches(objects: Iterable[tuple[str, list[Sendable]]]) -> Iterator[tuple[list[str], list[Sendable]]]:
    """Whole objects together, as many as fill a call of the stream."""
    keys: list[str] = []
    records: list[Sendable] = []
    for key, found in objects:
        if records and len(records) + len(found) > MOST_RECORDS_A_CALL:
            yield keys, records
            keys, records = [], []
        keys.append(key)
        records.extend(found)
    if records:
        yield keys, records


@app.command(help=__doc__)
def redrive(
    environment: Annotated[str, typer.Option("--env", help="Environment whose records are sent again.")] = "local",
    source: Annotated[SourceName, typer.Option(help="Where they lie.")] = SourceName.failure_destination,
    reason: Annotated[
        str | None,
        typer.Option(help="Only these: a condition (RetryAttemptsExhausted), or a field (sessionId, record, event)."),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send; without it nothing is changed.")] = False,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Put field names right that differ by case or underscores."),
    ] = False,
    rate: Annotated[float, typer.Option(min=1, max=5000, help="Records a second.")] = 500.0,
) -> None:
    """Counts, and sends when told to."""
    connection = connect(environment)
    names = connection.settings.names
    work = Redrive(
        connection.client("s3"),
        names.bucket("quarantine"),
        source,
        reason,
        digests_from=digests_from(event_ids.read(connection.client("ssm"), names.event_ids_parameter)),
        breeds=Breeds(connection.settings.breed_scripts),
        observed=ObservedTypes(connection.settings.observed_event_types),
        mend=mend,
    )
    sums = Sums()
    objects = work.objects(sums)
    if send:
        work.send(objects, Sender(connection.client("kinesis"), names.stream), rate=rate)
    else:
        for _ in objects:
            pass
    _show(sums, source, sent=send)


def _show(sums: Sums, source: SourceName, *, sent: bool) -> None:
    console = Console(highlight=False)
    if sums.before:
        console.print(f"{sums.before:,} objects were sent before")
    if not sums.send and not sums.refused and not sums.observed:
        console.print(f"nothing to send in {source.value}")
        return
    columns = {"sent" if sent else "would be sent": sums.send, "would be refused again": sums.refused}
    if sums.observed:
        columns["observed, left out"] = sums.observed
    table = Table("reason", *columns, box=None, pad_edge=False)
    for reason in sorted(sums.send | sums.refused | sums.observed):
        table.add_row(reason, *(f"{count[reason]:,}" for count in columns.values()))
    table.add_row("together", *(f"{count.total():,}" for count in columns.values()))
    console.print(table)
    if not sent:
        console.print("Nothing was sent: this is a dry run. Add --send.")


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app)
