"""The delivery process: resources follow the files of the state folder."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.delivery import host as delivery_module
from local_cloud.delivery.host import Delivery, main
from local_cloud.delivery.streams.checkpoints import Checkpoints, after
from local_cloud.delivery.streams.clients import Clients
from tests.deadline import eventually
from tests.unit.local_cloud.delivery.archive.test_archiver import properties as delivery_stream_properties
from tests.unit.local_cloud.delivery.archive.test_worker import FakeBucket
from tests.unit.local_cloud.delivery.fakes import STREAM, FakeKinesis
from tests.unit.local_cloud.delivery.mapping.test_function import FakeAws, answered

MAPPING = {"EventSourceArn": STREAM, "FunctionName": "forward", "StartingPosition": "TRIM_HORIZON"}


class FakeCloudWatch:
    def __init__(self) -> None:
        self.data: list[Any] = []

    def put_metric_data(self, **request: Any) -> None:
        self.data += request["MetricData"]


class FakeClients(Clients):
    def __init__(self) -> None:
        self.cloudwatch = FakeCloudWatch()
        self.kinesis = FakeKinesis("a")
        self.function = FakeAws(lambda: answered(b"")())
        self.bucket = FakeBucket()

    def client(self, service: str, *, answer_seconds: float = 0.0) -> Any:
        return {
            "cloudwatch": self.cloudwatch,
            "kinesis": self.kinesis,
            "lambda": self.function,
            "s3": self.bucket,
        }[service]

    def acting_as(self, service: str, role: Callable[[Clients], str]) -> Clients:
        return self


class Process:
    """A delivery on fakes that looks when told."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.clients = FakeClients()
        self.delivery = Delivery(state, self.clients, time_scale=0.0)

    def write(self, kind: str, name: str, **properties: Any) -> None:
        (self.state / kind / f"{name}.json").write_text(json.dumps({"properties": properties}))

    def state_of(self, kind: str, name: str) -> Any:
        return self.delivery.status()[kind][name]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.delivery.close()


def test_mapping_appears_changes_and_goes(process: Process) -> None:
    """A file is a mapping: a change restarts it where it stood, a removal forgets it."""
    process.clients.kinesis.put("a", "one")
    process.write("mappings", "m", **MAPPING)
    process.delivery.look()
    eventually(lambda: len(process.clients.function.events) == 1)
    eventually(lambda: process.state_of("mappings", "m")["lastResult"] == "OK")

    process.write("mappings", "m", **MAPPING, BatchSize=10)
    process.delivery.look()
    process.clients.kinesis.put("a", "two")
    eventually(lambda: len(process.clients.function.events) == 2)
    assert ["two"] == [r["kinesis"]["partitionKey"] for r in process.clients.function.events[1]["Records"]]

    (process.state / "mappings" / "m.json").unlink()
    process.delivery.look()
    assert {} == process.delivery.status()["mappings"]
    process.write("mappings", "m", **MAPPING)
    process.delivery.look()
    eventually(lambda: len(process.clients.function.events) == 3)
    assert 2 == len(process.clients.function.events[2]["Records"])


def test_delivery_stream_archives(process: Process) -> None:
    """A file is a delivery stream; it archives from the stream's beginning."""
    process.clients.kinesis.put("a", "one")
    process.write("delivery-streams", "archive", **delivery_stream_properties())
    process.delivery.look()
    eventually(lambda: list(process.clients.bucket.objects.values()) == [b"one"])
    assert "Enabled" == process.state_of("delivery-streams", "archive")["state"]


def test_disabled_mapping_does_nothing(process: Process) -> None:
    """Enabled: false keeps the mapping and its positions, and reads nothing."""
    process.write("mappings", "m", **MAPPING, Enabled=False)
    process.delivery.look()
    assert {"state": "Disabled", "shards": {}} == process.state_of("mappings", "m")
    assert 0 == process.clients.kinesis.reads


def test_wrong_configuration_is_told_and_others_go_on(process: Process) -> None:
    """One bad resource neither stops the process nor its neighbours."""
    process.write("mappings", "bad", **MAPPING, BatchSize=0)
    process.write("mappings", "good", **MAPPING)
    process.delivery.look()
    assert "Problem" == process.state_of("mappings", "bad")["state"]
    assert "BatchSize: a whole number from 1 to 10000, not 0" == process.state_of("mappings", "bad")["problem"]
    assert "Enabled" == process.state_of("mappings", "good")["state"]


def test_positions_of_resources_deleted_meanwhile_are_forgotten(tmp_path: Path) -> None:
    """A mapping deleted while no delivery ran leaves nothing for a later one of its name."""
    checkpoints = Checkpoints(tmp_path / "delivery" / "checkpoints.sqlite")
    checkpoints.save("gone", "a", {"0/1": after("1")})
    checkpoints.close()
    process = Process(tmp_path)
    process.delivery.look()
    process.delivery.close()
    checkpoints = Checkpoints(tmp_path / "delivery" / "checkpoints.sqlite")
    assert set() == checkpoints.consumers()
    checkpoints.close()


def test_status_is_written_whole_and_only_when_it_changes(process: Process) -> None:
    """Readers of the status file see lag, pending records and the last result of every resource."""
    process.write("mappings", "m", **MAPPING)
    process.delivery.look()
    eventually(lambda: process.state_of("mappings", "m")["shards"].get("a", {}).get("millisecondsBehind") == 7)
    process.delivery.write_status()
    file = process.state / "delivery" / "status.json"
    expected = {
        "mappings": {
            "m": {
                "state": "Enabled",
                "lastResult": "No records processed",
                "shards": {"a": {"millisecondsBehind": 7, "pending": 0}},
            }
        },
        "delivery-streams": {},
    }
    assert expected == json.loads(file.read_text())
    written = file.stat().st_mtime_ns
    process.delivery.write_status()
    assert written == file.stat().st_mtime_ns


def test_run_follows_the_folders_until_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written while the process runs are found, metrics are published; the stop ends every consumer."""
    monkeypatch.setattr(delivery_module, "LOOK_SECONDS", 0.01)
    process = Process(tmp_path)
    stop = threading.Event()
    thread = threading.Thread(target=process.delivery.run, args=(stop,))
    thread.start()
    process.write("mappings", "m", **MAPPING)
    process.clients.kinesis.put("a", "one")
    eventually(lambda: process.clients.function.events)
    eventually(lambda: process.clients.cloudwatch.data)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert {} == process.delivery.status()["mappings"]


def test_main_runs_until_sigterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line makes the clients for its endpoint, scales time by the environment and ends at SIGTERM."""
    seen: list[Any] = []

    class Noted(Delivery):
        def __init__(self, state: Path, clients: Clients, *, time_scale: float) -> None:
            super().__init__(state, clients, time_scale=time_scale)
            seen.append((state, clients.client("kinesis").meta.endpoint_url, time_scale))

        def write_status(self) -> None:
            super().write_status()
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(delivery_module, "Delivery", Noted)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setenv("DELIVERY_TIME_SCALE", "0.5")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert 0 == main(["--state", str(tmp_path), "--endpoint", "http://127.0.0.1:1"])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert [(tmp_path, "http://127.0.0.1:1", 0.5)] == seen
