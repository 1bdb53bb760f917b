"""The demonstration, step by step."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from seed_data.generate import build_world
from seed_data.live import live_events
from seed_data.world import World
from tools.demo import accounts, visitors
from tools.demo.cloud import Cloud, DemoError
from tools.demo.report import write_report, write_run
from tools.demo.show import Screen
from tools.demo.story import Reranking, Sample, Story
from tools.demo.visitors import CLICKS, SHARE_OF, VISITORS, Change, Clicker
from tools.deploy.base.waiting import poll
from tools.environment.connection import LOCAL, connect, state_folder
from tools.environment.invoke import SPECIES, recommend, rerank
from tools.events.traffic import Message, Sender, message, messages, stream_at_rate

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[2]
_EVENTS_A_SECOND_OF_VISITORS = 20.0
_SAMPLE_SECONDS = 0.5
_DELIVERY_SECONDS = 300.0
_ASKED_AGAIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to show."""

    events: int
    rate: float
    malformed_every: int
    seed: int
    out: Path
    keep_running: bool


def demonstrate(plan: Plan, console: Console) -> Story:
    """Run every step and write the report. Raises DemoError when something was not as promised, after writing it."""
    started = time.monotonic()
    demonstration = Demonstration(plan, Screen(console))
    demonstration.run()
    story = demonstration.story
    story.seconds["total"] = time.monotonic() - started
    write_run(plan.out, story)
    with demonstration.step("report"):
        report = write_report(plan.out, story)
    demonstration.screen.summary(story, report)
    if problems := story.problems():
        raise DemoError("; ".join(problems))
    return story


