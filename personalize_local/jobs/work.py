"""Imports, exports and trainings, each in a process of its own, so that serving never waits for them.

A task is a JSON object and so is its result. The process ends itself when its server is gone: it watches its standard
input, which the server holds open.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from personalize_local.data import deletions, exports, imports
from personalize_local.data.data_folder import DataFolder
from personalize_local.data.events import EventReader
from personalize_local.data.objects import Objects, open_objects
from personalize_local.data.records import merged
from personalize_local.data.tables import Table
from personalize_local.jobs import reports
from personalize_local.jobs.batch import BatchError, infer
from personalize_local.jobs.segments import segment
from personalize_local.jobs.training import TrainingData, TrainingError, train
from personalize_local.model.clock import StoppedClock
from personalize_local.model.errors import WorkError, WorkStoppedError
from personalize_local.model.recipes import RECIPES
from personalize_local.model.schemas import parse_schema
from personalize_local.model.validation import Json
from personalize_local.serving.serving import Serving
from personalize_local.serving.snapshots import EventRule

_POLL_SECONDS = 0.2


def _objects(task: Json) -> Objects:
    """Where a task's objects are: its members s3Root, s3Endpoint and s3Keys."""
    return open_objects(task["s3Root"], task.get("s3Keys"), task.get("s3Endpoint"))


def run_import(task: Json) -> Json:
    """Import CSV files, and write the reports of metric attributions on what they hold.

    Task: location, s3Root, s3Keys, schema, datasetType, folder, mostBytes, leastInteractions, reports {attributions
    [{location, metrics}], mode, now, items {dataset, bulk, schema} or null, events}, or null. Result: rows.
    """
    objects, folder = _objects(task), Path(task["folder"])
    rows = imports.import_csv(
        objects,
        task["location"],
        parse_schema(task["schema"]),
        task["datasetType"],
        folder,
        most_bytes=task["mostBytes"],
        least_interactions=task["leastInteractions"],
    )
    if task["reports"] is not None:
        _report(objects, Table.load(folder), task["reports"])
    return {"rows": rows}


def _report(objects: Objects, interactions: Table, task: Json) -> None:
    reports.check_sources(interactions)
    items = task["items"]
    catalogue = None
    if items is not None:
        reader = EventReader(Path(task["events"]))
        try:
            schema = parse_schema(items["schema"])
            catalogue = merged(schema, "ITEM_ID", imports.tables(items["bulk"]), reader.records(items["dataset"]))
        finally:
            reader.close()
    for attribution in task["attributions"]:
        reports.publish(
            objects,
            attribution["location"],
            mode=task["mode"],
            now=task["now"],
            metrics=attribution["metrics"],
            interactions=interactions,
            items=catalogue,
        )


def run_export(task: Json) -> Json:
    """Export a dataset.

    Task: location, s3Root, s3Keys, schema, datasetType, dataset, events, bulk, put. Result: rows.
    """
    schema = parse_schema(task["schema"])
    reader = EventReader(Path(task["events"]))
    try:
        dataset = task["dataset"]
        bulk = list(imports.tables(task["bulk"]))
        if task["datasetType"] == "INTERACTIONS":
            rows = [row for table in bulk for row in exports.table_rows(table)]
            if task["put"]:
                rows.extend(exports.event_rows(schema, reader.events(dataset)))
        else:
            put = reader.records(dataset) if task["put"] else iter(())
            rows = list(exports.record_rows(schema, imports.KEYS[task["datasetType"]], bulk, put))
    finally:
        reader.close()
    return {"rows": exports.export_csv(_objects(task), task["location"], schema.names, rows)}


def run_deletion(task: Json) -> Json:
    """Delete users from imports.

    Task: location, s3Root, s3Keys, mostBytes, folders {source: target}. Result: users, changed, deleted.
    """
    users = deletions.users_to_delete(_objects(task), task["location"], most_bytes=task["mostBytes"])
    changed, deleted = deletions.delete_from_tables(users, task["folders"])
    return {"users": users, "changed": changed, "deleted": deleted}


def run_batch(task: Json) -> Json:
    """Answer a batch inference job, or with `segments` a batch segment job.

    Task: data (folder), now, segments, version, filter, numResults, input, output, s3Root, s3Keys, mostFiles,
    mostBytes, mostLines. Result: lines.
    """
    contents = DataFolder(Path(task["data"]), StoppedClock(task["now"]))
    try:
        serving = Serving(contents)
        served, objects = serving.load(task["version"]), _objects(task)
        if task["segments"]:
            return {"lines": segment(contents, served, objects, task)}
        return {"lines": infer(serving, served, objects, task)}
    except BatchError as error:
        raise WorkError(str(error)) from error
    finally:
        contents.close()


