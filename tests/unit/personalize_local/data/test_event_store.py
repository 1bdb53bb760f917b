"""The event store: kept from the moment of the answer, once by identity, and served before it is in the tables."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from personalize_local.data import event_store
from personalize_local.data.event_store import EventStore
from personalize_local.data.events import EventReader
from tests.deadline import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "events.db"


@pytest.fixture(autouse=True)
def _only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events stay in their journal until a test flushes."""
    monkeypatch.setattr(event_store, "_INTERVAL", 3600.0)


@pytest.fixture
def store(path: Path) -> Iterator[EventStore]:
    made = EventStore(path)
    made.start()
    yield made
    made.close()


def _event(item: str | None, event_id: str | None = None, **more: Any) -> dict[str, Any]:
    members = {"itemId": item, "eventType": "View", "sentAt": 1.5, "eventId": event_id, **more}
    return {name: value for name, value in members.items() if value is not None}


def _by_hand(path: Path, statement: str) -> None:
    """Changes the tables as nobody but a test does."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)


def _put(store: EventStore, *items: str | None, dataset: int = 1, user: str | None = "u", session: str = "s") -> None:
    assert store.append(dataset, user, session, [_event(item) for item in items]) is None


def _stored(path: Path, dataset: int = 1) -> list[str | None]:
    reader = EventReader(path)
    try:
        return [event.item for event in reader.events(dataset)]
    finally:
        reader.close()


def _live(store: EventStore, visitor: str = "u", *, after: int = 0, limit: int = 9) -> list[str]:
    return [event.item for event in store.of_user(1, visitor, after=after, limit=limit)]


def _copied(path: Path, folder: Path) -> Path:
    """What a process that ends at this moment leaves behind."""
    shutil.copytree(path.parent, folder)
    return folder / path.name


def test_what_was_taken_in_survives_the_end_of_the_process(store: EventStore, path: Path, tmp_path: Path) -> None:
    """A start on what an ended process left moves its events into the tables, each with all its members."""
    event = _event("a", "1", eventValue=0.1, properties={"k": "ü"}, impression=["x"])
    store.append(1, None, "s", [event, _event(None)])
    _put(store, "b", dataset=2)
    left = _copied(path, tmp_path / "left")
    assert [] == _stored(left)
    again = EventStore(left)
    again.start()
    reader = EventReader(left)
    extra = '{"properties": {"k": "\\u00fc"}, "impression": ["x"]}'
    assert [
        (1, None, "s", "a", "View", 1.5, 0.1, "1", extra),
        (1, None, "s", None, "View", 1.5, None, None, None),
    ] == [tuple(row) for row in reader.events(1)]
    assert (2, 3) == (reader.last(1), reader.last(2))
    reader.close()
    again.close()


def test_a_start_after_any_end_of_a_move_stores_each_event_once(path: Path, tmp_path: Path) -> None:
    """Nothing, a part, or all of a journal was moved when the process ended, and the journal is still there."""
    store = EventStore(path)
    store.start()
    for number in range(3):
        _put(store, f"a{number}", f"b{number}")
    journals = list(path.parent.glob("*.journal"))
    kept = [(journal.name, journal.read_bytes()) for journal in journals]
    store.close()
    for moved in range(7):
        folder = tmp_path / str(moved)
        folder.mkdir()
        for name, content in kept:
            (folder / name).write_bytes(content)
        shutil.copy(path, folder)
        with sqlite3.connect(folder / path.name) as database:
            database.execute("DELETE FROM event WHERE seq > ?", (moved,))
            database.execute("UPDATE moved SET seq = ?", (moved,))
        database.close()
        again = EventStore(folder / path.name)
        again.start()
        assert ["a0", "b0", "a1", "b1", "a2", "b2"] == _stored(folder / path.name)
        _put(again, "later")
        assert [7] == [event.seq for event in again.of_user(1, "u", after=6, limit=9)]
        again.close()


def test_deleted_events_do_not_come_back(path: Path, tmp_path: Path) -> None:
    """What was moved and then deleted is not taken from a journal that the end of the process left behind."""
    store = EventStore(path)
    store.start()
    _put(store, "a")
    before = _copied(path, tmp_path / "before")
    store.forget(1)
    store.close()
    for journal in before.parent.glob("*.journal"):
        shutil.copy(journal, path.parent)
    again = EventStore(path)
    again.start()
    assert [] == _stored(path)
    again.close()


def test_identities_are_stored_once(store: EventStore, path: Path) -> None:
    """An event id is taken once a dataset, in one call, in another's, later, and after a move; without one always."""
    store.append(1, "u", "s", [_event("a", "1"), _event("b", "1")])
    store.append(1, "v", "s", [_event("c", "1"), _event("d"), _event("e", "2")])
    assert (["a"], ["d", "e"]) == (_live(store), _live(store, "v"))
    store.flush()
    store.append(1, "u", "s", [_event("f", "2"), _event("g", "3"), _event("h", "1")])
    store.append(2, "u", "s", [_event("i", "1")])
    assert (["a", "g"], ["d", "e"]) == (_live(store), _live(store, "v"))
    store.flush()
    assert (["a", "g"], ["d", "e"]) == (_live(store), _live(store, "v"))
    assert (["a", "d", "e", "g"], ["i"]) == (_stored(path), _stored(path, 2))


