"""The tables of what PutEvents, PutItems and PutUsers brought, for those who read them or delete from them.

One SQLite file in write-ahead mode, apart from the resources, so that a control-plane change never waits for events.
What comes is put in by `event_store`.

Tables, for readers of the file:

- `event`: one row an event in order of arrival (`seq`): `dataset` (id of the Interactions dataset), `user` (null for an
  anonymous user), `session`, `item`, `type`, `at` (`sentAt`, seconds), `value`, `event_id`, `extra` (JSON of the
  other members). An `event_id` is stored once a dataset: later events with the same id are ignored, as documented.
- `record`: the newest properties (JSON) of an item or user that was put, by `dataset` and `id`.
- `moved`: one row, the number of the last event that was taken over from a journal (see `event_store`).
- `waiting`: put items and users that filters do not see before the time `visible`; then they move to `record`.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from personalize_local.data.storage import connect
from personalize_local.model.validation import Json

_TABLES = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset INTEGER NOT NULL, user TEXT, session TEXT NOT NULL, item TEXT,
    type TEXT NOT NULL, at REAL NOT NULL, value REAL, event_id TEXT, extra TEXT
);
CREATE INDEX IF NOT EXISTS event_visitor ON event (dataset, coalesce(user, session));
CREATE UNIQUE INDEX IF NOT EXISTS event_identity ON event (dataset, event_id) WHERE event_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS record (
    dataset INTEGER NOT NULL, id TEXT NOT NULL, properties TEXT NOT NULL, PRIMARY KEY (dataset, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (seq INTEGER NOT NULL);
INSERT INTO moved SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM moved);
CREATE TABLE IF NOT EXISTS waiting (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset INTEGER NOT NULL, id TEXT NOT NULL, properties TEXT NOT NULL,
    visible REAL NOT NULL
);
"""
PUT_RECORD = "INSERT OR REPLACE INTO record (dataset, id, properties) VALUES (?,?,?)"
_COLUMNS = frozenset({"itemId", "eventType", "sentAt", "eventValue", "eventId"})
_CHUNK = 5_000
_CHECKPOINT_PAGES = 2_000


class EventRow(NamedTuple):
    """An event as it is stored."""

    dataset: int
    user: str | None
    session: str
    item: str | None
    type: str
    at: float
    value: float | None
    event_id: str | None
    extra: str | None


class LiveEvent(NamedTuple):
    """What serving needs of a user's event."""

    seq: int
    item: str
    type: str
    at: float
    value: float | None


def extra_of(event: Json) -> str | None:
    """The `extra` of an event of the API: its members that have no column, as JSON; None without any."""
    extra = {name: value for name, value in event.items() if name not in _COLUMNS}
    return json.dumps(extra) if extra else None


def open_tables(path: Path, *, synchronous: str = "NORMAL") -> sqlite3.Connection:
    """A connection to the file, with the tables made where they are missing."""
    connection = connect(path, synchronous=synchronous)
    connection.executescript(_TABLES)
    return connection


