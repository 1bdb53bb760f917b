"""The delivery process of the local cloud: event source mappings and delivery streams, as deployed.

`python -m local_cloud.delivery.host --state DIR --endpoint URL` carries out what lies in two folders of the state
folder:

- `mappings/<uuid>.json`: `{"uuid": ..., "properties": {AWS::Lambda::EventSourceMapping}}`
- `delivery-streams/<name>.json`: `{"name": ..., "properties": {AWS::KinesisFirehose::DeliveryStream}}`

A file that appears, changes or goes is a resource that is made, updated or deleted. Positions live in
`delivery/checkpoints.sqlite`; a file that goes takes its positions with it. `delivery/status.json` tells what each
consumer does. SIGTERM ends the process when the running invocations have ended; `kill -9` at any moment loses nothing.

`DELIVERY_TIME_SCALE` multiplies the buffering interval of delivery streams (default 1/30: 60 seconds become two).
Batch windows, ages and sizes are never scaled.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from local_cloud.delivery.archive.archiver import DeliveryStream
from local_cloud.delivery.archive.metrics import ArchiveMeasurements
from local_cloud.delivery.archive.worker import LANE, ArchiverShard, consumer_name
from local_cloud.delivery.mapping.function import Function, role_of
from local_cloud.delivery.mapping.settings import ConfigurationError, EventSourceMapping
from local_cloud.delivery.mapping.worker import MappingShard, lane_names
from local_cloud.delivery.streams.checkpoints import TRIM_HORIZON, Checkpoints, Position
from local_cloud.delivery.streams.clients import Clients
from local_cloud.delivery.streams.metrics import Measurements
from local_cloud.delivery.streams.shards import ShardReader
from local_cloud.delivery.streams.stream import StreamConsumer
from personalize_local.data.private import write_for_owner

log = logging.getLogger("delivery")

DEFAULT_TIME_SCALE = 1 / 30
LOOK_SECONDS = 0.5
"""How often the folders are looked at and the status is written."""

DRAIN_SECONDS = 10.0
"""How long running invocations are waited for at the end; what they have not done by then is done again."""


class _Worker(Protocol):
    """What the status needs of a shard's worker."""

    milliseconds_behind: int

    @property
    def pending(self) -> int: ...


class Resource:
    """One mapping or delivery stream at work: its consumer and the workers of its shards."""

    def __init__(self, kind: str, name: str, definition: Mapping[str, Any]) -> None:
        self.kind = kind
        self.name = name
        self.definition = definition
        self.problem: str | None = None
        self.consumer: StreamConsumer | None = None
        self.workers: dict[str, _Worker] = {}
        self.function: Function | None = None

    @property
    def consumer_name(self) -> str:
        return self.name if self.kind == "mappings" else consumer_name(self.name)

    def status(self) -> dict[str, Any]:
        problem = self.problem or (self.consumer.problem if self.consumer else None)
        return {
            "state": "Problem" if problem else "Enabled" if self.consumer else "Disabled",
            **({"problem": problem} if problem else {}),
            **({"lastResult": self.function.last_result} if self.function else {}),
            "shards": {
                shard: {"millisecondsBehind": worker.milliseconds_behind, "pending": worker.pending}
                for shard, worker in sorted(self.workers.items())
            },
        }


