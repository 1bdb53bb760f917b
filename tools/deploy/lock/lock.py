"""The lock around the campaigns: who holds it may change campaigns and ledgers.

It is one DynamoDB item (`item.py`) that names the holder: a training run by its execution's ARN, a deploy by a
random id. A training run lives as long as Step Functions says that it runs. A deploy lives as long as its heartbeat
changes: it renews the item every minute, and one whose heartbeat stood still for ten minutes of the observer's own time
is dead. Neither host names nor processes decide, and no clock of another computer. A deploy that lost the lock all the
same (its computer slept) stops and says so; `Held.check` asks before every step that the lock protects.

Environments from before hold a parameter instead (`old_lock.py`): as long as anything from before can be at work, a
deploy takes both.
"""

import contextlib
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy.base.errors import DeployError
from tools.deploy.base.training import is_running
from tools.deploy.base.waiting import poll
from tools.deploy.lock import old_lock
from tools.deploy.lock.item import Holder, Item
from tools.deploy.lock.pace import Pace, Stillness, pace_of
from tools.environment.connection import Connection

_PATIENCE_SECONDS = 30 * 3600
_LOST = (
    "this deploy lost the lock on the campaigns: it gave no sign of life for too long (its computer may have slept),"
    " and another took the lock over, which may be at work now. It stops here; start it again to go on"
)


class LockLostError(DeployError):
    """Another has the lock, or nobody can say who."""


class Lock(Protocol):
    """What can be renewed and released: the item, and the parameter of before."""

    def renew(self) -> bool: ...

    def release(self) -> None: ...


class Held:
    """The lock, held. Made by `held`."""

    def __init__(self, holder: str, locks: Sequence[Lock]) -> None:
        self.holder = holder
        self.lost = threading.Event()
        """Set as soon as somebody else is found to have the lock."""
        self._locks = locks

    def check(self) -> None:
        """Renews the lock. Raises LockLostError where it was lost, or where nobody can say whether it was."""
        try:
            still = not self.lost.is_set() and self.renew()
        except (ClientError, BotoCoreError) as error:
            raise LockLostError(
                f"whether this deploy still holds the lock on the campaigns cannot be told, so it stops here: {error}"
            ) from error
        if not still:
            raise LockLostError(_LOST)

    def renew(self) -> bool:
        """Whether every part of the lock is still this deploy's; remembers it where one is not."""
        still = all(lock.renew() for lock in self._locks)
        if not still:
            self.lost.set()
        return still


@contextlib.contextmanager
def held(
    connection: Connection,
    progress: Callable[[str], None],
    *,
    pace: Pace | None = None,
    table_may_be_gone: bool = False,
) -> Iterator[Held]:
    """Holds the environment's lock for the time of the block and releases it however the block ends.

    A training run that holds it is waited for, and a deploy until it has shown that it lives. Raises DeployError when
    another deploy holds it, and at the block's end when it was lost meanwhile: call `check()` on what it yields before
    every step that must not meet another's. `table_may_be_gone` is for a removal, which may find the table removed.
    """
    pace = pace or pace_of(connection)
    with contextlib.ExitStack() as stack:
        me = f"deploy:{uuid.uuid4().hex}"
        locks: list[Lock] = []
        if old_lock.is_used(connection):
            old = old_lock.OldLock(connection, me, pace)
            old.take(progress)
            stack.callback(old.release)
            locks.append(old)
        item = _item(connection, me, pace)
        if not table_may_be_gone or item.exists():
            _take(connection, item, pace, progress)
            stack.callback(item.release)
            locks.append(item)
        holding = Held(me, locks)
        stack.enter_context(_beating(holding, pace))
        try:
            yield holding
        except LockLostError:
            raise
        except Exception as error:
            if holding.lost.is_set():
                raise LockLostError(f"{_LOST}. What failed: {error}") from error
            raise
        else:
            holding.check()


def _item(connection: Connection, me: str, pace: Pace) -> Item:
    who = f"{platform.node() or 'unknown'}, process {os.getpid()}"
    table = connection.settings.names.lock_table
    return Item(connection.client("dynamodb"), table, me, who, pace.dead_after_seconds)


# --- taking it


def _take(connection: Connection, item: Item, pace: Pace, progress: Callable[[str], None]) -> None:
    observed = Stillness(pace)

    def taken() -> bool:
        if item.take():
            return True
        holder = item.read()
        if holder is None:
            return False  # released in between: try again
        if _is_dead(connection, holder, observed, progress):
            return item.take_over(holder)
        return False

    poll(
        taken,
        every_seconds=pace.look_seconds,
        for_seconds=_PATIENCE_SECONDS,
        otherwise="the lock on the campaigns did not become free",
    )


def _is_dead(connection: Connection, holder: Holder, observed: Stillness, progress: Callable[[str], None]) -> bool:
    if not holder.is_deploy:
        if is_running(connection, holder.name):
            progress("waiting for the training run that holds the lock")
            return False
        return True
    if observed.moved(holder.name, holder.heartbeat):
        raise DeployError(
            f"another deploy works on the campaigns of {connection.settings.environment} ({holder.who}, since its last"
            f" sign of life at {holder.heartbeat}); run this again when it has ended"
        )
    progress(f"seeing whether the deploy that holds the lock lives ({holder.who})")
    return observed.is_over()


# --- keeping it


@dataclass(slots=True)
class _Due:
    """When the next beat is due, by either clock: the steady one may stand still while the computer sleeps."""

    seconds: float
    steady: float = 0.0
    wall: float = 0.0

    def restart(self) -> None:
        self.steady, self.wall = time.monotonic(), time.time()

    def is_now(self) -> bool:
        return time.monotonic() - self.steady >= self.seconds or abs(time.time() - self.wall) >= self.seconds


@contextlib.contextmanager
def _beating(holding: Held, pace: Pace) -> Iterator[None]:
    over, due = threading.Event(), _Due(pace.beat_seconds)
    due.restart()

    def beat() -> None:
        while not over.wait(min(1.0, pace.beat_seconds)):
            if not due.is_now():
                continue
            # A beat that fails is made up for by the next: all but the last of ten minutes may be missed.
            with contextlib.suppress(ClientError, BotoCoreError):
                if not holding.renew():
                    return
                due.restart()

    heart = threading.Thread(target=beat, name="lock-heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
