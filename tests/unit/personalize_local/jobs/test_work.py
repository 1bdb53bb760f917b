"""Tasks in processes of their own: results, failures, stops, and no orphan."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from personalize_local.data.objects import ObjectError, S3Objects, open_objects, split
from personalize_local.jobs import work
from personalize_local.jobs.work import InProcess, Subprocess, Worker, left_out
from personalize_local.model.errors import WorkError, WorkStoppedError
from tests.personalize_world import ITEMS as WORLD_ITEMS

ROOT = Path(__file__).parents[4]
SCHEMA = json.dumps(
    {"type": "record", "name": "Items", "fields": [{"name": "ITEM_ID", "type": "string"}, {"name": "K", "type": "int"}]}
)


def _task(tmp_path: Path, content: str) -> dict[str, Any]:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "items.csv").write_text(content)
    return {
        "location": "s3://bucket/items.csv",
        "s3Root": str(tmp_path),
        "schema": SCHEMA,
        "datasetType": "ITEMS",
        "reports": None,
        "mostBytes": 1000,
        "leastInteractions": 0,
        "folder": str(tmp_path / "table"),
    }


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_results_come_back(tmp_path: Path, worker: Worker) -> None:
    """Both ways of working give the task's result."""
    assert {"rows": 2} == worker.run("import", _task(tmp_path, "ITEM_ID,K\na,1\nb,2\n"), threading.Event())


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_failures_come_back_as_reasons(tmp_path: Path, worker: Worker) -> None:
    """What the task refuses is the failure's text."""
    with pytest.raises(WorkError, match=r"missing the following columns:\[K\]"):
        worker.run("import", _task(tmp_path, "ITEM_ID\na\n"), threading.Event())


@pytest.mark.parametrize("worker", [InProcess(), Subprocess()])
def test_a_stopped_task_has_no_result(tmp_path: Path, worker: Worker) -> None:
    """A stop that came before the end is told as such."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkStoppedError):
        worker.run("import", _task(tmp_path, "ITEM_ID,K\na,1\n"), stop)


def test_a_process_that_breaks_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A defect in the process is a failure that points at the log, where its trace stands."""
    with pytest.raises(WorkError, match="exit code 1"):
        Subprocess().run("import", {"location": "s3://bucket/x"}, threading.Event())
    assert "KeyError" in capfd.readouterr().err


def test_a_process_ends_with_its_server() -> None:
    """When the pipe that the server holds is closed, the process ends by itself, its task undone."""
    script = "import time; from personalize_local import work; work.TASKS['wait'] = lambda _: time.sleep(60) or {}; work.main('wait')"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdin is not None
    process.stdin.write("{}\n")
    process.stdin.close()
    assert 1 == process.wait(timeout=120)
    assert process.stdout is not None
    assert "" == process.stdout.read()
    process.stdout.close()


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
    assert {"rows": 1} == worker.run("import", _task(tmp_path, "ITEM_ID,K\na,1\n"), threading.Event())