def left_out(task: Json) -> dict[str, list[str]]:
    """The columns that training leaves out: by name, by naming others only, and those that came after the solution."""
    config = task["solutionConfig"].get("trainingDataConfig", {})
    excluded = {kind.upper(): list(columns) for kind, columns in config.get("excludedDatasetColumns", {}).items()}
    for kind, columns in config.get("includedDatasetColumns", {}).items():
        dataset = task.get(kind.lower())
        if dataset:
            kept = {name.upper() for name in columns}
            names = parse_schema(dataset["schema"]).names
            excluded[kind.upper()] = [name for name in names if name.upper() not in kept]
    for kind, columns in task.get("added", {}).items():
        excluded[kind] = [*excluded.get(kind, ()), *columns]
    return excluded


def run_training(task: Json) -> Json:
    """Train a solution version.

    Task: events, interactions {dataset, bulk, schema}, items (the same) or null, eventType, solutionConfig, recipe
    (its name), folder. Result: metrics.
    """
    recipe = RECIPES[task["recipe"]]
    reader = EventReader(Path(task["events"]))
    try:
        interactions, items = task["interactions"], task["items"]
        item_schema = parse_schema(items["schema"]) if items else None
        data = TrainingData(
            bulk=list(imports.tables(interactions["bulk"])),
            put=list(reader.events(interactions["dataset"])),
            last_event=reader.last(interactions["dataset"]),
            interaction_schema=parse_schema(interactions["schema"]),
            items=merged(item_schema, "ITEM_ID", imports.tables(items["bulk"]), reader.records(items["dataset"]))
            if item_schema
            else None,
            item_schema=item_schema,
        )
    finally:
        reader.close()
    metrics = train(
        data,
        EventRule.of_solution(task["solutionConfig"], task["eventType"]),
        recipe=recipe,
        settings=recipe.settings(task["solutionConfig"]),
        excluded=left_out(task),
        folder=Path(task["folder"]),
        objective=task["solutionConfig"].get("optimizationObjective"),
    )
    return {"metrics": metrics}


TASKS: dict[str, Callable[[Json], Json]] = {
    "import": run_import,
    "export": run_export,
    "deletion": run_deletion,
    "batch": run_batch,
    "training": run_training,
}
_FAILURES = (
    WorkError,
    imports.ImportJobError,
    exports.ExportJobError,
    deletions.DeletionError,
    reports.ReportError,
    TrainingError,
)


class Worker(Protocol):
    """Who carries tasks out. Called from a thread that may wait."""

    def run(self, kind: str, task: Json, stop: threading.Event) -> Json:
        """The result of the task; WorkError or WorkStoppedError otherwise."""
        ...


class InProcess:
    """Carries tasks out in the calling thread; a stop is obeyed when the task has ended."""

    def run(self, kind: str, task: Json, stop: threading.Event) -> Json:
        if stop.is_set():
            raise WorkStoppedError
        try:
            result = TASKS[kind](task)
        except _FAILURES as failure:
            raise WorkError(str(failure)) from failure
        if stop.is_set():
            raise WorkStoppedError
        return result


class Subprocess:
    """Carries each task out in a process of its own, which a stop ends at once; at most `most` at a time."""

    def __init__(self, most: int = 2) -> None:
        self._places = threading.BoundedSemaphore(most)
        # Each has its share of the processors: threads of linear algebra that outnumber them wait for one another, and
        # two solutions trained side by side took five times as long.
        share = max(1, (os.cpu_count() or 1) // most)
        self._environment = {"OPENBLAS_NUM_THREADS": str(share), **os.environ}

    def run(self, kind: str, task: Json, stop: threading.Event) -> Json:
        while not self._places.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                raise WorkStoppedError
        try:
            return self._run(kind, task, stop)
        finally:
            self._places.release()

    def _run(self, kind: str, task: Json, stop: threading.Event) -> Json:
        root = Path(__file__).parents[2]
        process = subprocess.Popen(
            [sys.executable, "-m", "personalize_local.jobs.work", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            env=self._environment,
            text=True,
        )
        ended = threading.Event()
        watcher = threading.Thread(target=_kill_when, args=(process, stop, ended), daemon=True)
        watcher.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            with contextlib.suppress(BrokenPipeError):  # it ended already: its exit code says why
                process.stdin.write(json.dumps(task) + "\n")
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
            raise WorkError(f"The {kind} process ended with exit code {code}; the server's log says why.")
        result: dict[str, Any] = json.loads(answer)
        if "failure" in result:
            raise WorkError(result["failure"])
        return result


def _close(pipe: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _kill_when(process: "subprocess.Popen[str]", stop: threading.Event, ended: threading.Event) -> None:
    while not ended.is_set():
        if stop.wait(_POLL_SECONDS):
            process.kill()
            return


def _end_with_the_server() -> None:
    sys.stdin.read()
    os._exit(1)


def main(kind: str) -> int:
    """Carry out the task on standard input and print its result."""
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        result = TASKS[kind](task)
    except _FAILURES as failure:
        result = {"failure": str(failure)}
    print(json.dumps(result), flush=True)
    # The watcher still reads standard input; a normal exit would wait for it.
    os._exit(0)


def discard(folder: str) -> None:
    """Remove what a task wrote; no error when nothing is there."""
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
