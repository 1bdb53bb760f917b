"""Tasks carried out in the calling thread: which module does which kind, and which errors are a job's failure."""

import threading

from personalize_local.data import deletions, exports, imports
from personalize_local.jobs import batch_job, deletion_job, export_job, import_job, reports, training, training_job
from personalize_local.jobs.tasks.tasks import BatchTask, DeletionTask, ExportTask, ImportTask, Task, TrainingTask
from personalize_local.model.errors import WorkError, WorkStoppedError
from personalize_local.model.validation import Json

_FAILURES = (
    imports.ImportJobError,
    exports.ExportJobError,
    deletions.DeletionError,
    reports.ReportError,
    training.TrainingError,
)


def run(task: Task) -> Json:
    """The task's result, as its type says; WorkError when it cannot be done."""
    try:
        return _run(task)
    except _FAILURES as failure:
        raise WorkError(str(failure)) from failure


def _run(task: Task) -> Json:
    match task:
        case ImportTask():
            return import_job.run(task)
        case ExportTask():
            return export_job.run(task)
        case DeletionTask():
            return deletion_job.run(task)
        case BatchTask():
            return batch_job.run(task)
        case TrainingTask():
            return training_job.run(task)


class InProcess:
    """A worker in the calling thread; a stop is obeyed when the task has ended."""

    def run(self, task: Task, stop: threading.Event) -> Json:
        if stop.is_set():
            raise WorkStoppedError
        result = run(task)
        if stop.is_set():
            raise WorkStoppedError
        return result
