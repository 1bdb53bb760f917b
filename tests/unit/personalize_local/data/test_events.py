"""The tables of events: the write-ahead log is moved into the file."""

from pathlib import Path

from personalize_local.data import events
from personalize_local.data.event_store import EventStore
from personalize_local.data.events import EventReader


def test_the_log_is_tidied(tmp_path: Path) -> None:
    """A grown write-ahead log is moved into the file while a store is open."""
    path = tmp_path / "events.db"
    store = EventStore(path)
    store.put_records(1, [(f"item{number}", {"TEXT": "x" * 1_000}) for number in range(10_000)])
    size = path.stat().st_size
    events.tidy(path)
    assert path.stat().st_size > size
    reader = EventReader(path)
    assert 10_000 == len(list(reader.records(1)))
    reader.close()
    store.close()
