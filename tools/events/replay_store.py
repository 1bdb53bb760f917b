"""What a replay has read and what it has done, in a file: an interrupted replay goes on from it.

An event is there once, by its id, however often the archive holds it: Firehose delivers at least once, producers send
again, and a redriven record is archived a second time.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.environment.errors import UsageError

_TABLES = """
CREATE TABLE IF NOT EXISTS given (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS piece (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (why TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, user TEXT, at REAL NOT NULL,
    request TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'read'
);
CREATE INDEX IF NOT EXISTS event_session ON event (session, at, place);
"""


class OtherReplayError(UsageError):
    """The file belongs to a replay of something else; the message says of what."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One event: `request` as PutEvents takes it, but for `sentAt`, which is `at` (epoch seconds)."""

    id: str
    session: str
    user: str | None
    at: float
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an Interactions CSV."""

    user: str
    item: str
    at: int
    type: str
    value: float | None


class ReplayStore:
    """One replay's file. Raises OtherReplayError when it was made for other `given` values."""

    def __init__(self, file: Path, given: dict[str, str]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)
        before = dict(self._database.execute("SELECT name, value FROM given"))
        if before and before != given:
            said = ", ".join(f"{name} {value}" for name, value in sorted(before.items()))
            self.close()
            raise OtherReplayError(
                f"{file} belongs to another replay ({said}); delete it, or name another with --progress"
            )
        self._database.executemany("INSERT OR IGNORE INTO given VALUES (?, ?)", given.items())

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def has(self, key: str) -> bool:
        """Whether the archive's object was read."""
        return self._database.execute("SELECT 1 FROM piece WHERE key = ?", (key,)).fetchone() is not None

    def add(self, key: str, events: Iterable[Replayed], left_out: Counter[str]) -> None:
        """Keep what an object of the archive holds, and that it was read: both or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for event in events:
                self._database.execute(
                    "INSERT OR IGNORE INTO event (id, session, user, at, request) VALUES (?, ?, ?, ?, ?)",
                    (event.id, event.session, event.user, event.at, json.dumps(event.request)),
                )
            self._database.executemany(
                "INSERT INTO left_out VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                left_out.items(),
            )
            self._database.execute("INSERT INTO piece VALUES (?)", (key,))
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def calls(self, most: int) -> Iterator[list[Replayed]]:
        """What is still to be sent, in calls of one session and one visitor, each in order of time."""
        call: list[Replayed] = []
        # Sessions are read one by one, so that calls can be marked while this goes on.
        for (session,) in self._database.execute(
            "SELECT DISTINCT session FROM event WHERE state = 'read' ORDER BY session"
        ).fetchall():
            rows = self._database.execute(
                "SELECT id, session, user, at, request FROM event WHERE session = ? AND state = 'read'"
                " ORDER BY at, place",
                (session,),
            ).fetchall()
            for id_, name, user, at, request in rows:
                event = Replayed(id_, name, user, at, json.loads(request))
                if call and (len(call) == most or call[0].session != name or call[0].user != user):
                    yield call
                    call = []
                call.append(event)
        if call:
            yield call

    def mark(self, events: Sequence[Replayed], state: str) -> None:
        """Note that the events were `sent` or `refused`."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("UPDATE event SET state = ? WHERE id = ?", [(state, event.id) for event in events])
        self._database.execute("COMMIT")

    def rows(self) -> Iterator[Row]:
        """All events in order of time; what an anonymous visitor did is that of the user who logged in later."""
        for user, request, at in self._database.execute(
            "SELECT coalesce(event.user, (SELECT other.user FROM event other WHERE other.session = event.session"
            " AND other.user IS NOT NULL ORDER BY other.at LIMIT 1), event.session), request, at"
            " FROM event ORDER BY at, place"
        ):
            event = json.loads(request)
            yield Row(user, event["itemId"], int(at), event["eventType"], event.get("eventValue"))

    def sums(self) -> Counter[str]:
        """How many events are `read`, `sent` and `refused`, and how many records were left out, by why."""
        states = dict(self._database.execute("SELECT state, count(*) FROM event GROUP BY state"))
        return Counter(states | dict(self._database.execute("SELECT why, count FROM left_out")))
