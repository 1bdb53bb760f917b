"""Resources, jobs and tags on disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from personalize_local.data.private import keep_to_owner
from personalize_local.data.storage import Job, Store, Transaction, connect
from personalize_local.model.resources import Resource

_READ = """
import sys
from pathlib import Path
from personalize_local.data.storage import connect
connection = connect(Path(sys.argv[1]))
connection.execute("SELECT value FROM kept").fetchall()
connection.close()
"""


def _resource(name: str, parent: str = "") -> Resource:
    return Resource(
        arn=f"arn:{name}", kind="filter", name=name, parent=parent, created=1.5, updated=2.5, body={"a": [1]}
    )


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    """Resources in the order of their making, with their members; jobs and tags too; ids are not used again."""
    store = Store(tmp_path / "r.db")
    with store.transaction() as changes:
        for name in ("b", "a", "c"):
            changes.add(_resource(name))
        changes.put_job(Job("arn:a", "create", 1, 7.5, {"status": "X"}))
        changes.set_tags("arn:a", {"k": "v", "j": ""})
    with store.transaction() as changes:
        changes.delete("arn:c")
    store.close()

    store = Store(tmp_path / "r.db")
    assert ["b", "a"] == [one.name for one in store.every("filter")]
    found = store.get("arn:a")
    assert found is not None
    assert ({"a": [1]}, 1.5, 2.5) == (found.body, found.created, found.updated)
    assert [Job("arn:a", "create", 1, 7.5, {"status": "X"})] == store.jobs()
    assert {"k": "v", "j": ""} == store.tags("arn:a")
    with store.transaction() as changes:
        assert 4 == changes.add(_resource("d")).id
    store.close()


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    """What a transaction that raises has done is neither seen nor stored, and nobody is told."""
    store = Store(tmp_path / "r.db")
    told: list[str] = []

    def failing() -> None:
        with store.transaction() as changes:
            changes.add(_resource("a"))
            changes.after_commit.append(lambda: told.append("a"))
            raise KeyError("a")

    with pytest.raises(KeyError):
        failing()
    assert ([], []) == (store.every("filter"), told)
    store.close()
    store = Store(tmp_path / "r.db")
    assert [] == store.every("filter")
    store.close()


def test_lists_are_narrowed_by_kind_and_parent(tmp_path: Path) -> None:
    """A list has one kind, and one parent when it is asked for; a get too has its kind."""
    store = Store(tmp_path / "r.db")
    with store.transaction() as changes:
        for name, parent in (("a", "p"), ("b", "q"), ("c", "p")):
            changes.add(_resource(name, parent))
    assert ["a", "c"] == [one.name for one in store.every("filter", "p")]
    assert [] == store.every("campaign")
    assert (None, None) == (store.get("arn:a", "campaign"), store.get("arn:none"))
    store.close()


def test_deleting_takes_tags_and_job_along(tmp_path: Path) -> None:
    """Another resource of the same ARN starts clean."""
    store = Store(tmp_path / "r.db")

    def made(changes: Transaction) -> None:
        changes.add(_resource("a"))

    with store.transaction() as changes:
        made(changes)
        changes.set_tags("arn:a", {"k": "v"})
        changes.put_job(Job("arn:a", "create", 0, 1.0, {}))
    with store.transaction() as changes:
        changes.delete("arn:a")
    with store.transaction() as changes:
        made(changes)
    assert ({}, []) == (store.tags("arn:a"), store.jobs())
    store.close()


def test_a_process_that_reads_leaves_the_log_to_those_who_write(tmp_path: Path) -> None:
    """As a batch job opens and closes the server's databases: what is committed afterwards is not lost."""
    path = tmp_path / "events.db"
    first, second = connect(path), connect(path)
    first.execute("CREATE TABLE kept (value TEXT)")
    keep_to_owner(tmp_path)
    subprocess.run([sys.executable, "-c", _READ, str(path)], check=True)
    assert path.with_name("events.db-wal").exists()
    second.execute("INSERT INTO kept VALUES ('yes')")
    reader = connect(path, read_only=True)
    assert reader.execute("SELECT value FROM kept").fetchall() == [("yes",)]
    for connection in (reader, second, first):
        connection.close()
