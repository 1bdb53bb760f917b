"""One run: the site's records through the deployed pipeline, the storm over it, the ledger at the end."""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.acts import Actor
from tests.faults.findings import Findings
from tests.faults.ledger import Balance, Ledger
from tests.faults.malformed import REFUSES
from tests.faults.pipeline import RETRY_ATTEMPTS, Pipeline, deployed
from tests.faults.site import Sent, records
from tests.faults.storm import Storm, storm

MOST_RECORDS_A_CALL = 500
MOST_BYTES_A_CALL = 4 * 1024 * 1024

SHARDS = 4
"""As many as an on-demand stream begins with; half as many where fewer than `MANY` records are sent."""

MANY = 20_000

LEAD = 30_000
"""How far the site runs ahead: enough that there is always a backlog. A quarter of the records in a small run, so that
the acts come while there is work."""

PATIENCE_SECONDS = 240.0
"""How long nothing may change before what is missing counts as lost; longer than any pause of the mapping."""

_EVENTS_LOOK_SECONDS = 0.5
_BUCKETS_LOOK_SECONDS = 5.0
_LAST_LOOKS_SECONDS = 1.0
"""Between looks at the buckets once everything is sent."""

_BUCKETS_SHARE, _LAST_LOOKS_SHARE = 5.0, 1.0
"""How many times as long as a look at the buckets took the next one is waited for: listing takes longer the more there
is, and must not be most of what the emulator does; once everything is sent it has little else to do."""

_MEMORY_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found."""

    events: int
    seed: int
    seconds: float
    peak_megabytes: dict[str, float]
    """By kind of process at its own highest; `together` is the highest sum at one moment."""
    acts: list[str]
    shards: int
    balance: Balance

    @property
    def balances(self) -> bool:
        return self.balance.balances

    def as_json(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "seed": self.seed,
            "duration_seconds": round(self.seconds, 1),
            "events_per_second": round(self.events / self.seconds, 1),
            "peak_memory_megabytes": self.peak_megabytes,
            "acts": self.acts,
            "shards": self.shards,
            "retry_attempts": RETRY_ATTEMPTS,
            **self.balance.as_json(),
        }


Tell = Callable[[str, int, int], None]
"""Told of progress: (what is under way, records accounted for, records in all)."""


def run(events: int, seed: int, folder: Path, *, tell: Tell = lambda *_: None) -> Report:
    """Deploy to a local cloud below `folder`, drive the records through the storm, and account for every one."""
    shards = SHARDS if events >= MANY else SHARDS // 2
    with deployed(folder, shards=shards, say=lambda what: tell(f"deploying: {what}", 0, events)) as pipeline:
        return drive(pipeline, events, seed, tell=tell)


def drive(pipeline: Pipeline, events: int, seed: int, *, tell: Tell = lambda *_: None) -> Report:
    """Drive the records through a deployed pipeline under the storm. Its probabilistic faults are left in force."""
    return _Run(pipeline, events, seed, storm(events, seed), tell).run()


class _Run:
    def __init__(self, pipeline: Pipeline, events: int, seed: int, storm: Storm, tell: Tell) -> None:
        self._pipeline, self._events, self._seed, self._tell = pipeline, events, seed, tell
        self._storm = storm
        self.ledger = Ledger(events)
        self._findings = Findings(pipeline, self.ledger)
        self._actor = Actor(pipeline, storm.acts)
        self._kinesis = pipeline.client("kinesis")
        self._lead = min(LEAD, events // 4)
        self._peaks: dict[str, float] = {}
        self._patient = True
        self._buckets_seconds, self._buckets_share = _BUCKETS_LOOK_SECONDS, _BUCKETS_SHARE
        self._due = dict.fromkeys(("events", "buckets", "memory"), 0.0)

    def run(self) -> Report:
        started = time.monotonic()
        for fault in (REFUSES, *self._storm.probabilistic_faults):
            self._pipeline.order(fault)
        try:
            for batch in calls(records(self._events, self._seed)):
                self._send(batch)
                self._look()
                self._look_until(lambda: self.ledger.under_way <= self._lead)
            self._drain()
        finally:
            self._actor.release()
        if not self.ledger.balance().balances:
            self._pipeline.say_where_it_stands()
        return Report(
            events=self._events,
            seed=self._seed,
            seconds=time.monotonic() - started,
            peak_megabytes={name: round(size, 1) for name, size in sorted(self._peaks.items())},
            acts=self._actor.done,
            shards=self._pipeline.shards,
            balance=self.ledger.balance(),
        )

    def _send(self, batch: list[Sent]) -> None:
        answer = self._kinesis.put_records(
            StreamName=self._pipeline.stream,
            Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in batch],
        )
        if answer["FailedRecordCount"]:
            raise RuntimeError(f"the stream refused {answer['FailedRecordCount']} records of {len(batch)}")
        for record, taken in zip(batch, answer["Records"], strict=True):
            self.ledger.send(record, f"{taken['ShardId']}-{taken['SequenceNumber']}")

    def _look(self, *, pause: bool = False) -> None:
        """Read what is new, do what is due; with `pause` wait until there is something to look at."""
        now = time.monotonic()
        if pause:
            time.sleep(max(0.0, min(self._due.values()) - now))
            now = time.monotonic()
        if now >= self._due["memory"]:
            self._due["memory"] = now + _MEMORY_LOOK_SECONDS
            self._weigh()
        if now >= self._due["events"]:
            self._findings.look_at_events()
            self._actor.look(self.ledger.stored)
            self._due["events"] = time.monotonic() + _EVENTS_LOOK_SECONDS
            doing = "sending" if self.ledger.sent < self._events else "draining"
            self._tell(
                f"{doing}; {', '.join(self._actor.done[-1:]) or 'probabilistic faults'}",
                self.ledger.stored,
                self._events,
            )
        if now >= self._due["buckets"]:
            self._findings.look_at_buckets()
            ended = time.monotonic()
            self._due["buckets"] = ended + max(self._buckets_seconds, self._buckets_share * (ended - now))

    def _drain(self) -> None:
        """Look until every record is accounted for and archived, or nothing has changed for a long time."""
        self._due["buckets"] = 0.0
        self._buckets_seconds, self._buckets_share = _LAST_LOOKS_SECONDS, _LAST_LOOKS_SHARE
        self._look_until(
            lambda: min(self.ledger.accounted, self.ledger.archived) >= self._events and self._actor.is_done
        )
        self._findings.look_at_events()
        self._findings.look_at_buckets()

    def _look_until(self, happened: Callable[[], bool]) -> None:
        """Look until it has happened. When nothing changes for a long time it will not, nor anything like it later."""
        seen, since = (-1, -1), time.monotonic()
        while self._patient and not happened():
            if (now := (self.ledger.accounted, self.ledger.archived)) != seen:
                seen, since = now, time.monotonic()
            self._patient = time.monotonic() - since <= PATIENCE_SECONDS
            self._look(pause=True)

    def _weigh(self) -> None:
        sizes: dict[str, float] = {}
        for process in self._pipeline.processes():
            sizes[process.name] = sizes.get(process.name, 0.0) + process.memory_megabytes
        sizes["together"] = sum(sizes.values())
        sizes["this program"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for name, size in sizes.items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), size)


def calls(source: Iterator[Sent]) -> Iterator[list[Sent]]:
    """The records in portions that PutRecords takes."""
    part: list[Sent] = []
    size = 0
    for record in source:
        if part and (len(part) == MOST_RECORDS_A_CALL or size + len(record.data) > MOST_BYTES_A_CALL):
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record.data) + len(record.partition_key)
    if part:
        yield part
