"""The file of a service's state."""

import stat
from pathlib import Path

import pytest

from local_cloud.services.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY);"


def _names(database: Database) -> list[str]:
    with database.transaction() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def _insert_and_fail(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('lost')")
        raise RuntimeError


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    """A cloud that does not use the service has no file of it; then it is its owner's alone."""
    database = Database(tmp_path / "services" / "things.sqlite", SCHEMA)
    assert [] == list(tmp_path.iterdir())
    assert [] == _names(database)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "services").iterdir()}
    database.close()


def test_a_transaction_is_whole_or_nothing(tmp_path: Path) -> None:
    """What failed in between leaves nothing; what succeeded is there for the next process, without an orderly end."""
    first = Database(tmp_path / "things.sqlite", SCHEMA)
    with first.transaction() as connection:
        connection.execute("INSERT INTO things VALUES ('kept')")
    with pytest.raises(RuntimeError):
        _insert_and_fail(first)
    second = Database(tmp_path / "things.sqlite", SCHEMA)
    assert ["kept"] == _names(second)
    first.close()
    second.close()
