"""Data deletion jobs, as far as they concern imports."""

from personalize_local.data.deletions import delete_from_tables, users_to_delete
from personalize_local.jobs.access import objects_of
from personalize_local.jobs.tasks.tasks import DeletionTask
from personalize_local.model.validation import Json


def run(task: DeletionTask) -> Json:
    """Delete the users that the job's files name; DeletionError."""
    users = users_to_delete(objects_of(task.s3), task.location, most_bytes=task.most_bytes)
    changed, deleted = delete_from_tables(users, task.folders)
    return {"users": users, "changed": changed, "deleted": deleted}
