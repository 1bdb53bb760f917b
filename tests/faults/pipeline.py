"""The pipeline that the storm goes over: data, Personalize and ingestion stacks, deployed to a local cloud of its own.

Two properties of the templates are changed, and said: the stream is provisioned with four shards (two in small runs),
because AWS refuses to split a shard of an on-demand stream (four is what such a stream begins with); and the mapping
gives up after four attempts instead of `ingestion.retryAttempts`, so that giving up is seen within the run. The seed
that is imported is cut to its first rows: nothing is trained here.
"""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.naming import DATASETS
from lambdas.shared.event_ids import ALWAYS
from local_cloud.supervisor.lifecycle import LocalCloud
from local_cloud.supervisor.processes import Process, processes
from local_cloud.supervisor.services import ALL_SERVICES
from personalize_local.api.guard import LOCAL_REQUEST
from tests.faults.malformed import REFUSES
from tools.deploy.cdk import REPOSITORY, Cdk
from tools.deploy.run import SEED_FOLDER
from tools.deploy.seeding import seed
from tools.environment.connection import Connection, settings_of
from tools.events import event_ids

RETRY_ATTEMPTS = 4
SEED_ROWS = 1_000


@dataclass(frozen=True)
class Pipeline:
    """The deployed pipeline, as whoever watches it sees it."""

    cloud: LocalCloud
    connection: Connection
    shards: int

    @property
    def stream(self) -> str:
        return self.connection.settings.names.stream

    def bucket(self, purpose: Any) -> str:
        return self.connection.settings.names.bucket(purpose)

    def client(self, service: str) -> Any:
        return self.connection.client(service)

    @property
    def events_file(self) -> Path:
        """Where the embedded Personalize keeps what PutEvents brought."""
        return self.cloud.state.personalize / "events.db"

    def processes(self, name: str = "") -> list[Process]:
        """The local cloud's processes, all or those of one name."""
        return [one for one in processes(self.cloud.record.pid) if name in ("", one.name)]

    def say_where_it_stands(self) -> None:
        """Have each of the local cloud's services write the stacks of its threads into its log."""
        for process in self.processes():
            if process.name in ALL_SERVICES:
                os.kill(process.pid, signal.SIGUSR1)
        time.sleep(1)  # they write at once; the caller ends them next

    def order(self, fault: dict[str, Any]) -> None:
        """Order a fault of the embedded Personalize."""
        httpx.post(f"{self.cloud.personalize}/_local/faults", json=fault, headers=LOCAL_REQUEST).raise_for_status()

    def calm(self) -> None:
        """Forget all faults: every call succeeds from now on, but for those of events that are refused on order."""
        httpx.delete(f"{self.cloud.personalize}/_local/faults", headers=LOCAL_REQUEST).raise_for_status()
        self.order(REFUSES)

    def events(self) -> sqlite3.Connection:
        """A read-only connection to the stored events."""
        return sqlite3.connect(f"{self.events_file.as_uri()}?mode=ro", uri=True)


@contextmanager
def deployed(folder: Path, *, shards: int, say: Callable[[str], None] = lambda _: None) -> Iterator[Pipeline]:
    """The pipeline in a local cloud whose state lies in `folder`; both end with the block."""
    # Where the CDK CLI is, also when nobody has put it on the path.
    programs = str(REPOSITORY / "node_modules" / ".bin")
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((programs, os.environ["PATH"]))
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    with LocalCloud(state=folder / "state") as cloud:
        connection = Connection(settings=settings_of("local"), state=cloud.state.root)
        cdk = Cdk(connection, folder / "templates", folder / "deploy.log")
        generation = connection.settings.generation
        say("templates")
        cdk.synthesize((generation,), generation, deployed=False)
        _change(cdk, "data", "AWS::Kinesis::Stream", StreamModeDetails={"StreamMode": "PROVISIONED"}, ShardCount=shards)
        _change(cdk, "ingestion", "AWS::Lambda::EventSourceMapping", MaximumRetryAttempts=RETRY_ATTEMPTS)
        say("bootstrap")
        cdk.bootstrap()
        say("data stack")
        cdk.deploy(["data"])
        first_rows = _first_rows(folder / "seed")
        seed.upload_seed(connection, seed.seed_files(cdk.template("personalize"), generation, first_rows))
        event_ids.prepare(connection, ALWAYS)
        say("Personalize and ingestion stacks")
        cdk.deploy(["personalize", "ingestion"])
        yield Pipeline(cloud, connection, shards)


def _first_rows(folder: Path) -> Path:
    """A seed folder with the first rows of each file."""
    for kind in DATASETS:
        lines = (SEED_FOLDER / kind / f"{kind}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / kind).mkdir(parents=True)
        (folder / kind / f"{kind}.csv").write_text("".join(lines[: SEED_ROWS + 1]), encoding="utf-8")
    return folder


def _change(cdk: Cdk, stack: str, type_: str, **properties: Any) -> None:
    """Set properties of the one resource of a type in a synthesized template."""
    path = cdk.folder / f"{cdk.connection.settings.names.stack(stack)}.template.json"
    template = json.loads(path.read_text(encoding="utf-8"))
    [resource] = [one for one in template["Resources"].values() if one["Type"] == type_]
    resource["Properties"] |= properties
    path.write_text(json.dumps(template), encoding="utf-8")
