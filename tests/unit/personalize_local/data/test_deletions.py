"""Deletion of users from tables: who leaves, what stays, and that a second run does the same."""

from pathlib import Path

import pytest

from personalize_local.data.deletions import DeletionError, delete_from_tables, users_to_delete
from personalize_local.data.event_store import EventStore
from personalize_local.data.events import EventReader, forget_users, settle
from personalize_local.data.objects import FolderObjects
from personalize_local.data.tables import Table, TableBuilder
from personalize_local.model.schemas import parse_schema
from tests.personalize_world import INTERACTIONS


def _table(folder: Path, *users: str) -> str:
    builder = TableBuilder(parse_schema(INTERACTIONS))
    for number, user in enumerate(users):
        builder.add({"USER_ID": user, "ITEM_ID": "cat1", "TIMESTAMP": number, "EVENT_TYPE": "DetailView"})
    builder.table().save(folder)
    return str(folder)


def test_users_are_read_below_a_prefix(tmp_path: Path) -> None:
    """All files whose address begins so, in sub-folders too; each user once; however the header is spelt."""
    for name, text in (("a/1.csv", "USER_ID\nu1\nu2\n"), ("a/b/2.csv", "user_id\nu2\n"), ("c/3.csv", "USER_ID\nu3\n")):
        path = tmp_path / "bucket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert ["u1", "u2"] == users_to_delete(FolderObjects(tmp_path), "s3://bucket/a", most_bytes=1000)
    with pytest.raises(DeletionError, match="more than 20 bytes"):
        users_to_delete(FolderObjects(tmp_path), "s3://bucket/a", most_bytes=20)


def test_tables_without_the_users_take_their_places(tmp_path: Path) -> None:
    """A table that holds none of them stays; the rest of another forgets even the names; a second run agrees."""
    held = _table(tmp_path / "1", "u1", "u2", "u1", "u3")
    free = _table(tmp_path / "2", "u4")
    folders = {held: str(tmp_path / "1-9"), free: str(tmp_path / "2-9")}
    for _ in range(2):
        assert ([held], 2) == delete_from_tables(["u1", "nobody"], folders)
    rest = Table.load(tmp_path / "1-9")
    assert ["u2", "u3"] == rest.text("USER_ID").cells()
    assert ("u2", "u3") == rest.text("USER_ID").values
    assert not (tmp_path / "2-9").exists()


def test_waiting_records_become_visible_and_can_be_forgotten(tmp_path: Path) -> None:
    """Before its time a put record is for training alone; a deletion finds it in either state."""
    path = tmp_path / "events.db"
    store = EventStore(path)
    store.put_records(7, [("u1", {"AGE": 1})])
    store.put_records(7, [("u1", {"AGE": 2}), ("u2", {"AGE": 3})], visible=100.0)
    reader = EventReader(path)
    assert [("u1", {"AGE": 1})] == list(reader.records(7, waiting=False))
    assert {"u1": {"AGE": 2}, "u2": {"AGE": 3}} == dict(reader.records(7))
    reader.close()
    assert (0, 100.0) == settle(path, 99.0)
    assert 2 == forget_users(path, ["u1"], interactions=None, records=7)
    assert (1, None) == settle(path, 100.0)
    assert {"AGE": 3} == store.record(7, "u2")
    assert {} == store.record(7, "u1")
    store.close()


def test_users_are_read_in_the_dialect_of_the_guide(tmp_path: Path) -> None:
    """A user id in quotes, with escapes, doubled quotes or a comma, is the user that was imported."""
    path = tmp_path / "bucket" / "users.csv"
    path.parent.mkdir()
    path.write_bytes(b'\xef\xbb\xbfUSER_ID\r\n"a \\"b\\""\r\n"c ""d"""\r\n"e,f"\r\n"g\\\\h"\r\n')
    users = users_to_delete(FolderObjects(tmp_path), "s3://bucket/users.csv", most_bytes=1000)
    assert ['a "b"', 'c "d"', "e,f", "g\\h"] == users
