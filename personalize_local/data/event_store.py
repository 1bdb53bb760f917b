"""The events and records of one data folder: nothing acknowledged is lost, nothing is stored twice.

PutEvents writes one record into a journal and is answered; a thread moves whole journals into the tables, where
training, exports and filters look. The number of the last moved event is committed together with the events, so after
an end at any moment the next start takes over what is left, each event once. What is not moved yet is served from
memory. Readers of the tables in other threads and processes come by way of `reader` or after `flush`.
"""

import asyncio
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

from personalize_local.data import events as tables
from personalize_local.data.events import PUT_RECORD, EventReader, EventRow, LiveEvent, open_tables
from personalize_local.data.journal import Journal, records
from personalize_local.data.unflushed import Call, UnflushedEvents, decode_call, encode_call
from personalize_local.model.validation import Json

_LOG = logging.getLogger(__name__)
_INSERT = (
    "INSERT INTO event (seq, dataset, user, session, item, type, at, value, event_id, extra)"
    " VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_LIVE = (
    "SELECT seq, item, type, at, value FROM event WHERE dataset = ? AND coalesce(user, session) = ?"
    " AND seq > ? AND seq < ? AND item IS NOT NULL ORDER BY seq DESC LIMIT ?"
)
_KNOWN = "SELECT event_id FROM event WHERE dataset = ? AND seq < ? AND event_id IN (SELECT value FROM json_each(?))"
_LAST_NUMBER = "SELECT max(seq) FROM (SELECT seq FROM moved UNION ALL SELECT seq FROM sqlite_sequence)"
_JOURNALS = "events-*.journal"
_TOGETHER = 1_000
"""Events that are moved in one transaction, which keeps PutItems waiting for some milliseconds."""
_INTERVAL = 1.0
"""Seconds that an event may stay in a journal alone."""
_MANY = 20_000
"""Events in a journal that are moved at once."""
_MOST = 100_000
"""Events in a journal from which on PutEvents waits until they are moved."""
_KEPT_USERS = 10_000
_LAST = 2**63 - 1


