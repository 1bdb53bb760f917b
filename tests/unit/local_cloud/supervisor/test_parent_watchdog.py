"""A watched child ends when its parent ends."""

import os
import signal
import subprocess
import sys

from local_cloud.common.state import REPOSITORY
from local_cloud.supervisor import parent_watchdog

CHILD = """
import signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from local_cloud.supervisor import parent_watchdog
    parent_watchdog.hold(int(sys.argv[2]), grace=0.1)
print("ready", flush=True)
time.sleep(60)
"""


def _start(tmp_path, kind: str, *, watched: bool) -> tuple[subprocess.Popen[str], int]:
    (tmp_path / "child_module.py").write_text(CHILD)
    reading, writing = os.pipe()
    run = (
        ["-m", "local_cloud.supervisor.parent_watchdog", str(reading), "child_module"]
        if watched
        else ["-m", "child_module"]
    )
    process = subprocess.Popen(
        [sys.executable, *run, kind, str(reading)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        pass_fds=(reading,),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if kind == "talkative" else None,
        text=True,
    )
    os.close(reading)
    assert process.stdout is not None
    with process.stdout:
        assert "ready\n" == process.stdout.readline()
    return process, writing


def test_the_child_gets_sigterm_when_the_pipe_closes(tmp_path):
    """Closing the writing end is what the kernel does when the parent is killed."""
    process, writing = _start(tmp_path, "plain", watched=True)
    assert process.poll() is None
    os.close(writing)
    assert -signal.SIGTERM == process.wait(60)


def test_a_child_says_where_it_stands(tmp_path):
    """SIGUSR1 ends nothing: the stacks of all threads go to the log."""
    process, writing = _start(tmp_path, "talkative", watched=True)
    process.send_signal(signal.SIGUSR1)
    assert process.stderr is not None
    with process.stderr:
        said = [process.stderr.readline() for _ in range(2)]
        os.close(writing)
        assert -signal.SIGTERM == process.wait(60)
    assert said[0].startswith(("Thread 0x", "Current thread 0x"))
    assert "File" in said[1]


def test_a_child_that_ignores_sigterm_is_ended_all_the_same(tmp_path):
    """After the grace time the process ends for good."""
    process, writing = _start(tmp_path, "stubborn", watched=False)
    os.close(writing)
    assert 1 == process.wait(60)


def test_the_module_runs_as_main_with_its_own_arguments(tmp_path, monkeypatch, capsys):
    """`sys.argv` and `__name__` are those of a direct run."""
    (tmp_path / "said_module.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    monkeypatch.syspath_prepend(tmp_path)
    reading, writing = os.pipe()
    held: list[int] = []
    monkeypatch.setattr(parent_watchdog, "hold", held.append)
    monkeypatch.setattr(sys, "argv", ["parent_watchdog", str(reading), "said_module", "a", "b"])
    parent_watchdog.main()
    assert "__main__ ['a', 'b']\n" == capsys.readouterr().out
    assert [reading] == held
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_the_watch_sends_sigterm_to_its_own_process(monkeypatch):
    """In this very process: the pipe closes, SIGTERM comes."""
    got: list[int] = []
    monkeypatch.setattr(os, "_exit", lambda code: got.append(code))
    before = signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    try:
        reading, writing = os.pipe()
        thread = parent_watchdog.hold(reading, grace=0.01)
        os.write(writing, b"x")
        os.close(writing)
        thread.join(60)
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(reading)
    assert {int(signal.SIGTERM), 1} == set(got)


def test_nothing_but_the_standard_library():
    """The emulator's environment runs this file too."""
    source = (REPOSITORY / "local_cloud" / "supervisor" / "parent_watchdog.py").read_text()
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= set(sys.stdlib_module_names)
