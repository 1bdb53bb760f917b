"""Tasks in processes of their own: results, failures, stops, and no orphan."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from personalize_local.jobs.running import InProcess
from personalize_local.jobs.tasks import workers
from personalize_local.jobs.tasks.tasks import ImportTask, S3Access, encode
from personalize_local.jobs.tasks.workers import Subprocess, Worker
from personalize_local.model.errors import WorkError, WorkStoppedError

ROOT = Path(__file__).parents[5]
SCHEMA = json.dumps(
    {"type": "record", "name": "Items", "fields": [{"name": "ITEM_ID", "type": "string"}, {"name": "K", "type": "int"}]}
)


def _task(tmp_path: Path, content: str, folder: Path | None = None) -> ImportTask:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "items.csv").write_text(content)
    return ImportTask(
        location="s3://bucket/items.csv",
        s3=S3Access(root=str(tmp_path), endpoint=None, keys=None),
        schema=SCHEMA,
        dataset_type="ITEMS",
        folder=str(folder or tmp_path / "table"),
        most_bytes=1000,
        least_interactions=0,
        reports=None,
    )


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_results_come_back(tmp_path: Path, worker: Worker) -> None:
    """Both ways of working give the task's result."""
    assert {"rows": 2} == worker.run(_task(tmp_path, "ITEM_ID,K\na,1\nb,2\n"), threading.Event())


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_failures_come_back_as_reasons(tmp_path: Path, worker: Worker) -> None:
    """What the task refuses is the failure's text."""
    with pytest.raises(WorkError, match=r"missing the following columns:\[K\]"):
        worker.run(_task(tmp_path, "ITEM_ID\na\n"), threading.Event())


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_a_stopped_task_has_no_result(tmp_path: Path, worker: Worker) -> None:
    """A stop that came before the end is told as such."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkStoppedError):
        worker.run(_task(tmp_path, "ITEM_ID,K\na,1\n"), stop)


def test_a_process_that_breaks_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A defect in the process is a failure that points at the log, where its trace stands."""
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match="The import process ended with exit code 1"):
        Subprocess().run(_task(tmp_path, "ITEM_ID,K\na,1\n", folder=tmp_path / "file" / "table"), threading.Event())
    assert "NotADirectoryError" in capfd.readouterr().err


def test_a_process_ends_with_its_server(tmp_path: Path) -> None:
    """When the pipe that the server holds is closed, the process ends by itself, its task undone."""
    script = (
        "import time; from personalize_local.jobs import child;"
        " child.run = lambda task: print('begun', flush=True) or time.sleep(60); child.main()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(_task(tmp_path, "ITEM_ID,K\na,1\n")) + b"\n")
    process.stdin.flush()
    assert b"begun\n" == process.stdout.readline()
    process.stdin.close()
    assert 1 == process.wait(timeout=120)
    assert b"" == process.stdout.read()
    process.stdout.close()


def test_a_task_of_another_version_fails_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was replaced on disk while it runs starts processes of the new version: they say what is wrong."""
    monkeypatch.setattr(workers, "encode", lambda task: b'{"kind":"import","location":"s3://bucket/items.csv"}')
    with pytest.raises(WorkError, match=r"another version of this program wrote: Object missing required field `s3`"):
        Subprocess().run(_task(tmp_path, ""), threading.Event())


@pytest.mark.parametrize(("given", "threads"), [(None, "4"), ("3", "3")])
def test_each_process_has_its_share_of_the_processors(
    given: str | None, threads: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two at a time on eight processors have four threads each, unless whoever runs the server says otherwise."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    worker = Subprocess(most=2)
    assert threads == worker._environment["OPENBLAS_NUM_THREADS"]
    assert {"rows": 1} == worker.run(_task(tmp_path, "ITEM_ID,K\na,1\n"), threading.Event())


def test_so_many_at_a_time_and_a_waiting_task_can_be_stopped(tmp_path: Path) -> None:
    """A task without a place waits, and gives up when it is stopped."""
    task = _task(tmp_path, "ITEM_ID,K\na,1\n")
    worker = Subprocess(most=1)
    worker._places.acquire()
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(WorkStoppedError):
        worker.run(task, stop)
    worker._places.release()
    assert {"rows": 1} == worker.run(task, threading.Event())