def test_so_many_at_a_time_and_a_waiting_task_can_be_stopped(tmp_path: Path) -> None:
    """A task without a place waits, and gives up when it is stopped."""
    worker = Subprocess(most=1)
    worker._places.acquire()
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(WorkStoppedError):
        worker.run("import", {}, stop)
    worker._places.release()
    assert {"rows": 1} == worker.run("import", _task(tmp_path, "ITEM_ID,K\na,1\n"), threading.Event())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "test"),
        ({"AWS_ENDPOINT_URL_S3": "http://localhost:9000"}, "test"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "a"),
        ({"AWS_ENDPOINT_URL": "https://s3.example", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "a"),
    ],
)
def test_an_s3_on_this_computer_needs_no_keys(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    """Without keys in the environment a local S3 gets any; keys that are there are used."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert expected == S3Objects()._client._request_signer._credentials.access_key


def test_discarding_nothing_is_no_error(tmp_path: Path) -> None:
    """What an interrupted task left is removed, whether there is something or not."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    work.discard(str(tmp_path / "a"))
    work.discard(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def _s3() -> tuple[S3Objects, Stubber]:
    objects = S3Objects.__new__(S3Objects)
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    objects._client = client
    return objects, Stubber(client)


def test_s3_reads_the_first_level_of_a_folder() -> None:
    """A folder is listed with a delimiter; its marker object and what lies deeper are not read."""
    objects, stub = _s3()
    listing = {"Contents": [{"Key": "in/"}, {"Key": "in/a.csv"}], "CommonPrefixes": [{"Prefix": "in/deep/"}]}
    with stub:
        stub.add_response("list_objects_v2", listing, {"Bucket": "b", "Prefix": "in/", "Delimiter": "/"})
        body = {"Body": io.BytesIO(b"content")}
        stub.add_response("get_object", body, {"Bucket": "b", "Key": "in/a.csv"})
        assert [("in/a.csv", b"content")] == list(objects.read("s3://b/in/"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("NoSuchKey", "Invalid Data location."),
        ("AccessDenied", "Insufficient privileges for accessing data in Amazon S3."),
        ("NoSuchBucket", "Insufficient privileges for accessing data in Amazon S3."),
    ],
)
def test_s3_errors_have_the_services_text(code: str, reason: str) -> None:
    """A missing object is a wrong location; what may not be read is a lack of rights."""
    objects, stub = _s3()
    with stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(ObjectError, match=reason):
            list(objects.read("s3://b/a.csv"))
        stub.add_client_error("put_object", code)
        with pytest.raises(ObjectError, match="Insufficient privileges"):
            objects.write("s3://b/a.csv", b"")


def test_s3_folders_without_objects_are_wrong_locations() -> None:
    """An empty listing is refused."""
    objects, stub = _s3()
    with stub:
        stub.add_response("list_objects_v2", {})
        with pytest.raises(ObjectError, match=r"Invalid Data location\."):
            list(objects.read("s3://b/in/"))
    assert ("b", "") == split("s3://b")


def test_columns_are_left_out_by_name_by_omission_and_by_age() -> None:
    """Excluded columns, all but the included ones, and those that a replaced schema brought after the solution."""
    items = {"schema": WORLD_ITEMS}
    cases: tuple[tuple[dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
        ({}, {}, {}),
        ({"excludedDatasetColumns": {"items": ["ITEM_VALUE"]}}, {}, {"ITEMS": ["ITEM_VALUE"]}),
        (
            {"includedDatasetColumns": {"ITEMS": ["animal_type"]}},
            {},
            {"ITEMS": ["ITEM_ID", "ITEM_VALUE", "CREATION_TIMESTAMP"]},
        ),
        (
            {"excludedDatasetColumns": {"ITEMS": ["ITEM_VALUE"]}},
            {"ITEMS": ["COLOUR"]},
            {"ITEMS": ["ITEM_VALUE", "COLOUR"]},
        ),
    )
    for config, added, expected in cases:
        task = {"solutionConfig": {"trainingDataConfig": config}, "added": added, "items": items}
        assert expected == left_out(task)


@pytest.mark.parametrize("keys", [None, {"aws_access_key_id": "a", "aws_secret_access_key": "b"}])
def test_without_an_endpoint_s3_is_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keys: dict[str, str] | None
) -> None:
    """The caller's own account is not taken for it, whatever credentials lie around; the text says what to give."""
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = real\naws_secret_access_key = real\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "Session", lambda: pytest.fail("a client was made"))
    with pytest.raises(ObjectError, match=r"--s3-root FOLDER.*--s3-endpoint URL"):
        open_objects(None, keys)


def test_the_endpoint_that_is_given_counts_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the one that the client asks."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://other.example")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    objects = open_objects(None, endpoint="http://127.0.0.1:9000")
    assert isinstance(objects, S3Objects)
    assert "http://127.0.0.1:9000" == objects._client.meta.endpoint_url
    assert "https://other.example" == S3Objects()._client.meta.endpoint_url
