"""Local clouds start once, survive restarts and crashes, and end with whoever made them."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from local_cloud.common.state import REPOSITORY, CloudRecord, LocalCloudError, StateFolder
from local_cloud.supervisor import lifecycle, services, supervisor
from local_cloud.supervisor.lifecycle import LocalCloud, client_environment
from local_cloud.supervisor.processes import processes
from local_cloud.supervisor.services import Options
from tests.deadline import eventually

EMULATOR = Options(services=("emulator",), wait_scale=0.0)


@pytest.fixture
def state(tmp_path):
    """A state folder whose cloud is stopped after the test."""
    folder = StateFolder(tmp_path / "state")
    yield folder
    lifecycle.stop(folder)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_ministack/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_started_cloud_is_found_again_and_keeps_what_it_knows(state):
    """Starting twice finds the first; after a stop the same address knows the same; `clean` forgets all."""
    assert lifecycle.running(state) is None
    first = lifecycle.start(state, EMULATOR)
    assert first == lifecycle.start(state, EMULATOR) == lifecycle.running(state)
    assert {"supervisor", "emulator"} <= {process.name for process in processes(first.pid)}
    _put(first, "kept")
    assert lifecycle.stop(state)
    assert not _answers(first.endpoint)
    assert lifecycle.running(state) is None
    assert not lifecycle.stop(state)
    second = lifecycle.start(state, EMULATOR)
    assert (first.endpoint, first.personalize) == (second.endpoint, second.personalize)
    assert first.pid != second.pid
    assert ["kept"] == _buckets(second)
    lifecycle.clean(state)
    assert not state.root.exists()


def test_a_child_that_is_killed_comes_back_at_the_same_address(state):
    """SIGKILL of the emulator: the supervisor starts it again with what it last saved, and says so in its log."""
    record = lifecycle.start(state, Options(services=("emulator",), save_every=0.2))
    _put(record, "kept")
    saved = state.emulator / "services" / "s3.json"
    eventually(lambda: saved.exists() and "kept" in saved.read_text())
    (before,) = [process.pid for process in processes(record.pid) if process.name == "emulator"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: {p.pid for p in processes(record.pid) if p.name == "emulator"} - {before})
    eventually(lambda: _answers(record.endpoint))
    assert ["kept"] == _buckets(record)
    assert "emulator ended with code -9; starts again" in state.log("supervisor").read_text()


def test_all_end_when_the_supervisor_is_killed(state):
    """SIGKILL of the supervisor: nobody is left, the lock is free, and the next start works."""
    record = lifecycle.start(state, EMULATOR)
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: not _answers(record.endpoint))
    assert lifecycle.running(state) is None
    assert _answers(lifecycle.start(state, EMULATOR).endpoint)


def test_a_cloud_of_a_test_ends_with_its_process(tmp_path):
    """A test run that is killed leaves no process behind."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom local_cloud.supervisor.lifecycle import LocalCloud\n"
        "with LocalCloud(Path(sys.argv[1]), services=('emulator',)) as cloud:\n"
        "    print(cloud.endpoint, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "state")], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        assert _answers(endpoint)
        process.kill()
    eventually(lambda: not _answers(endpoint))
    eventually(lambda: supervisor.lock_holder(StateFolder(tmp_path / "state")) is None)


def test_two_clouds_know_nothing_of_each_other(tmp_path):
    """Own ports, own state; used outside of its block a cloud says so."""
    with (
        LocalCloud(tmp_path / "a", services=("emulator",)) as a,
        LocalCloud(tmp_path / "b", services=("emulator",)) as b,
    ):
        assert a.endpoint != b.endpoint
        a.client("s3").create_bucket(Bucket="only-in-a")
        assert [] == b.client("s3").list_buckets()["Buckets"]
        assert a.endpoint == a.environment["AWS_ENDPOINT_URL"]
        assert a.personalize.startswith("http://127.0.0.1:")
    with pytest.raises(LocalCloudError, match="inside its `with` block"):
        _ = a.endpoint


def test_a_child_that_cannot_start_is_named_with_its_log(state, tmp_path, monkeypatch):
    """The error holds the end of every log, and nothing goes on running."""
    monkeypatch.setattr(
        lifecycle, "_supervisor_command", lambda *_, **__: [sys.executable, "-c", "raise SystemExit('no such luck')"]
    )
    with pytest.raises(LocalCloudError, match=r"ended at once(.|\n)*no such luck"):
        lifecycle.start(state, EMULATOR)
    with pytest.raises(LocalCloudError, match="no such luck"), LocalCloud(tmp_path / "other"):
        pass
    assert lifecycle.running(state) is None


def test_a_cloud_that_never_gets_ready_is_given_up(state, monkeypatch):
    """After the time allowed the supervisor is stopped and the time is said."""
    monkeypatch.setattr(lifecycle, "START_SECONDS", -1.0)
    with pytest.raises(LocalCloudError, match="not ready after -1 s"):
        lifecycle.start(state, EMULATOR)
    assert supervisor.lock_holder(state) is None


def test_a_missing_environment_is_said_with_the_command_that_makes_it(state, monkeypatch, tmp_path):
    """Without .venv-emulator there is one clear line."""
    monkeypatch.setattr(services, "EMULATOR_PYTHON", tmp_path / "absent")
    with pytest.raises(LocalCloudError, match=r"\.venv-emulator is missing; `make setup`"):
        services.services(state, EMULATOR, {"emulator": 1, "personalize": 2})


def test_clients_get_a_whole_environment():
    """Endpoint, keys and region; none of the user's own configuration files."""
    environment = client_environment(
        CloudRecord(endpoint="http://127.0.0.1:1", personalize="http://127.0.0.1:2", pid=3, wait_scale=0.0)
    )
    assert ("http://127.0.0.1:1", "test", "us-east-1", "/dev/null") == tuple(
        environment[key] for key in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_CONFIG_FILE")
    )


def _client(record: CloudRecord):
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=record.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _put(record: CloudRecord, bucket: str) -> None:
    _client(record).create_bucket(Bucket=bucket)


def _buckets(record: CloudRecord) -> list[str]:
    return [bucket["Name"] for bucket in _client(record).list_buckets()["Buckets"]]