class Demonstration:
    """The steps, in order; each fills its part of the story."""

    def __init__(self, plan: Plan, screen: Screen) -> None:
        self.plan = plan
        self.screen = screen
        self.story = Story()
        self._rng = np.random.default_rng(plan.seed)
        self._world: World = build_world()
        self._sent: list[Message] = []

    def run(self) -> None:
        with self.step("deploy"):
            self._deploy()
        self._cloud = Cloud(connect(LOCAL))
        self._sender = Sender(self._cloud.connection.client("kinesis"), self._cloud.names.stream)
        self._since = datetime.now(UTC)
        self.story.runs = self._cloud.trainings()
        self.screen.trainings("The first training", self.story.runs)
        with self.step("stream"):
            self._stream()
        with self.step("clicks"):
            self._clicks()
        with self.step("rerank"):
            self._rerank()
        with self.step("retrain"):
            self._retrain()
        with self.step("accounts"):
            self._settle()
        with self.step("stop"):
            self._stop()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce the step and keep its time."""
        self.screen.step(name)
        started = time.monotonic()
        yield
        self.story.seconds[name] = time.monotonic() - started

    # --- deploy, stop

    def _deploy(self) -> None:
        """An empty local cloud, and everything deployed to it by the same command as to AWS."""
        self._local_cloud("clean")
        deployed = subprocess.run([str(REPOSITORY / "deploy.sh"), LOCAL], cwd=REPOSITORY, check=False)
        if deployed.returncode:
            raise DemoError(f"./deploy.sh local ended with code {deployed.returncode}; it says above why")

    def _stop(self) -> None:
        if not self.plan.keep_running:
            self._local_cloud("down")

    def _local_cloud(self, command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "local_cloud", command, "--state", str(state_folder())],
            cwd=REPOSITORY,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"the local cloud could not {command}: {(done.stderr or done.stdout).strip()}")

    # --- events

    def _stream(self) -> None:
        """Simulated visitors at a steady rate, the malformed among them, until all are accounted for."""
        plan = self.plan
        start = time.time() - plan.events / _EVENTS_A_SECOND_OF_VISITORS
        made = live_events(self._world, plan.events, start, self._rng, per_second=_EVENTS_A_SECOND_OF_VISITORS)
        self.story.began = datetime.now(UTC)
        began = sampled = time.monotonic()
        with self.screen.streaming(plan.events) as bars:

            def sample() -> Sample:
                counts = self._cloud.forwarded(self._since)
                taken = Sample(
                    second=time.monotonic() - began,
                    sent=len(self._sent),
                    accepted=counts["EventsAccepted"],
                    quarantined=counts["EventsQuarantined"],
                )
                self.story.samples.append(taken)
                bars(taken)
                return taken

            def sent(batch: Sequence[Message]) -> None:
                nonlocal sampled
                self._sent += batch
                if time.monotonic() - sampled >= _SAMPLE_SECONDS:
                    sampled = time.monotonic()
                    sample()

            source = messages(made, malformed_every=plan.malformed_every)
            stream_at_rate(source, self._sender.send, rate=plan.rate, sent=sent)
            self._wait_delivered(sample)
        self.story.malformations = dict(Counter(m.malformation for m in self._sent if m.malformation))

    def _wait_delivered(self, sample: Callable[[], Sample]) -> None:
        """Until the forwarder has dealt with all that was sent."""

        def delivered() -> bool:
            taken = sample()
            return taken.accepted + taken.quarantined >= len(self._sent)

        poll(
            delivered,
            every_seconds=_SAMPLE_SECONDS / 2,
            for_seconds=_DELIVERY_SECONDS,
            otherwise=f"events are still on their way after {_DELIVERY_SECONDS:.0f} s; `make logs` says more",
        )

    def _send(self, events: Sequence[dict[str, object]]) -> None:
        """Send events and wait until they are delivered."""
        batch = [message(event) for event in events]
        self._sender.send(batch)
        self._sent += batch
        self._wait_delivered(
            lambda: Sample(
                0.0,
                len(self._sent),
                *(self._cloud.forwarded(self._since)[m] for m in ("EventsAccepted", "EventsQuarantined")),
            )
        )

    # --- what visitors see

    def _clicks(self) -> None:
        """Twenty visitors look at five animals each of the species that they are recommended less of."""
        clickers: list[tuple[Clicker, list[str]]] = []
        for visitor in visitors.known_visitors(self._world, VISITORS, self._rng):
            before = self._recommended(userId=visitor)
            species = visitors.less_seen(before)
            groups = visitors.groups_of(self._world, species, CLICKS, self._rng)
            clickers.append((Clicker(visitor, species, before), groups))
        session = f"s-demo-{self._rng.bytes(6).hex()}"
        self.story.stranger = self._recommended(sessionId=session)
        stranger_species = visitors.less_seen(self.story.stranger)
        self.story.stranger_clicked = visitors.groups_of(self._world, stranger_species, CLICKS, self._rng)

        events = [event for clicker, groups in clickers for event in visitors.clicks(clicker.user_id, groups)]
        self._send([*events, *visitors.clicks(None, self.story.stranger_clicked, session=session)])

        for clicker, groups in clickers:
            self.story.changes.append(Change(clicker, groups, self._recommended(userId=clicker.user_id)))
        self.story.stranger_after = self._recommended(sessionId=session)
        self.screen.clicks(self.story)

    def _recommended(self, **visitor: str) -> list[str]:
        items = _from_the_model(
            lambda: recommend(self._cloud.connection, limit=SHARE_OF, **visitor), lambda items: items[0]["source"]
        )
        return [item["id"] for item in items]

    def _rerank(self) -> None:
        """A list of cats and dogs, mixed, in the order of the first visitor who clicked."""
        visitor = self.story.changes[0].clicker.user_id
        given = [
            group
            for pair in zip(
                *(visitors.groups_of(self._world, species, 5, self._rng) for species in SPECIES), strict=True
            )
            for group in pair
        ]
        answer = _from_the_model(
            lambda: rerank(self._cloud.connection, given, userId=visitor), lambda answer: answer["source"]
        )
        self.story.reranking = Reranking(visitor, given, answer["ranking"], answer["source"])
        self.screen.reranking(self.story.reranking)

    # --- the second training, the books

    def _retrain(self) -> None:
        with self.screen.waiting("The state machine runs") as progress:
            run = self._cloud.wait_for(self._cloud.start_training(), progress)
        self.story.runs.append(run)
        self.screen.trainings("The second training, with the new events", [run])

    def _settle(self) -> None:
        """Read back everything from the ends of the pipeline and compare it with what was sent."""
        with self.screen.waiting("Waiting for the archive") as progress:
            archived = self._read_archive(progress)
            progress("exporting the interactions")
            stored = accounts.read_export(self._cloud.export_interactions())
            progress("reading the quarantine")
            quarantined = self._cloud.quarantined()
        self.story.reasons = dict(Counter(str(record.reason["field"]) for record in quarantined))
        self.story.books = accounts.settle(self._sent, stored, [record.data for record in quarantined], archived)
        self.screen.books(self.story)

    def _read_archive(self, progress: Callable[[str], None]) -> list[bytes]:
        """The archive's records; Firehose stores what it has buffered a moment after the events went through."""
        records: list[bytes] = []

        def complete() -> bool:
            objects = [(stored, accounts.read_archive([body])) for stored, body in self._cloud.archived()]
            self.story.archived = [(stored, len(lines)) for stored, lines in objects]
            records[:] = [line for _, lines in objects for line in lines]
            progress(f"{len(records):,} of {len(self._sent):,} records")
            return len(records) >= len(self._sent)

        poll(
            complete,
            every_seconds=0.5,
            for_seconds=180,
            otherwise="the archive does not hold every record; `make logs` says more",
        )
        return records


def _from_the_model(ask: Callable[[], T], source: Callable[[T], str]) -> T:
    """The first answer that comes from a campaign; on a busy computer it may be late: the popular list stands in."""
    for _ in range(_ASKED_AGAIN):
        answer = ask()
        if source(answer) == "personalize":
            return answer
    raise DemoError(f"the campaign did not answer in time, {_ASKED_AGAIN} times in a row: the popular list stood in")
