"""Function processes: their packages, their environment, their start."""

import contextlib
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from local_cloud.emulator import lambda_worker, workers
from local_cloud.emulator.workers import environment, start, unpacked
from tests.lambda_package import package

CONFIG = {
    "FunctionName": "f",
    "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
    "Runtime": "python3.13",
    "Handler": "pack/handler.go",
    "MemorySize": 512,
    "Version": "3",
}


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_package_is_unpacked_once(scratch):
    """The same bytes are the same folder, other bytes another."""
    first = package({"a/b.py": "1"})
    folder = unpacked(first)
    assert "1" == (folder / "a" / "b.py").read_text()
    (folder / "mark").touch()
    assert folder == unpacked(first)
    assert (folder / "mark").exists()
    assert folder != unpacked(package({"a/b.py": "2"}))


def test_two_that_unpack_at_once_share_the_result(monkeypatch):
    """Whoever is second throws its copy away; nothing half unpacked is ever seen."""
    content = package({"a.py": "1"})
    extract = zipfile.ZipFile.extractall

    def while_another_finishes(archive, path) -> None:
        monkeypatch.setattr(zipfile.ZipFile, "extractall", extract)
        unpacked(content)
        extract(archive, path)

    monkeypatch.setattr(zipfile.ZipFile, "extractall", while_another_finishes)
    folder = unpacked(content)
    assert [folder] == list(folder.parent.iterdir())


def test_the_environment_is_the_emulators_awss_and_the_functions_own(monkeypatch):
    """The function's variables win; region and names are the function's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    config = {**CONFIG, "Environment": {"Variables": {"LOG_LEVEL": "DEBUG"}}}
    seen = environment(config, Path("/code"), [Path("/l1"), Path("/l2")])
    assert {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "LOG_LEVEL": "DEBUG",
        "AWS_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": "/code",
        "_LAMBDA_LAYERS_DIRS": "/l1:/l2",
    }.items() <= seen.items()


def test_a_process_that_dies_before_it_is_ready_is_said(scratch, monkeypatch):
    """With its exit code; the caller does not wait for ever."""
    broken = scratch / "broken.py"
    broken.write_text("import sys\nsys.exit(7)\n")
    monkeypatch.setattr(workers, "_FILE", broken)
    worker = SimpleNamespace(func_name="f", config=CONFIG, code_zip=package({"a.py": ""}), _read_stderr=lambda: None)
    with pytest.raises(RuntimeError, match="process of f ended with code 7 before it was ready"):
        start(worker, [], {})
    close(worker)


def close(worker) -> None:
    for stream in (worker._proc.stdin, worker._proc.stdout, worker._proc.stderr):
        with contextlib.suppress(BrokenPipeError):  # what was never taken is still in its buffer
            stream.close()


def test_the_output_of_a_process_that_dies_ends(scratch, monkeypatch):
    """What it printed, and then the end: whoever waits for the rest of the output goes on."""
    dying = scratch / "dying.py"
    dying.write_text("import os, sys\nsys.stdin.readline()\nprint('{}', flush=True)\nos.write(2, b'last words')\n")
    monkeypatch.setattr(workers, "_FILE", dying)
    worker = SimpleNamespace(func_name="f", config=CONFIG, code_zip=package({"a.py": ""}))
    worker._read_stderr = lambda: worker._stderr_queue.put(worker._proc.stderr.read())
    start(worker, [], {})
    worker._stderr_thread.join()
    assert ["last words", lambda_worker.END_OF_OUTPUT] == list(worker._stderr_queue.queue)
    worker._proc.wait()
    close(worker)


def test_the_process_imports_nothing_of_ours():
    """It runs in the function's world, where this project is not."""
    source = Path(lambda_worker.__file__).read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith("from ")}
    assert imported.isdisjoint({"local_cloud", "personalize_local"})
