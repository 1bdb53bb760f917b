"""The lock around the campaigns: one SSM parameter that exists only while a training run or a deploy holds it.

It is taken with `Overwrite=false`, which SSM decides atomically. Its value names the holder: the ARN of a training
run's execution, or `deploy:HOST:PID:ID`. It is stolen only from a holder that no longer runs: an execution says so
itself; a deploy on this host is looked up by its process, one elsewhere counts as dead when its heartbeat (it writes
the parameter again every minute) is older than ten minutes. Whoever steals says so in a second parameter first
(`LOCK-takeover`, also `Overwrite=false`), as the state machine does, so that two never steal at once.
"""

import contextlib
import os
import platform
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.connection import Connection
from tools.deploy.errors import DeployError
from tools.deploy.waiting import poll

HEARTBEAT_SECONDS = 60.0
DEAD_AFTER = timedelta(minutes=10)
_EXECUTION_PATIENCE_SECONDS = 30 * 3600
_NOT_FOUND = frozenset({"ParameterNotFound", "ParameterNotFoundException"})
_TAKEN = frozenset({"ParameterAlreadyExists", "ParameterAlreadyExistsException"})


@contextlib.contextmanager
def held(
    connection: Connection, progress: Callable[[str], None], *, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> Iterator[str]:
    """Holds the environment's lock for the time of the block and releases it however the block ends.

    A training run that holds it is waited for. Yields the lock's value. Raises DeployError when another deploy that is
    alive holds it.
    """
    ssm, name = connection.client("ssm"), connection.settings.names.lock
    mine = f"deploy:{_host()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    _take(connection, mine, progress)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(heartbeat_seconds):
            # A beat that fails is made up for by the next: ten may be missed.
            with contextlib.suppress(ClientError, BotoCoreError):
                if _holder(ssm, name) == mine:
                    ssm.put_parameter(Name=name, Value=mine, Type="String", Overwrite=True)

    heart = threading.Thread(target=beat, name="lock-heartbeat", daemon=True)
    heart.start()
    try:
        yield mine
    finally:
        over.set()
        heart.join()
        _release(ssm, name, mine)


def _take(connection: Connection, mine: str, progress: Callable[[str], None]) -> None:
    ssm, name = connection.client("ssm"), connection.settings.names.lock

    def taken() -> bool:
        if _put_new(ssm, name, mine):
            return True
        holder = _holder(ssm, name)
        if holder is None:
            return False  # released in between: try again
        if not _lives(connection, name, holder):
            return _steal(connection, mine, holder)
        if holder.startswith("deploy:"):
            raise DeployError(
                f"another deploy works on the campaigns of {connection.settings.environment} ({holder}); run this again"
                " when it has ended (one that died on another computer counts as dead after ten minutes)"
            )
        progress("waiting for the training run that holds the lock")
        return False

    poll(
        taken,
        every_seconds=0.5 if connection.is_local else 15,
        for_seconds=_EXECUTION_PATIENCE_SECONDS,
        otherwise="the lock on the campaigns did not become free",
    )


def _steal(connection: Connection, mine: str, dead: str) -> bool:
    """Takes the lock over from a dead holder; False when somebody else is at it."""
    ssm, name, claim = connection.client("ssm"), connection.settings.names.lock, connection.settings.names.takeover
    if not _put_new(ssm, claim, mine):
        claimant = _holder(ssm, claim)
        if claimant is not None and not _lives(connection, claim, claimant):
            _release(ssm, claim, claimant)
        return False
    try:
        if _holder(ssm, name) != dead:
            return False
        ssm.put_parameter(Name=name, Value=mine, Type="String", Overwrite=True)
        return True
    finally:
        _release(ssm, claim, mine)


def _put_new(ssm: Any, name: str, value: str) -> bool:
    try:
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=False)
    except ClientError as error:
        if error.response["Error"]["Code"] in _TAKEN:
            return False
        raise
    return True


def _holder(ssm: Any, name: str) -> str | None:
    try:
        return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND:
            return None
        raise


def _release(ssm: Any, name: str, holder: str) -> None:
    """Deletes the lock where `holder` still holds it."""
    if _holder(ssm, name) != holder:
        return
    try:
        ssm.delete_parameter(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise


def _lives(connection: Connection, parameter: str, holder: str) -> bool:
    if holder.startswith("deploy:"):
        return _deploy_lives(connection, parameter, holder)
    try:
        execution = connection.client("stepfunctions").describe_execution(executionArn=holder)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "InvalidArn"):
            return False
        raise
    return bool(execution["status"] == "RUNNING")


def _deploy_lives(connection: Connection, parameter: str, holder: str) -> bool:
    match = re.fullmatch(r"deploy:(?P<host>[^:]*):(?P<pid>\d+):\w+", holder)
    if match and match["host"] == _host():
        return _process_lives(int(match["pid"]))
    try:
        written = connection.client("ssm").get_parameter(Name=parameter)["Parameter"]["LastModifiedDate"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND:
            return False
        raise
    return bool(datetime.now(UTC) - written < DEAD_AFTER)


def _process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    return platform.node() or "unknown"
