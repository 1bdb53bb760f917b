"""Who carries tasks out. `Subprocess` starts a process for each, so that serving never waits for a training.

The process ends itself when its server is gone: it watches its standard input, which the server holds open
(`personalize_local/jobs/child.py`).
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Protocol

from personalize_local.jobs.tasks.tasks import Task, encode, kind_of
from personalize_local.model.errors import WorkError, WorkStoppedError
from personalize_local.model.validation import Json

_POLL_SECONDS = 0.2
_CHILD = "personalize_local.jobs.child"


class Worker(Protocol):
    """Who carries tasks out. Called from a thread that may wait."""

    def run(self, task: Task, stop: threading.Event) -> Json:
        """The result of the task; WorkError or WorkStoppedError otherwise."""
        ...


class Subprocess:
    """Carries each task out in a process of its own, which a stop ends at once; at most `most` at a time."""

    def __init__(self, most: int = 2) -> None:
        self._places = threading.BoundedSemaphore(most)
        # Each has its share of the processors: threads of linear algebra that outnumber them wait for one another, and
        # two solutions trained side by side took five times as long.
        share = max(1, (os.cpu_count() or 1) // most)
        self._environment = {"OPENBLAS_NUM_THREADS": str(share), **os.environ}

    def run(self, task: Task, stop: threading.Event) -> Json:
        while not self._places.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                raise WorkStoppedError
        try:
            return self._run(task, stop)
        finally:
            self._places.release()

    def _run(self, task: Task, stop: threading.Event) -> Json:
        root = Path(__file__).parents[3]
        process = subprocess.Popen(
            [sys.executable, "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            env=self._environment,
        )
        ended = threading.Event()
        watcher = threading.Thread(target=_kill_when, args=(process, stop, ended), daemon=True)
        watcher.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            with contextlib.suppress(BrokenPipeError):  # it ended already: its exit code says why
                process.stdin.write(encode(task) + b"\n")
                process.stdin.flush()
            answer = process.stdout.read()
            code = process.wait()
        finally:
            ended.set()
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        if stop.is_set():
            raise WorkStoppedError
        if code != 0 or not answer:
            raise WorkError(f"The {kind_of(task)} process ended with exit code {code}; the server's log says why.")
        result: dict[str, Any] = json.loads(answer)
        if "failure" in result:
            raise WorkError(result["failure"])
        return result


def _close(pipe: IO[bytes] | None) -> None:
    with contextlib.suppress(BrokenPipeError):
        if pipe is not None:
            pipe.close()


def _kill_when(process: "subprocess.Popen[bytes]", stop: threading.Event, ended: threading.Event) -> None:
    while not ended.is_set():
        if stop.wait(_POLL_SECONDS):
            process.kill()
            return