def test_visitors_are_users_or_sessions_without_one(store: EventStore) -> None:
    """A user's events come by the user id, anonymous ones by the session id; the newest, oldest first, after a point.

    Wherever the border between tables and journal lies.
    """
    for moved in range(5):
        first = 6 * moved
        _put(store, "a")
        _put(store, "b", user=None)
        for place, item in enumerate(("c", None, "d")):
            if place == moved:
                store.flush()
            _put(store, item)
        _put(store, "e", dataset=2)
        assert ["a", "c", "d"] == _live(store, after=first)
        assert ["b"] == _live(store, "s", after=first)
        assert ["c", "d"] == _live(store, limit=2)
        assert ["d"] == _live(store, after=first + 3)
        assert [] == _live(store, "stranger")


def test_answers_from_the_tables_are_forgotten_when_these_change(store: EventStore) -> None:
    """The same question before and after a move and a deletion."""
    assert [] == _live(store)
    _put(store, "a")
    store.flush()
    assert (["a"], ["a"]) == (_live(store), _live(store))
    assert 1 == store.forget_users(["u"], interactions=1, records=None)
    assert [] == _live(store)


def test_a_reader_sees_all_that_was_taken_in(store: EventStore) -> None:
    """Also what no table holds yet."""
    _put(store, "a")
    reader = store.reader()
    assert ["a"] == [event.item for event in reader.events(1)]
    reader.close()


def test_events_are_moved_in_their_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks, and yet they come into the tables; at once when there are many."""
    monkeypatch.setattr(event_store, "_INTERVAL", 0.01)
    store = EventStore(path)
    store.start()
    _put(store, "a")
    assert ["a"] == eventually(lambda: _stored(path))
    store.close()
    monkeypatch.setattr(event_store, "_INTERVAL", 3600.0)
    monkeypatch.setattr(event_store, "_MANY", 3)
    store = EventStore(path)
    store.start()
    _put(store, *"bcde")
    assert 5 == eventually(lambda: len(_stored(path)) == 5 and 5)
    store.close()


def test_a_flood_is_held_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the journal holds too much, a call is answered once it has been moved."""
    monkeypatch.setattr(event_store, "_MOST", 3)
    store = EventStore(path)
    store.start()
    _put(store, *"abc")

    async def flood() -> None:
        held = store.append(1, "u", "s", [_event("d")])
        assert held is not None
        assert not held.done()
        await asyncio.get_running_loop().run_in_executor(None, store.flush)
        await held

    asyncio.run(flood())
    assert ["a", "b", "c", "d"] == _stored(path)
    store.close()