class EventReader:
    """A reader of the stored events for other threads and processes; sees one moment of the data throughout."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, read_only=True)
        self._connection.execute("BEGIN")

    def last(self, dataset: int) -> int:
        """The number of the newest event of the dataset; 0 when it has none."""
        # Backwards by number, which ends at the first row; max(seq) would read the dataset's whole index.
        row = self._connection.execute(
            "SELECT seq FROM event WHERE +dataset = ? ORDER BY seq DESC LIMIT 1", (dataset,)
        ).fetchone()
        return int(row[0]) if row else 0

    def items(self, dataset: int, *, after: int) -> Iterator[tuple[str, float]]:
        """Each item of the events that arrived later than the event `after`, and when the first of these was."""
        rows = self._connection.execute(
            "SELECT item, min(at) FROM event WHERE +dataset = ? AND seq > ? AND item IS NOT NULL GROUP BY item",
            (dataset, after),
        )
        return ((item, at) for item, at in rows)

    def events(self, dataset: int, *, after: int = 0) -> Iterator[EventRow]:
        """The events of the dataset in order of arrival: all, or those after the one with the number `after`."""
        rows = self._connection.execute(
            "SELECT dataset, user, session, item, type, at, value, event_id, extra FROM event"
            " WHERE dataset = ? AND seq > ? ORDER BY seq",
            (dataset, after),
        )
        return map(EventRow._make, rows)

    def doings(self, dataset: int) -> Iterator[tuple[str, str]]:
        """Each (user, event type) of the events on items once; what a session did counts for the user it named."""
        rows = self._connection.execute(
            "WITH named AS (SELECT session, user, max(seq) FROM event WHERE dataset = ?1 AND user IS NOT NULL"
            " GROUP BY session)"
            " SELECT DISTINCT coalesce(event.user, named.user) AS doer, event.type FROM event"
            " LEFT JOIN named ON named.session = event.session"
            " WHERE event.dataset = ?1 AND event.item IS NOT NULL AND doer IS NOT NULL",
            (dataset,),
        )
        return ((user, event_type) for user, event_type in rows)

    def records(self, dataset: int, *, waiting: bool = True) -> Iterator[tuple[str, Json]]:
        """All put items or users of the dataset with their properties; the last one of an id counts.

        `waiting` adds those that filters do not see yet.
        """
        statement = "SELECT id, properties FROM record WHERE dataset = ? ORDER BY id"
        rows = self._connection.execute(statement, (dataset,)).fetchall()
        if waiting:
            later = "SELECT id, properties FROM waiting WHERE dataset = ? ORDER BY seq"
            rows += self._connection.execute(later, (dataset,)).fetchall()
        return ((name, json.loads(properties)) for name, properties in rows)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def forget(path: Path, dataset: int) -> None:
    """Delete the events and records of a dataset, in steps that never keep PutEvents waiting for long."""
    connection = connect(path)
    try:
        for table in ("event", "record", "waiting"):
            key = "id" if table == "record" else "rowid"
            statement = (
                f"DELETE FROM {table} WHERE dataset = ? AND {key} IN"  # noqa: S608
                f" (SELECT {key} FROM {table} WHERE dataset = ? LIMIT {_CHUNK})"
            )
            while connection.execute(statement, (dataset, dataset)).rowcount:
                pass
    finally:
        connection.close()


def forget_users(path: Path, users: Iterable[str], *, interactions: int | None, records: int | None) -> int:
    """Delete what users did and are, and what their sessions did before they had a name; how many rows that were.

    `interactions` and `records` are the ids of the Interactions and Users datasets, None where there is none.
    """
    connection = connect(path)
    own = "DELETE FROM event WHERE dataset = ? AND coalesce(user, session) = ? AND user"
    deleted = 0
    try:
        for user in users:
            connection.execute("BEGIN IMMEDIATE")
            sessions = connection.execute(
                "SELECT DISTINCT session FROM event WHERE dataset = ? AND coalesce(user, session) = ?"
                " AND user IS NOT NULL",
                (interactions, user),
            ).fetchall()
            deleted += connection.execute(f"{own} IS NOT NULL", (interactions, user)).rowcount
            for (session,) in sessions:
                deleted += connection.execute(f"{own} IS NULL", (interactions, session)).rowcount
            for table in ("record", "waiting"):
                statement = f"DELETE FROM {table} WHERE dataset = ? AND id = ?"  # noqa: S608
                deleted += connection.execute(statement, (records, user)).rowcount
            connection.execute("COMMIT")
    finally:
        connection.close()
    return deleted


def settle(path: Path, now: float) -> tuple[int, float | None]:
    """Let filters see the put records whose time has come: how many those are, and when the next one's comes."""
    connection = connect(path)
    try:
        connection.execute("BEGIN")
        due = connection.execute(
            "SELECT dataset, id, properties FROM waiting WHERE visible <= ? ORDER BY seq", (now,)
        ).fetchall()
        if due:
            connection.executemany(PUT_RECORD, due)
            connection.execute("DELETE FROM waiting WHERE visible <= ?", (now,))
        (visible,) = connection.execute("SELECT min(visible) FROM waiting").fetchone()
        connection.execute("COMMIT")
    finally:
        connection.close()
    return len(due), visible


def tidy(path: Path) -> None:
    """Move the write-ahead log into the file when it has grown; readers and writers go on meanwhile."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > _CHECKPOINT_PAGES * 4096:
        connection = connect(path)
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()
