"""The resources on disk: one SQLite file, read into memory at start, written through.

Write-ahead logging makes a committed change survive `kill -9` at any moment; there is nothing to repair at the next
start. Resources are few (hundreds), so every read is a dictionary's.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from personalize_local.data.private import for_owner
from personalize_local.model.resources import Kind, Resource
from personalize_local.model.validation import Json

_TABLES = """
CREATE TABLE IF NOT EXISTS resource (
    id INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL,
    parent TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS job (
    arn TEXT NOT NULL PRIMARY KEY, action TEXT NOT NULL, step INTEGER NOT NULL, due REAL NOT NULL, outcome TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tag (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A lifecycle that is under way: which step of which action of which resource, and when it moves on."""

    arn: str
    action: str
    step: int
    due: float
    outcome: Json
    """What a test has ordered the end to be (see `faults`); empty normally."""


def connect(path: Path, *, synchronous: str = "NORMAL", read_only: bool = False) -> sqlite3.Connection:
    """A connection in write-ahead mode without implicit transactions, usable from any thread (one at a time).

    `synchronous` NORMAL keeps every commit over `kill -9`; FULL over loss of power too.
    """
    if read_only:
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    # SQLite gives its -wal and -shm the rights of the file itself. A file that is there is not opened here: to close it
    # would end the locks of all connections of this process, https://www.sqlite.org/howtocorrupt.html (2.2), and the
    # next process to end its connection would delete the log under them.
    with suppress(FileExistsError):
        os.close(for_owner(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


class Transaction:
    """Changes that become durable and visible together."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.put_resources: dict[str, Resource] = {}
        self.deleted_resources: set[str] = set()
        self.after_commit: list[Callable[[], None]] = []
        """Called once the changes are committed and visible."""

    def add(self, resource: Resource) -> Resource:
        """Store a new resource; returns it with its id."""
        row = self._connection.execute(
            "INSERT INTO resource (arn, kind, name, parent, status, created, updated, body) VALUES (?,?,?,?,?,?,?,?)",
            (
                resource.arn,
                resource.kind,
                resource.name,
                resource.parent,
                resource.status,
                resource.created,
                resource.updated,
                json.dumps(resource.body),
            ),
        ).lastrowid
        if row is None:
            raise RuntimeError(f"SQLite gave {resource.arn} no row number")
        stored = replace(resource, id=row)
        self.put_resources[stored.arn] = stored
        return stored

    def put(self, resource: Resource) -> None:
        """Store a resource's new status and members."""
        self._connection.execute(
            "UPDATE resource SET status = ?, updated = ?, body = ? WHERE arn = ?",
            (resource.status, resource.updated, json.dumps(resource.body), resource.arn),
        )
        self.put_resources[resource.arn] = resource

    def delete(self, arn: str) -> None:
        """Forget a resource, its tags and its job."""
        self._connection.execute("DELETE FROM resource WHERE arn = ?", (arn,))
        self._connection.execute("DELETE FROM tag WHERE arn = ?", (arn,))
        self._connection.execute("DELETE FROM job WHERE arn = ?", (arn,))
        self.put_resources.pop(arn, None)
        self.deleted_resources.add(arn)

    def put_job(self, job: Job) -> None:
        """Store a job, in place of the resource's earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO job (arn, action, step, due, outcome) VALUES (?,?,?,?,?)",
            (job.arn, job.action, job.step, job.due, json.dumps(job.outcome)),
        )

    def delete_job(self, arn: str) -> None:
        """Forget a job that has ended."""
        self._connection.execute("DELETE FROM job WHERE arn = ?", (arn,))

    def set_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags; a value that is there is replaced."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO tag (arn, key, value) VALUES (?,?,?)", [(arn, *tag) for tag in tags.items()]
        )

    def remove_tags(self, arn: str, keys: list[str]) -> None:
        """Take tags away; a key that is not there is no error."""
        self._connection.executemany("DELETE FROM tag WHERE arn = ? AND key = ?", [(arn, key) for key in keys])


class Store:
    """All resources, jobs and tags of one data folder."""

    def __init__(self, path: Path, *, synchronous: str = "NORMAL") -> None:
        self._connection = connect(path, synchronous=synchronous)
        self._connection.executescript(_TABLES)
        self._lock = threading.RLock()
        self.version = 0
        """Rises with every change: what was computed from the resources is old then."""
        self._resources: dict[str, Resource] = {}
        columns = "id, arn, kind, name, parent, status, created, updated, body"
        for row in self._connection.execute(f"SELECT {columns} FROM resource ORDER BY id"):  # noqa: S608
            resource = Resource(
                id=row[0],
                arn=row[1],
                kind=row[2],
                name=row[3],
                parent=row[4],
                status=row[5],
                created=row[6],
                updated=row[7],
                body=json.loads(row[8]),
            )
            self._resources[resource.arn] = resource

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Changes that are committed at the end of the block, or not at all when it raises.

        One thread at a time: what is read from the store inside the block cannot change before the block ends.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            changes = Transaction(self._connection)
            try:
                yield changes
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            # A new dictionary, so that a reader in another thread never sees one change size under it.
            resources = {**self._resources, **changes.put_resources}
            for arn in changes.deleted_resources:
                resources.pop(arn, None)
            self._resources = resources
            self.version += 1
        for call in changes.after_commit:
            call()

    def get(self, arn: str, kind: Kind | None = None) -> Resource | None:
        """The resource with this ARN, when it is of this kind."""
        resource = self._resources.get(arn)
        return resource if resource is not None and kind in (None, resource.kind) else None

    def every(self, kind: Kind, parent: str | None = None) -> list[Resource]:
        """The resources of a kind, oldest first; `parent` narrows to those of one parent."""
        return [
            resource
            for resource in self._resources.values()
            if resource.kind == kind and parent in (None, resource.parent)
        ]

    def jobs(self) -> list[Job]:
        """The jobs that are under way."""
        with self._lock:
            rows = self._connection.execute("SELECT arn, action, step, due, outcome FROM job").fetchall()
        return [Job(arn, action, step, due, json.loads(outcome)) for arn, action, step, due, outcome in rows]

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource."""
        with self._lock:
            return dict(self._connection.execute("SELECT key, value FROM tag WHERE arn = ? ORDER BY key", (arn,)))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()