def test_a_failed_move_is_made_up_for(store: EventStore, path: Path) -> None:
    """When the tables refuse, the events stay where they are, are served, and are moved by the next flush."""
    _put(store, "a")

    _by_hand(path, "CREATE TRIGGER refusal BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.Error, match="disk full"):
        store.flush()
    _by_hand(path, "DROP TRIGGER refusal")
    _put(store, "b")
    assert (["a", "b"], []) == (_live(store), _stored(path))
    store.flush()
    assert (["a", "b"], ["a", "b"]) == (_live(store), _stored(path))


def test_calls_wait_for_the_disk_where_that_is_asked_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With FULL a call is done when its journal was synchronized; calls that wait together share one."""
    synced: list[int] = []
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    store = EventStore(path, synchronous="FULL")
    store.start()
    monkeypatch.setattr(os, "fsync", counted)

    async def together() -> None:
        calls = [store.append(1, "u", "s", [_event("a")]) for _ in range(3)]
        await asyncio.gather(*(call for call in calls if call is not None))

    asyncio.run(together())
    (journal,) = path.parent.glob("*.journal")
    assert journal.stat().st_size in synced
    assert len(synced) <= 3
    store.close()
    assert ["a", "a", "a"] == _stored(path)


def test_nothing_is_acknowledged_after_a_failed_synchronization(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has lost something is not trusted again by this process."""
    store = EventStore(path, synchronous="FULL")
    store.start()

    def failed(_: int) -> None:
        raise OSError(5, "input/output error")

    async def call() -> None:
        waiting = store.append(1, "u", "s", [_event("a")])
        assert waiting is not None
        await waiting

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failed)
        for _ in range(2):
            with pytest.raises(OSError, match="input/output error"):
                asyncio.run(call())
    store.close()


def test_a_store_that_was_not_started_only_reads(path: Path) -> None:
    """As a batch job's, in a process of its own: it takes nothing in and leaves the journals to the server."""
    writing, reading = EventStore(path), EventStore(path)
    writing.start()
    _put(writing, "a")
    writing.flush()
    _put(writing, "b")
    assert ["a"] == _live(reading)
    reading.flush()
    with pytest.raises(RuntimeError, match="not started"):
        _put(reading, "c")
    reading.close()
    assert ["a", "b"] == _live(writing)
    writing.close()
    assert [] == list(path.parent.glob("*.journal"))


def test_records_replace_their_predecessors(store: EventStore, path: Path) -> None:
    """The newest properties of an id count; a change is seen by its number."""
    store.put_records(1, [("a", {"KIND": "cat"}), ("b", {})])
    before = store.records_changed
    store.put_records(1, [("a", {"KIND": "dog"})])
    assert before < store.records_changed
    reader = EventReader(path)
    assert [("a", {"KIND": "dog"}), ("b", {})] == list(reader.records(1))
    reader.close()


def test_a_forgotten_dataset_is_gone_and_its_numbers_are_not_used_again(path: Path) -> None:
    """Other datasets stay, and later events have higher numbers, so that old snapshots do not hide them."""
    store = EventStore(path)
    store.start()
    for _ in range(1_200):
        store.append(1, "u", "s", [_event("a")] * 10)
    store.append(1, "u", "s", [_event("a", "1")])
    _put(store, "b", dataset=2)
    store.put_records(1, [("a", {})])
    store.forget(1)
    store.close()
    store = EventStore(path)
    store.start()
    store.append(1, "u", "s", [_event("c", "1")])
    store.flush()
    assert (["c"], ["b"]) == (_stored(path), _stored(path, 2))
    reader = EventReader(path)
    assert [] == list(reader.records(1))
    assert 12_003 == reader.last(1)
    reader.close()
    store.close()