class Delivery:
    """Carries out the resources that the two folders describe, until it is closed."""

    def __init__(self, state: Path, clients: Clients, *, time_scale: float = DEFAULT_TIME_SCALE) -> None:
        self._folders = {kind: state / kind for kind in ("mappings", "delivery-streams")}
        for folder in self._folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        self._status_file = state / "delivery" / "status.json"
        self._clients = clients
        self._time_scale = time_scale
        self._checkpoints = Checkpoints(state / "delivery" / "checkpoints.sqlite")
        self._resources: dict[tuple[str, str], Resource] = {}
        self._written = ""
        self._measured = Measurements()
        self._archived = ArchiveMeasurements()

    def run(self, stop: threading.Event) -> None:
        """Follow the folders until `stop` is set, then end every consumer."""
        while not stop.is_set():
            self.look()
            self.write_status()
            for measured in (self._measured, self._archived):
                measured.publish(lambda: self._clients.client("cloudwatch"))
            stop.wait(LOOK_SECONDS)
        self.close()

    def look(self) -> None:
        """Make what runs equal to what the folders hold."""
        wanted = self._definitions()
        for key in [key for key, resource in self._resources.items() if wanted.get(key) != resource.definition]:
            self._end(self._resources.pop(key))
        # Also what was deleted while no delivery ran: a new resource of that name starts afresh.
        names = {Resource(kind, name, {}).consumer_name for kind, name in wanted}
        for consumer in self._checkpoints.consumers() - names:
            self._checkpoints.forget(consumer)
        for (kind, name), definition in wanted.items():
            if (kind, name) not in self._resources:
                self._resources[kind, name] = self._begin(Resource(kind, name, definition))

    def status(self) -> dict[str, Any]:
        """State, lag and pending records of every resource."""
        status: dict[str, Any] = {"mappings": {}, "delivery-streams": {}}
        for resource in self._resources.values():
            status[resource.kind][resource.name] = resource.status()
        return status

    def write_status(self) -> None:
        text = json.dumps(self.status(), indent=1, sort_keys=True)
        if text != self._written:
            temporary = self._status_file.with_suffix(".tmp")
            temporary.write_text(text)
            temporary.replace(self._status_file)
            self._written = text

    def close(self) -> None:
        """Stop every consumer, wait for what is running, keep the positions."""
        for resource in self._resources.values():
            if resource.consumer:
                resource.consumer.stop()
        for resource in self._resources.values():
            self._end(resource)
        self._resources.clear()
        self._checkpoints.close()

    def _definitions(self) -> dict[tuple[str, str], Any]:
        """What the folders hold. Writers replace files whole, so that one that can be read is complete."""
        found: dict[tuple[str, str], Any] = {}
        for kind, folder in self._folders.items():
            for file in sorted(folder.glob("*.json")):
                with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                    found[kind, file.stem] = json.loads(file.read_text())
        return found

    def _begin(self, resource: Resource) -> Resource:
        start = self._begin_mapping if resource.kind == "mappings" else self._begin_delivery_stream
        try:
            start(resource)
        except ConfigurationError as error:
            resource.problem = str(error)
            log.error("%s %s: %s", resource.kind, resource.name, error)  # noqa: TRY400 - the message is the finding
        else:
            log.info("%s %s: %s", resource.kind, resource.name, resource.status()["state"])
        return resource

    def _begin_mapping(self, resource: Resource) -> None:
        mapping = EventSourceMapping.from_properties(resource.name, resource.definition["properties"])
        if not mapping.enabled:
            return
        # Lambda reads the stream and writes to the failure destination as the function's role; it invokes by itself.
        acting = self._clients.acting_as("lambda", lambda clients: role_of(clients, mapping.function))
        function = resource.function = Function(mapping, self._clients, destination=acting, measured=self._measured)
        stop = threading.Event()

        def work(shard_id: str, positions: dict[str, Position]) -> None:
            worker = MappingShard(
                mapping,
                shard_id,
                positions,
                reader=_reader(acting, mapping.stream_arn, shard_id),
                deliver=function.deliver,
                checkpoints=self._checkpoints,
                stop=stop,
            )
            resource.workers[shard_id] = worker
            worker.run()

        start_at = Position(mapping.starting_position, mapping.starting_timestamp)
        self._consume(resource, mapping.stream_arn, start_at, lane_names(mapping.lanes), work, stop, acting)

    def _begin_delivery_stream(self, resource: Resource) -> None:
        stream = DeliveryStream.from_properties(resource.name, resource.definition["properties"])
        reads = self._clients.acting_as("firehose", lambda _: stream.reading_role)
        writes = self._clients.acting_as("firehose", lambda _: stream.writing_role)
        stop = threading.Event()

        def work(shard_id: str, positions: dict[str, Position]) -> None:
            worker = ArchiverShard(
                stream,
                shard_id,
                positions,
                reader=_reader(reads, stream.stream_arn, shard_id),
                s3=writes.client("s3"),
                checkpoints=self._checkpoints,
                stop=stop,
                time_scale=self._time_scale,
                measured=self._archived,
            )
            resource.workers[shard_id] = worker
            worker.run()

        # Firehose starts at LATEST; what was sent before the archiver first ran would then be missing from the
        # archive, and locally both come to life in the same moment: the archive begins with the stream.
        self._consume(resource, stream.stream_arn, TRIM_HORIZON, (LANE,), work, stop, reads)

    def _consume(
        self,
        resource: Resource,
        stream_arn: str,
        start_at: Position,
        lanes: tuple[str, ...],
        work: Callable[[str, dict[str, Position]], None],
        stop: threading.Event,
        acting: Clients,
    ) -> None:
        resource.consumer = StreamConsumer(
            name=resource.consumer_name,
            stream_arn=stream_arn,
            start_at=start_at,
            lanes=lanes,
            kinesis=acting.client("kinesis"),
            checkpoints=self._checkpoints,
            work=work,
            stop=stop,
        )
        resource.consumer.start()

    def _end(self, resource: Resource) -> None:
        if resource.consumer:
            resource.consumer.stop()
            resource.consumer.join(DRAIN_SECONDS)
        log.info("%s %s: ended", resource.kind, resource.name)


def _reader(acting: Clients, stream_arn: str, shard_id: str) -> Callable[[Position], ShardReader]:
    return lambda position: ShardReader(acting.client("kinesis"), stream_arn, shard_id, position)


def main(arguments: list[str] | None = None) -> int:
    """Run the delivery until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m local_cloud.delivery.host", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--state", type=Path, required=True, help="state folder of the local cloud")
    parser.add_argument("--endpoint", required=True, help="endpoint of the emulator, http://127.0.0.1:PORT")
    options = parser.parse_args(arguments)
    write_for_owner()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    time_scale = float(os.environ.get("DELIVERY_TIME_SCALE", DEFAULT_TIME_SCALE))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.excepthook = _end_process
    clients = Clients(options.endpoint)
    Delivery(options.state, clients, time_scale=time_scale).run(stop)
    clients.close()
    return 0


def _end_process(details: threading.ExceptHookArgs) -> None:
    """A thread that died of a defect ends the process: its supervisor starts it anew from the checkpoints."""
    traceback.print_exception(details.exc_type, details.exc_value, details.exc_traceback)
    sys.stderr.flush()
    os._exit(70)


if __name__ == "__main__":
    sys.exit(main())