class EventStore:
    """Appending and reading happen in the event loop's thread; everything else in any.

    Until `start` it can only be read, as batch jobs in processes of their own do.
    """

    def __init__(self, path: Path, *, synchronous: str = "NORMAL") -> None:
        self._path, self._synchronous = path, synchronous
        self._connection = open_tables(path, synchronous=synchronous)
        # Moving the write-ahead log into the file can wait for the disk: that is for other threads.
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._durable = synchronous == "FULL"
        self._lock = threading.Lock()
        """Held to change `_tail`, `_sealed`, `_next`, `_unsynced` and `_held`; never while the disk is waited for."""
        self._moving = threading.Lock()
        """Held by the one thread that moves events."""
        self._tail: UnflushedEvents | None = None
        self._sealed: UnflushedEvents | None = None
        self._mover: sqlite3.Connection | None = None
        self._next = 1
        self._files = count(1)
        self._unsynced: list[asyncio.Future[None]] = []
        self._held: list[asyncio.Future[None]] = []
        self._failed: OSError | None = None
        self._came = threading.Event()
        self._hurry = threading.Event()
        self._unsynced_came = threading.Event()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._move_again_and_again, name="events", daemon=True)]
        if self._durable:
            self._threads.append(threading.Thread(target=self._sync_again_and_again, name="sync", daemon=True))
        self._version = 0
        self._kept: tuple[int, dict[tuple[int, str, int, int], list[LiveEvent]]] = (0, {})
        self.records_changed = 0
        """Rises with every put record: what was computed from the records is old then."""

    def start(self) -> None:
        """Take over what the last process left in its journals, and be ready for more."""
        self._mover = open_tables(self._path, synchronous=self._synchronous)
        left = sorted(self._path.parent.glob(_JOURNALS))
        with self._moving:
            for journal in left:
                self._move(decode_call(payload) for payload in records(journal))
            for journal in left:
                journal.unlink()
        self._next = 1 + self._mover.execute(_LAST_NUMBER).fetchone()[0]
        self._tail = self._new_tail()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Move everything into the tables, and release the files."""
        self._closing.set()
        self._came.set()
        self._hurry.set()
        self._unsynced_came.set()
        try:
            if self._tail is not None and self._mover is not None:
                for thread in self._threads:
                    thread.join()
                self.flush()
                tail, self._tail = self._tail, None
                tail.journal.discard()
                self._mover.close()
        finally:
            self._connection.close()

    # --- events

    def append(self, dataset: int, user: str | None, session: str, events: list[Json]) -> asyncio.Future[None] | None:
        """Take in the events of one call (`Event` in the service model, `properties` as an object).

        They are safe from the end of the process on return. A future, where there is one, is to be waited for before
        they are acknowledged: until they are safe from loss of power too, or until a flood has been moved. OSError
        when the disk does not take them.
        """
        future: asyncio.Future[None] | None = None
        with self._lock:
            if self._tail is None:
                raise RuntimeError("the event store was not started")
            if self._failed is not None:
                raise self._failed
            call = Call(self._next, dataset, user, session, events)
            self._tail.journal.append(encode_call(call))
            self._tail.add(call)
            self._next += len(events)
            if self._durable:
                future = asyncio.get_running_loop().create_future()
                self._unsynced.append(future)
                self._unsynced_came.set()
            elif self._tail.events > _MOST:
                future = asyncio.get_running_loop().create_future()
                self._held.append(future)
        if not self._came.is_set():
            self._came.set()
        if self._tail.events > _MANY and not self._hurry.is_set():
            self._hurry.set()
        return future

    def of_user(self, dataset: int, user: str, *, after: int, limit: int) -> list[LiveEvent]:
        """The user's last `limit` events on items, oldest first, that arrived later than the event `after`.

        `user` is a user id, or the session id of events that came without a user.
        """
        version = self._version
        with self._lock:
            tails = [tail for tail in (self._sealed, self._tail) if tail is not None and tail.calls]
        newest = [event for tail in tails for event in tail.of_user(dataset, user)]
        if not newest:
            return self._stored(dataset, user, after, limit, version)
        # Part of a sealed tail may be in the tables by now: what is there from its first number on is in `newest` too.
        begin = tails[0].calls[0].first
        known = self._known(dataset, begin, [name for _, name in newest if name is not None])
        live = [
            event
            for event, name in newest
            if event.seq > after
            and (name is None or (name not in known and tails[0].number_of(dataset, name) in (None, event.seq)))
        ]
        if len(live) < limit:
            rows = self._connection.execute(_LIVE, (dataset, user, after, begin, limit - len(live))).fetchall()
            live = [*map(LiveEvent._make, reversed(rows)), *live]
        return live[-limit:]

    def _stored(self, dataset: int, user: str, after: int, limit: int, version: int) -> list[LiveEvent]:
        kept_version, kept = self._kept
        if kept_version != version or len(kept) > _KEPT_USERS:
            kept = {}
            self._kept = (version, kept)
        key = (dataset, user, after, limit)
        found = kept.get(key)
        if found is None:
            rows = self._connection.execute(_LIVE, (dataset, user, after, _LAST, limit)).fetchall()
            found = kept[key] = list(map(LiveEvent._make, reversed(rows)))
        return found

    def _known(self, dataset: int, before: int, names: list[str]) -> set[str]:
        """Which of these `eventId`s the tables held before an event's number: events that came again."""
        if not names:
            return set()
        return {name for (name,) in self._connection.execute(_KNOWN, (dataset, before, json.dumps(names)))}

    def reader(self) -> EventReader:
        """A reader that sees every event that was acknowledged so far. To be closed by the caller."""
        self.flush()
        return EventReader(self._path)

    def flush(self) -> None:
        """Move all events that were acknowledged so far into the tables."""
        with self._moving:
            self._move_sealed()
            if self._tail is None or not self._tail.calls:
                return
            following = self._new_tail()
            with self._lock:
                self._sealed, self._tail = self._tail, following
                unsynced, self._unsynced = self._unsynced, []
                held, self._held = self._held, []
            self._sync(self._sealed.journal.duplicate(), unsynced)
            _resolve(held)
            self._move_sealed()

    # --- moving

    def _new_tail(self) -> UnflushedEvents:
        path = self._path.with_name(f"events-{next(self._files):012d}.journal")
        return UnflushedEvents(Journal.create(path, durable=self._durable))

    def _move_sealed(self) -> None:
        """Move the journal that takes no more calls; again, when an earlier attempt has failed."""
        if self._sealed is not None:
            self._move(self._sealed.calls)
            journal = self._sealed.journal
            self._version += 1  # before `_sealed`: what is kept of the tables must not outlive what completes it
            self._sealed = None
            journal.discard()

    def _move(self, calls: Iterable[Call]) -> None:
        if self._mover is None:
            raise RuntimeError("the event store was not started")
        moved = self._moved()
        rows = (row for call in calls for row in call.rows() if row[0] > moved)
        while chunk := list(islice(rows, _TOGETHER)):
            self._commit(self._mover, chunk)

    def _commit(self, connection: sqlite3.Connection, chunk: list[tuple[int, EventRow]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, ((number, *row) for number, row in chunk))
            connection.execute("UPDATE moved SET seq = ?", (chunk[-1][0],))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _moved(self) -> int:
        connection = self._mover or self._connection
        (number,) = connection.execute("SELECT seq FROM moved").fetchone()
        return int(number)

    def _move_again_and_again(self) -> None:
        while not self._closing.is_set():
            self._came.wait()
            self._hurry.wait(_INTERVAL)
            self._came.clear()
            if not self._closing.is_set():
                self._hurry.clear()
            try:
                self.flush()
            except (sqlite3.Error, OSError):
                _LOG.exception("events stay in their journal until they can be moved")
                self._came.set()

    # --- loss of power

    def _sync_again_and_again(self) -> None:
        while not self._closing.is_set():
            self._unsynced_came.wait()
            self._unsynced_came.clear()
            with self._lock:
                unsynced, self._unsynced = self._unsynced, []
                descriptor = self._tail.journal.duplicate() if self._tail and unsynced else None
            if descriptor is not None:
                self._sync(descriptor, unsynced)

    def _sync(self, descriptor: int, unsynced: list["asyncio.Future[None]"]) -> None:
        """Bring a journal to the disk, and tell those who wait for it."""
        error: OSError | None = None
        try:
            if unsynced:
                os.fsync(descriptor)
        except OSError as failure:
            # What reached the disk is not known any more: nothing may be acknowledged before a new start has looked.
            self._failed = error = failure
        finally:
            os.close(descriptor)
        _resolve(unsynced, error)

    # --- records

    def put_records(self, dataset: int, records: Iterable[tuple[str, Json]], *, visible: float | None = None) -> None:
        """Store items or users durably, each in place of the earlier one with its id.

        With `visible` filters see them from that time on (see `events.settle`).
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            rows = [(dataset, record, json.dumps(properties)) for record, properties in records]
            if visible is None:
                self._connection.executemany(PUT_RECORD, rows)
            else:
                self._connection.executemany(
                    "INSERT INTO waiting (dataset, id, properties, visible) VALUES (?,?,?,?)",
                    [(*row, visible) for row in rows],
                )
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self.records_changed += 1

    def touch(self) -> None:
        """The records were changed in another thread."""
        self.records_changed += 1

    def record(self, dataset: int, name: str) -> Json:
        """The put properties of one item or user; empty when none were put."""
        row = self._connection.execute(
            "SELECT properties FROM record WHERE dataset = ? AND id = ?", (dataset, name)
        ).fetchone()
        return json.loads(row[0]) if row else {}

    # --- deletions, which wait for events under way so that none comes after them

    def forget(self, dataset: int) -> None:
        """Delete the events and records of a dataset."""
        self.flush()
        tables.forget(self._path, dataset)
        self._version += 1

    def forget_users(self, users: Iterable[str], *, interactions: int | None, records: int | None) -> int:
        """Delete what users did and are, as `events.forget_users`; how many rows that were."""
        self.flush()
        deleted = tables.forget_users(self._path, users, interactions=interactions, records=records)
        self._version += 1
        return deleted


def _resolve(waiting: "list[asyncio.Future[None]]", error: OSError | None = None) -> None:
    """Tell those who wait, in their own thread."""

    def tell() -> None:
        for future in waiting:
            if future.cancelled():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    if waiting:
        waiting[0].get_loop().call_soon_threadsafe(tell)
