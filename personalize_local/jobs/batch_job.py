"""Batch inference jobs and batch segment jobs, over the data folder as it is when they begin."""

from pathlib import Path

from personalize_local.data.data_folder import DataFolder
from personalize_local.jobs.access import objects_of
from personalize_local.jobs.batch import BatchError, infer
from personalize_local.jobs.segments import segment
from personalize_local.jobs.tasks.tasks import BatchTask
from personalize_local.model.clock import StoppedClock
from personalize_local.model.errors import WorkError
from personalize_local.model.validation import Json
from personalize_local.serving.runtime_api import RuntimeApi


def run(task: BatchTask) -> Json:
    """Answer every line of the input; WorkError."""
    contents = DataFolder(Path(task.data), StoppedClock(task.now))
    try:
        runtime = RuntimeApi(contents)
        version, objects = runtime.versions.load(task.version), objects_of(task.s3)
        if task.segments:
            return {"lines": segment(contents, version, objects, task)}
        return {"lines": infer(runtime, version, objects, task)}
    except BatchError as error:
        raise WorkError(str(error)) from error
    finally:
        contents.close()
