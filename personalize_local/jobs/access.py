"""The objects that a task reads and writes."""

from personalize_local.data.objects import Objects, open_objects
from personalize_local.jobs.tasks.tasks import S3Access


def objects_of(access: S3Access) -> Objects:
    """The objects where a task says that they are."""
    return open_objects(access.root, access.keys, access.endpoint)
