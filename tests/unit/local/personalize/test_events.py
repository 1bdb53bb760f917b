"""The event store: durable together, once by identity, per visitor, and gone when forgotten."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from local.personalize import events
from local.personalize.events import EventReader, EventRow, EventStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def _row(
    item: str | None, *, dataset: int = 1, user: str | None = "u", session: str = "s", event_id: str | None = None
) -> EventRow:
    return EventRow(dataset, user, session, item, "View", 1.5, None, event_id, None)


def _put(store: EventStore, *calls: list[EventRow]) -> None:
    async def together() -> None:
        await asyncio.gather(*(store.append(rows) for rows in calls))

    asyncio.run(together())


def test_what_is_awaited_is_committed(path: Path) -> None:
    """Once the future is done, another connection reads the rows, calls of one turn in one transaction."""
    store = EventStore(path)
    _put(store, [_row("a")], [_row("b"), _row("c")])
    reader = EventReader(path)
    assert ["a", "b", "c"] == [event.item for event in reader.events(1)]
    assert 3 == reader.last(1)
    reader.close()
    store.close()


def test_identities_are_stored_once(path: Path) -> None:
    """An event id is taken once a dataset, in one call, later, and after a restart; rows without one always."""
    store = EventStore(path)
    _put(store, [_row("a", event_id="1"), _row("b", event_id="1")], [_row("c"), _row("d")])
    store.close()
    store = EventStore(path)
    _put(store, [_row("e", event_id="1"), _row("f", dataset=2, event_id="1")])
    reader = EventReader(path)
    assert [["a", "c", "d"], ["f"]] == [[event.item for event in reader.events(dataset)] for dataset in (1, 2)]
    reader.close()
    store.close()


def test_visitors_are_users_or_sessions_without_one(path: Path) -> None:
    """A user's events come by the user id, anonymous ones by the session id; the newest, oldest first, after a point."""
    store = EventStore(path)
    _put(store, [_row("a"), _row("b", user=None), _row("c"), _row(None), _row("d"), _row("e", dataset=2)])

    def items(visitor: str, **more: int) -> list[str]:
        return [event.item for event in store.of_visitor(1, visitor, **{"after": 0, "limit": 9, **more})]

    assert ["a", "c", "d"] == items("u")
    assert ["b"] == items("s")
    assert ["c", "d"] == items("u", limit=2)
    assert ["d"] == items("u", after=3)
    assert [] == items("stranger")
    store.close()


def test_a_failed_commit_fails_all_of_its_calls(path: Path) -> None:
    """When the database refuses, every call of the transaction learns it, and nothing of it is stored."""
    store = EventStore(path)
    bad = _row("b")._replace(type=None)  # type: ignore[arg-type]

    async def together() -> tuple[object, ...]:
        return await asyncio.gather(store.append([_row("a")]), store.append([bad]), return_exceptions=True)

    assert [True, True] == [isinstance(one, sqlite3.Error) for one in asyncio.run(together())]
    _put(store, [_row("c")])
    reader = EventReader(path)
    assert ["c"] == [event.item for event in reader.events(1)]
    reader.close()
    store.close()


def test_records_replace_their_predecessors(path: Path) -> None:
    """The newest properties of an id count; a change is seen by its number."""
    store = EventStore(path)
    store.put_records(1, [("a", {"KIND": "cat"}), ("b", {})])
    before = store.records_changed
    store.put_records(1, [("a", {"KIND": "dog"})])
    assert before < store.records_changed
    reader = EventReader(path)
    assert [("a", {"KIND": "dog"}), ("b", {})] == list(reader.records(1))
    reader.close()
    store.close()


def test_a_forgotten_dataset_is_gone_and_its_numbers_are_not_used_again(path: Path) -> None:
    """Other datasets stay, and later events have higher numbers, so that old snapshots do not hide them."""
    store = EventStore(path)
    _put(store, [_row("a", event_id=str(number)) for number in range(12_000)])
    _put(store, [_row("b", dataset=2)])
    store.put_records(1, [("a", {})])
    events.forget(path, 1)
    _put(store, [_row("c", event_id="1")])
    reader = EventReader(path)
    assert [["c"], ["b"]] == [[event.item for event in reader.events(dataset)] for dataset in (1, 2)]
    assert [] == list(reader.records(1))
    assert 12_002 == reader.last(1)
    reader.close()
    store.close()


def test_the_log_is_tidied(path: Path) -> None:
    """A grown write-ahead log is moved into the file while the store is open."""
    store = EventStore(path)
    _put(store, [_row("x" * 200, event_id=str(number)) for number in range(40_000)])
    size = path.stat().st_size
    events.tidy(path)
    assert path.stat().st_size > size
    reader = EventReader(path)
    assert 40_000 == reader.last(1)
    reader.close()
    store.close()
