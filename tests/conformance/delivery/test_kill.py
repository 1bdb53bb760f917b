"""The delivery process killed with `kill -9` at work: nothing lost, nothing archived twice."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.conformance.delivery.conftest import Pipeline
from tests.conformance.delivery.test_archiver import DESTINATION
from tests.deadline import eventually

KILLS = 4
PAYLOADS = [f"payload {number}" for number in range(2000)]


@pytest.fixture
def process(cloud: LocalCloud, tmp_path: Path) -> Iterator["DeliveryProcess"]:
    started = DeliveryProcess(cloud.endpoint, tmp_path)
    yield started
    started.kill()


class DeliveryProcess:
    def __init__(self, endpoint: str, state: Path) -> None:
        self._command = [
            sys.executable,
            "-m",
            "local_cloud.delivery.host",
            "--state",
            str(state),
            "--endpoint",
            endpoint,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | {"DELIVERY_TIME_SCALE": "0.002"}
        self._process = subprocess.Popen(self._command, env=environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def test_kill_9_loses_no_delivery_and_archives_each_record_once(pipeline: Pipeline, process: DeliveryProcess) -> None:
    """Killed again and again while it works, the delivery ends with every record delivered and archived once."""
    pipeline.deploy_mapping(FunctionName=pipeline.function(), BatchSize=50, ParallelizationFactor=2)
    pipeline.deploy_delivery_stream(**DESTINATION)
    portion = len(PAYLOADS) // KILLS
    for kill in range(KILLS):
        accepted = len(pipeline.objects("accepted/"))
        process.start()
        pipeline.send(PAYLOADS[kill * portion : (kill + 1) * portion])
        eventually(partial(has_more, pipeline, accepted), what="work to interrupt")
        process.kill()
    process.start()

    def archived() -> list[str]:
        bodies = pipeline.objects("events/").values()
        return [line for body in bodies for line in gzip.decompress(body).decode().splitlines()]

    eventually(lambda: len(archived()) >= len(PAYLOADS), what="the whole archive")
    eventually(lambda: len(set(pipeline.accepted_payloads())) == len(PAYLOADS), what="every delivery")

    assert sorted(PAYLOADS) == sorted(archived())


def has_more(pipeline: Pipeline, before: int) -> bool:
    return len(pipeline.objects("accepted/")) > before
