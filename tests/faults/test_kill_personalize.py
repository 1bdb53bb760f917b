"""The kills of `kill_personalize`, a few of them, and that their check can fail."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.kill_personalize import LostError, kill_again_and_again, running, verify


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """After five kills under load everything acknowledged is there; take one event away, and the check says so."""
    kept = kill_again_and_again(tmp_path, 5)
    assert kept.events
    assert kept.sizes
    assert kept.schemas
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as database:
        database.execute("DELETE FROM event WHERE event_id = ?", (min(kept.events),))
    with running(tmp_path) as (_, port), pytest.raises(LostError, match="1 events are gone"):
        verify(tmp_path, port, kept)
