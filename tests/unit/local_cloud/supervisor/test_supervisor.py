"""The supervisor's own decisions, with small servers in place of the real children."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from local_cloud.common.state import LocalCloudError, StateFolder
from local_cloud.supervisor import supervisor
from local_cloud.supervisor.ports import remembered_ports
from local_cloud.supervisor.services import Options, Service
from local_cloud.supervisor.supervisor import Child, Supervisor, hold_lock, lock_holder
from tests.deadline import eventually


def _service(port: int, *, module: str = "http.server", name: str = "emulator") -> Service:
    return Service(
        name=name,
        python=Path(sys.executable),
        module=module,
        arguments=("--bind", "127.0.0.1", str(port)),
        environment=dict(os.environ),
        health_url=f"http://127.0.0.1:{port}/pyproject.toml",
    )


@pytest.fixture
def state(tmp_path):
    folder = StateFolder(tmp_path)
    folder.make()
    return folder


@pytest.fixture
def signals():
    """The process's signal handling is as before after the test."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def port(state) -> int:
    return remembered_ports(state, ("emulator",))["emulator"]


def test_it_serves_until_it_is_asked_to_stop(state, port, signals, monkeypatch):
    """The record is written when the child answers, and gone after the stop; the exit code is 0."""
    monkeypatch.setattr(supervisor, "services", lambda *_: [_service(port)])
    seen = []

    def stop_when_ready() -> None:
        seen.append(eventually(state.read_record))
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop_when_ready)
    stopper.start()
    assert 0 == Supervisor(state, Options(services=("emulator",))).run()
    stopper.join()
    assert os.getpid() == seen[0].pid
    assert state.read_record() is None
    assert not _service(port).answers(timeout=0.2)


def test_a_child_that_ends_instead_of_starting_ends_the_start(state, port, signals, monkeypatch, caplog):
    """Exit code 1, no record, and the child's name and code in the log."""
    broken = _service(port, module="no_such_module_anywhere", name="personalize")
    monkeypatch.setattr(supervisor, "services", lambda *_: [_service(port), broken])
    with caplog.at_level("INFO"):
        assert 1 == Supervisor(state, Options()).run()
    assert "personalize ended with code 1 instead of starting" in caplog.text
    assert state.read_record() is None


def test_a_dead_child_starts_again_with_growing_delays(state, port):
    """Half a second, one, two, ... ten at most; after a steady time half a second again."""
    child = Child(_service(port, module="no_such_module_anywhere"), state.log("emulator"))
    child.start()
    delays, now = [], time.monotonic()
    for _ in range(7):
        eventually(lambda: child.ended is not None)
        child.tend(now)
        delays.append(_delay(child, now))
        child.tend(now)
        child.tend(now + delays[-1])
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0] == pytest.approx(delays)
    eventually(lambda: child.ended is not None)
    much_later = time.monotonic() + supervisor.STEADY_SECONDS
    child.tend(much_later)
    assert 0.5 == pytest.approx(_delay(child, much_later))


def _delay(child: Child, now: float) -> float:
    assert child._restart_at is not None
    return child._restart_at - now


def test_a_child_that_does_not_stop_is_killed(state, tmp_path, caplog, monkeypatch):
    """SIGTERM first, SIGKILL when the time is over."""
    (tmp_path / "stubborn_module.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child(_service(1, module="stubborn_module"), state.log("emulator"))
    child.wait_stopped(0.0)
    child.start()
    eventually(lambda: "ready" in state.log("emulator").read_text())
    child.ask_to_stop()
    with caplog.at_level("WARNING"):
        child.wait_stopped(time.monotonic() + 0.1)
    assert "did not stop in time and is killed" in caplog.text
    assert -signal.SIGKILL == child.ended


def test_the_lock_is_held_once_and_tells_its_holder(state):
    """A second supervisor is refused; a closed lock belongs to nobody."""
    assert lock_holder(state) is None
    lock = hold_lock(state)
    with pytest.raises(LocalCloudError, match="already runs with the state folder"):
        hold_lock(state)
    assert os.getpid() == lock_holder(state)
    os.close(lock)
    assert lock_holder(state) is None


def test_the_command_line_says_what_is_wrong(state, monkeypatch, caplog):
    """A second supervisor of one folder ends with code 1 and one line."""
    lock = hold_lock(state)
    with caplog.at_level("ERROR"):
        assert 1 == supervisor.main(["--state", str(state.root)])
    assert "already runs" in caplog.text
    os.close(lock)
    asked = []

    class Fake:
        def __init__(self, folder, options) -> None:
            asked.append((folder.root, options))

        def run(self) -> int:
            return 7

    monkeypatch.setattr(supervisor, "Supervisor", Fake)
    arguments = ["--state", str(state.root), "--wait-scale", "0.5", "--pace", "1.5", "--services", "emulator"]
    assert 7 == supervisor.main(arguments)
    assert [(state.root.resolve(), Options(wait_scale=0.5, pace=1.5, services=("emulator",)))] == asked
