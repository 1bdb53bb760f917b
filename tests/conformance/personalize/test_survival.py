"""What was acknowledged survives: a restart, `kill -9` under load, `kill -9` during a training."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.testing import LocalPersonalize
from tests.personalize_world import INTERACTIONS, World, settled, until
from tools.deploy.base.personalize import create, created

ROOT = Path(__file__).parents[3]


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """After a stop and a start the same campaign gives the same answers, live clicks included."""
    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        group = world.seeded()
        version = world.train(world.solution(group, "aws-user-personalization-v2"))["solutionVersionArn"]
        campaign = world.campaign(version)
        cats = world.filter(group, "cats", 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")')
        world.send("clicker", "dog1", "dog2", "dog3")
        before = [world.recommended(campaign, "clicker"), world.recommended(campaign, "u2", filterArn=cats)]
        metrics = world.control.get_solution_metrics(solutionVersionArn=version)["metrics"]
        tracking_id = world.tracking_id
    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        assert before == [world.recommended(campaign, "clicker"), world.recommended(campaign, "u2", filterArn=cats)]
        assert metrics == world.control.get_solution_metrics(solutionVersionArn=version)["metrics"]
        world.tracking_id = tracking_id
        world.send("clicker", "cat1", "cat2", "cat3", "cat4")
        assert before[0] != world.recommended(campaign, "clicker")


@contextmanager
def process(folder: Path, *more: str, pace: float = 0.0) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A server as users start it, with `more` on its command line, and its address; killed at the end if it still runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--data", str(folder / "data"), "--s3-root", str(folder / "s3"), "--port", str(port)]
    running = subprocess.Popen(
        [sys.executable, "-m", "personalize_local", *arguments, *more, "--pace", str(pace)], cwd=ROOT
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _healthy(endpoint), bool)
        yield running, endpoint
    finally:
        running.kill()
        running.wait()


def _healthy(endpoint: str) -> bool:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    try:
        connection.request("GET", "/_local/health", headers=LOCAL_REQUEST)
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def _client(api: str, endpoint: str) -> Any:
    return boto3.client(
        api,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _tracker(endpoint: str) -> str:
    control = _client("personalize", endpoint)
    schema = control.create_schema(name="interactions", schema=INTERACTIONS)["schemaArn"]
    group = created(control, "dataset_group", name="pets")
    created(control, "dataset", name="d", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    return str(create(control, "event_tracker", name="t", datasetGroupArn=group)["trackingId"])


def _send_until_it_dies(endpoint: str, tracking_id: str, sender: int, acknowledged: list[str]) -> None:
    with httpx.Client() as client:
        for number in range(1_000_000):
            ids = [f"{sender}-{number}-{place}" for place in range(10)]
            events = [{"eventType": "v", "itemId": "i", "sentAt": 1_700_000_000, "eventId": one} for one in ids]
            body = {"trackingId": tracking_id, "sessionId": f"s{sender}", "eventList": events}
            try:
                answer = client.post(f"{endpoint}/events", content=json.dumps(body))
            except httpx.TransportError:
                return
            assert 200 == answer.status_code
            acknowledged.extend(ids)


def test_kill_9_under_load_loses_no_acknowledged_event(tmp_path: Path) -> None:
    """Each event whose call was answered with 200 is in the tables after the next start, which needs no care, once."""
    acknowledged: list[str] = []
    tracking_id = ""
    for round_ in range(2):
        with process(tmp_path) as (server, endpoint):
            tracking_id = tracking_id or _tracker(endpoint)
            before = len(acknowledged)
            senders = [
                threading.Thread(
                    target=_send_until_it_dies, args=(endpoint, tracking_id, 10 * round_ + sender, acknowledged)
                )
                for sender in range(4)
            ]
            for sender in senders:
                sender.start()
            until(lambda before=before: len(acknowledged) - before, lambda more: more > 2_000)  # type: ignore[misc]
            os.kill(server.pid, signal.SIGKILL)
            for sender in senders:
                sender.join()
    with process(tmp_path):
        pass  # a start takes over what the killed server left in its journals
    with sqlite3.connect(tmp_path / "data" / "events.db") as database:
        stored = [row[0] for row in database.execute("SELECT event_id FROM event")]
        check = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    assert "ok" == check
    assert set() == set(acknowledged) - set(stored)
    assert len(stored) == len(set(stored))


def test_kill_9_during_a_training(tmp_path: Path) -> None:
    """A training that was killed begins again by itself, in processes of its own, and the model serves."""
    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        solution = world.solution(world.seeded(), "aws-user-personalization-v2")
    with process(tmp_path, pace=0.3) as (server_process, endpoint):
        control = _client("personalize", endpoint)
        version = control.create_solution_version(solutionArn=solution, name="killed")["solutionVersionArn"]
        until(describe_on(control, version), lambda shown: shown["status"] == "CREATE IN_PROGRESS")
        os.kill(server_process.pid, signal.SIGKILL)
    with process(tmp_path) as (_, endpoint):
        control, runtime = _client("personalize", endpoint), _client("personalize-runtime", endpoint)
        assert "ACTIVE" == settled(describe_on(control, version))["status"]
        campaign = control.create_campaign(name="c", solutionVersionArn=version)["campaignArn"]
        settled(lambda: control.describe_campaign(campaignArn=campaign)["campaign"])
        assert runtime.get_recommendations(campaignArn=campaign, userId="u1")["itemList"]


def describe_on(control: Any, version: str) -> Any:
    return lambda: control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]


def test_a_stop_ends_the_training_process(tmp_path: Path) -> None:
    """Stopped in the middle of its work, a version ends as CREATE STOPPED and leaves no model behind."""
    with LocalPersonalize(tmp_path) as server:
        world = World(server)
        solution = world.solution(world.seeded(), "aws-user-personalization-v2")
    with LocalPersonalize(tmp_path, isolated=True) as server:
        control = server.client("personalize")
        version = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        until(describe_on(control, version), lambda shown: shown["status"] == "CREATE IN_PROGRESS")
        control.stop_solution_version_creation(solutionVersionArn=version)
        assert "CREATE STOPPED" == settled(describe_on(control, version))["status"]
    assert [] == list((tmp_path / "data" / "models").glob("[0-9]*[0-9]"))
