"""Taking an environment away: everything that bills, in an order in which nothing blocks anything.

In a protected environment the archive and the key that reads it are kept unless `purge` is said.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from infra.naming import STACKS, Bucket
from tools.deploy import leftovers
from tools.deploy.base.errors import DeployError
from tools.deploy.base.training import running_training
from tools.deploy.base.waiting import poll
from tools.deploy.ledger import delete_parameters, ledger_parameters
from tools.deploy.lock import lock
from tools.deploy.observe import observe, stack_status
from tools.environment.connection import Connection

_BUCKETS: tuple[Bucket, ...] = ("archive", "seed", "quarantine", "access-logs")
_ORDER = (("campaigns", "training", "serving", "monitoring", "ingestion"), ("personalize",))
"""Stacks that go side by side, one group after the other. The data stack, which holds the lock, goes after them."""
_PATIENCE_SECONDS = 3 * 3600
_KEY_WINDOW_DAYS = 7
_PAGE = 1000
"""The most that DeleteObjects takes and ListObjectVersions gives."""
_TOOLKIT = "CDKToolkit"


def stop_training(connection: Connection, progress: Callable[[str], None]) -> None:
    """Ends the training run that is under way, if any, and the solution versions that are being made."""
    functions = connection.client("stepfunctions")
    try:
        running = running_training(connection)
    except ClientError as error:
        if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
            raise
        running = None
    if running:
        progress("stopping the training run")
        functions.stop_execution(executionArn=running, error="Removed", cause="The environment is being removed")
    leftovers.stop_trainings(connection, progress)


def remove_stacks(connection: Connection, *, keep_archive: bool, progress: Callable[[str], None]) -> None:
    """Deletes every stack, the campaigns first, under the lock. Raises DeployError with CloudFormation's reasons."""
    names = connection.settings.names
    with lock.held(connection, progress, table_may_be_gone=True) as mine:
        for group in _ORDER:
            mine.check()
            _delete_stacks(connection, [names.stack(stack) for stack in group], progress)
    for bucket in _emptied(keep_archive):
        progress(f"emptying the {bucket} bucket")
        empty_bucket(connection.client("s3"), names.bucket(bucket))
    _unprotect(connection.client("dynamodb"), names.lock_table)
    _delete_stacks(connection, [names.stack("data")], progress)


def _unprotect(dynamodb: Any, table: str) -> None:
    """Lifts the table's protection from deletion, which would stop its stack's."""
    try:
        if dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=table)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def remove_rest(connection: Connection, *, keep_archive: bool, progress: Callable[[str], None]) -> list[str]:
    """Removes what belongs to no stack or was retained by one; returns what is kept, a line each."""
    settings, names = connection.settings, connection.settings.names
    ledgers = ledger_parameters(names, observe(connection).ledgers)
    delete_parameters(
        connection, [*ledgers, names.asleep, names.event_ids_parameter, names.old_lock, names.old_takeover]
    )
    left = leftovers.personalize_resources(connection)
    leftovers.delete_resources(connection, left, progress)
    s3 = connection.client("s3")
    for bucket in _emptied(keep_archive):
        _delete_bucket(s3, names.bucket(bucket))
    kept = []
    if keep_archive and _exists(s3, names.bucket("archive")):
        kept.append(f"bucket {names.bucket('archive')} (storage)")
        kept.append(
            f"the key that its objects are encrypted with (about $1 a month); {settings.environment} is protected"
        )
    if connection.is_local:
        # On AWS the toolkit serves every CDK app of the account; here it is ours alone.
        toolkit = f"cdk-hnb659fds-assets-{names.account}-{names.region}"
        empty_bucket(s3, toolkit)
        _delete_stacks(connection, [_TOOLKIT], progress)
        _delete_bucket(s3, toolkit)
    return kept


def delete_keys(connection: Connection) -> int:
    """Schedules the deletion of the environment's keys that their stacks retained; returns how many.

    What they encrypted cannot be read afterwards. An environment that was removed and made again has more than one.
    """
    kms, description = connection.client("kms"), connection.settings.names.key_description
    deleted = 0
    for page in kms.get_paginator("list_keys").paginate():
        for listed in page["Keys"]:
            key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
            if key["Description"] == description and key["KeyState"] != "PendingDeletion":
                kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=_KEY_WINDOW_DAYS)
                deleted += 1
    return deleted


def check_removed(connection: Connection) -> None:
    """Looks whether anything that bills is left. Raises DeployError naming it."""
    names = connection.settings.names
    cloudformation = connection.client("cloudformation")
    left = [names.stack(stack) for stack in STACKS if stack_status(cloudformation, names.stack(stack))]
    left += [f"{kind.name} {arn}" for kind, arn in leftovers.personalize_resources(connection)]
    if left:
        raise DeployError("these are left; run the removal again:\n" + "\n".join(f"  {name}" for name in left))


def empty_bucket(s3: Any, bucket: str) -> int:
    """Deletes every version of every object; returns how many. A bucket that is not there is empty."""
    deleted = 0
    try:
        # Always the first page: what was on it is gone by the next look.
        while objects := _first_versions(s3, bucket):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise DeployError(f"{bucket}/{errors[0]['Key']} cannot be deleted: {errors[0].get('Message')}")
            deleted += len(objects)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
    return deleted


def _first_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=_PAGE)
    entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]


def _emptied(keep_archive: bool) -> tuple[Bucket, ...]:
    return tuple(bucket for bucket in _BUCKETS if not (keep_archive and bucket == "archive"))


def _exists(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def _delete_bucket(s3: Any, bucket: str) -> None:
    """Deletes a bucket that its stack left, with all that is in it."""
    if _exists(s3, bucket):
        empty_bucket(s3, bucket)
        s3.delete_bucket(Bucket=bucket)


def _delete_stacks(connection: Connection, names: Sequence[str], progress: Callable[[str], None]) -> None:
    cloudformation = connection.client("cloudformation")
    for name in names:
        if stack_status(cloudformation, name) is None:
            continue
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack.get("EnableTerminationProtection"):
            cloudformation.update_termination_protection(EnableTerminationProtection=False, StackName=name)
        cloudformation.delete_stack(StackName=name)

    def settled() -> bool:
        statuses = {name: stack_status(cloudformation, name) for name in names}
        busy = {name: status for name, status in statuses.items() if status and status != "DELETE_FAILED"}
        if busy:
            progress("deleting " + ", ".join(name.partition("-pets-")[2] or name for name in busy))
        return not busy

    poll(
        settled,
        every_seconds=0.3 if connection.is_local else 5,
        for_seconds=_PATIENCE_SECONDS,
        otherwise="CloudFormation still deletes after three hours; look at it in the console",
    )
    failed = [name for name in names if stack_status(cloudformation, name)]
    if failed:
        reasons = "\n".join(_reasons(cloudformation, failed))
        raise DeployError(f"CloudFormation could not delete {', '.join(failed)}:\n{reasons}")


def _reasons(cloudformation: Any, stacks: Iterable[str]) -> list[str]:
    return [
        f"  {stack}: {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for stack in stacks
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        if event["ResourceStatus"] == "DELETE_FAILED"
    ]
