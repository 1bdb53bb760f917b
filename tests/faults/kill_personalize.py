"""Kill the embedded Personalize under load, again and again: `python -m tests.faults.kill_personalize --kills 200`.

Every round starts the server on the same folder, checks through it that all that was acknowledged so far is there, puts
load on it (events, items, schemas that come and go) and sends SIGKILL at a random moment. What was answered with 200
counts as acknowledged; what was under way at the kill may be there or not, and is there at most once.
"""

import argparse
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.personalize.client import PersistentConnection, request
from tests.personalize_world import INTERACTIONS, schema, until

ROOT = Path(__file__).resolve().parents[2]
ITEMS = schema("Items", {"name": "ITEM_ID", "type": "string"}, {"name": "SIZE", "type": "int"})
SENDERS = 3
SHORTEST, LONGEST = 0.02, 0.4
"""Seconds of load before a kill."""


@dataclass
class Acknowledged:
    """What the server has promised to keep."""

    events: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    """The newest acknowledged size of each item."""
    schemas: dict[str, bool] = field(default_factory=dict)
    """By ARN whether the schema exists; one that a call under way was about is left out."""


@dataclass(frozen=True)
class Place:
    """What is made once, in the first round."""

    tracking_id: str
    items: str


class LostError(AssertionError):
    """Something acknowledged is not there."""


@contextmanager
def running(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A server as users start it, and its port; killed at the end if it still runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "personalize_local", "--data", str(folder), "--port", str(port), "--pace", "0"]
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        until(lambda: _listens(port) or server.poll() is not None, bool)
        if server.poll() is not None:
            raise LostError(f"the server did not start again: it ended with {server.returncode}")
        yield server, port
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


def control(connection: PersistentConnection, operation: str, **body: Any) -> Any:
    """The answer of the control plane; RuntimeError when it is an error."""
    return json.loads(connection.exchange(request("/", body, target=f"AmazonPersonalize.{operation}")))


def prepare(port: int) -> Place:
    """A group with two datasets and an event tracker."""
    with PersistentConnection(port) as connection:
        group = control(connection, "CreateDatasetGroup", name="killed")["datasetGroupArn"]
        _active(connection, "DatasetGroup", group)
        datasets = {}
        for kind, text in (("Interactions", INTERACTIONS), ("Items", ITEMS)):
            made = control(connection, "CreateSchema", name=kind, schema=text)["schemaArn"]
            datasets[kind] = control(
                connection, "CreateDataset", name=kind, schemaArn=made, datasetGroupArn=group, datasetType=kind
            )["datasetArn"]
            _active(connection, "Dataset", datasets[kind])
        tracker = control(connection, "CreateEventTracker", name="tracker", datasetGroupArn=group)
        _active(connection, "EventTracker", tracker["eventTrackerArn"])
        return Place(tracker["trackingId"], datasets["Items"])


def _active(connection: PersistentConnection, kind: str, arn: str) -> None:
    member = kind[0].lower() + kind[1:]
    until(
        lambda: control(connection, f"Describe{kind}", **{f"{member}Arn": arn})[member]["status"],
        lambda status: bool(status == "ACTIVE"),
    )


def send_events(port: int, place: Place, name: str, kept: Acknowledged) -> None:
    """Ten events a call, until the server dies."""
    with PersistentConnection(port) as connection:
        for call in range(1_000_000):
            ids = [f"{name}-{call}-{number}" for number in range(10)]
            events = [{"eventType": "v", "itemId": "i", "sentAt": 1_700_000_000, "eventId": one} for one in ids]
            body = {"trackingId": place.tracking_id, "sessionId": name, "eventList": events}
            connection.exchange(request("/events", body))
            kept.events.update(ids)


def send_items(port: int, place: Place, kept: Acknowledged) -> None:
    """Items whose size rises with every call, until the server dies."""
    with PersistentConnection(port) as connection:
        for call in range(1_000_000):
            name = f"item{call % 7}"
            size = kept.sizes.get(name, 0) + 1
            items = [{"itemId": name, "properties": json.dumps({"size": size})}]
            connection.exchange(request("/items", {"datasetArn": place.items, "items": items}))
            kept.sizes[name] = size


def send_schemas(port: int, name: str, kept: Acknowledged) -> None:
    """Schemas that come, and of which every other one goes, until the server dies."""
    with PersistentConnection(port) as connection:
        for call in range(1_000_000):
            arn = control(connection, "CreateSchema", name=f"{name}-{call}", schema=INTERACTIONS)["schemaArn"]
            if call % 3:
                control(connection, "DeleteSchema", schemaArn=arn)
            kept.schemas[arn] = not call % 3


def load(
    port: int, place: Place, round_: int, kept: Acknowledged, failed: list[BaseException]
) -> list[threading.Thread]:
    """Senders that are at work; they end when the server does."""

    def until_it_dies(send: Any, *arguments: Any) -> None:
        try:
            send(port, *arguments)
        except ConnectionError:
            return
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            failed.append(error)

    jobs = [(send_events, place, f"r{round_}s{sender}", kept) for sender in range(SENDERS)]
    threads = [threading.Thread(target=until_it_dies, args=job) for job in jobs]
    threads.append(threading.Thread(target=until_it_dies, args=(send_items, place, kept)))
    threads.append(threading.Thread(target=until_it_dies, args=(send_schemas, f"r{round_}", kept)))
    for thread in threads:
        thread.start()
    return threads


def verify(folder: Path, port: int, kept: Acknowledged) -> None:
    """LostError unless the running server and its file hold what was acknowledged."""
    with closing(sqlite3.connect(f"{(folder / 'events.db').as_uri()}?mode=ro", uri=True)) as database:
        stored = [row[0] for row in database.execute("SELECT event_id FROM event")]
        sizes = {name: json.loads(text) for name, text in database.execute("SELECT id, properties FROM record")}
    if len(stored) != len(set(stored)):
        raise LostError("an event is stored twice")
    if kept.events - set(stored):
        raise LostError(f"{len(kept.events - set(stored))} events are gone")
    for name, size in kept.sizes.items():
        if max(sizes.get(name, {}).values(), default=0) < size:
            raise LostError(f"{name} has {sizes.get(name)}, acknowledged was size {size}")
    listed: set[str] = set()
    with PersistentConnection(port) as connection:
        token: dict[str, str] = {}
        while True:
            answer = control(connection, "ListSchemas", maxResults=100, **token)
            listed |= {one["schemaArn"] for one in answer["schemas"]}
            if "nextToken" not in answer:
                break
            token = {"nextToken": answer["nextToken"]}
        for arn in [arn for arn, exists in kept.schemas.items() if exists and arn in listed]:
            # What was found is taken away, so that the quota of schemas is never reached; the rest must be told of.
            control(connection, "DeleteSchema", schemaArn=arn)
            kept.schemas[arn] = False
            listed.discard(arn)
    wrong = [arn for arn, exists in kept.schemas.items() if exists != (arn in listed)]
    if wrong:
        raise LostError(f"schemas are not as acknowledged: {wrong[:3]}")


def kill_again_and_again(folder: Path, kills: int, *, seed: int = 0) -> Acknowledged:
    """All that was acknowledged, every bit of it found after every kill; LostError otherwise."""
    chosen, kept = random.Random(seed), Acknowledged()
    place: Place | None = None
    for round_ in range(kills):
        failed: list[BaseException] = []
        with running(folder) as (server, port):
            verify(folder, port, kept)
            place = place or prepare(port)
            before = len(kept.events)
            threads = load(port, place, round_, kept, failed)
            until(lambda before=before, failed=failed: len(kept.events) > before or failed, bool)  # type: ignore[misc]
            threading.Event().wait(chosen.uniform(SHORTEST, LONGEST))
            server.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
        if failed:
            raise failed[0]
        if round_ % 20 == 19:
            print(f"{round_ + 1} kills, {len(kept.events)} events kept", flush=True)
    with running(folder) as (_, port):
        verify(folder, port, kept)
    with closing(sqlite3.connect(folder / "events.db")) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise LostError("events.db is damaged")
    return kept


def main() -> None:
    """Say what was kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.kill_personalize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept = kill_again_and_again(Path(folder) / "data", given.kills, seed=given.seed)
    print(
        f"{given.kills} kills in {time.monotonic() - started:.0f} s; nothing acknowledged was lost: {len(kept.events)}"
        f" events, {sum(kept.sizes.values())} puts of items, {len(kept.schemas)} schemas made or deleted"
    )


if __name__ == "__main__":
    main()
