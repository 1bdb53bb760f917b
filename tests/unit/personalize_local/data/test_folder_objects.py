"""Folders as buckets: objects are found below the root, and nothing else is, whatever the address or the links say."""

import os
import threading
from pathlib import Path

import pytest

from personalize_local.data.folder_objects import FolderObjects, ObjectError, split


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Buckets beside a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.csv").write_text("secret")
    (tmp_path / "root" / "bucket" / "in" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "bucket" / "in" / "a.csv").write_text("a")
    (tmp_path / "root" / "bucket" / "in" / "deep" / "b.csv").write_text("b")
    return tmp_path / "root"


def test_an_object_a_folder_and_a_beginning(root: Path) -> None:
    """Read gives one, or those directly below; find gives all whose address begins so, sorted."""
    objects = FolderObjects(root)
    assert [("a.csv", b"a")] == list(objects.read("s3://bucket/in/a.csv"))
    assert [("a.csv", b"a")] == list(objects.read("s3://bucket/in/"))
    assert [("a.csv", b"a"), ("b.csv", b"b")] == list(objects.find("s3://bucket/in"))
    assert [("b.csv", b"b")] == list(objects.find("s3://bucket/in/d"))
    objects.write("s3://new/out/c.csv", b"c")
    objects.write("s3://new/out/c.csv", b"d")
    assert [("c.csv", b"d")] == list(objects.find("s3://new/"))


LINKS = ["bucket/in/link.csv", "bucket/in/folder", "bucket/folder", "linked"]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("absolute", [True, False])
def test_no_link_leads_out(root: Path, link: str, *, absolute: bool) -> None:
    """A file, a folder, one in the middle and a bucket: not read, not written through, not in any listing."""
    secret = root.parent / "secret"
    target = secret / "a.csv" if link.endswith(".csv") else secret
    place = root / link
    place.symlink_to(target if absolute else os.path.relpath(target, place.parent))
    objects = FolderObjects(root)
    address = f"s3://{link}" if link.endswith(".csv") else f"s3://{link}/a.csv"
    with pytest.raises(ObjectError, match="symbolic link"):
        list(objects.read(address))
    with pytest.raises(ObjectError, match="symbolic link"):
        objects.write(address, b"stolen")
    if not link.endswith(".csv"):
        with pytest.raises(ObjectError, match="symbolic link"):
            list(objects.read(f"s3://{link}/"))
        with pytest.raises(ObjectError, match="symbolic link"):
            objects.write(f"s3://{link}/new/b.csv", b"stolen")
    assert [b"a", b"b"] == [content for _, content in objects.find("s3://bucket/")]
    assert ["a.csv"] == [name for name, _ in objects.read("s3://bucket/in/")]
    assert {"a.csv": "secret"} == {one.name: one.read_text() for one in secret.iterdir()}


@pytest.mark.parametrize(
    "location",
    [
        *("s3://../secret/a.csv", "s3://bucket/../../secret/a.csv", "s3://bucket/in/../../../secret/a.csv", "s3://./x"),
        *("s3://bucket/..", "s3://bucket/.", "s3://..", "s3://bucket/in/a.csv/", "s3://bucket/in", "s3://bucket"),
        *("s3://bucket/nothing", "s3://nothing/a", "s3://bucket/in/a.csv/b", "s3://bucket/a\0b", "s3:///etc/passwd"),
        *("file:///etc/passwd", "/etc/passwd", "s3://bucket/" + "x" * 300, "s3://", "s3:bucket/in/a.csv"),
    ],
)
def test_no_address_leads_out(root: Path, location: str) -> None:
    """Dots name nothing, and what is no object is none."""
    with pytest.raises(ObjectError):
        list(FolderObjects(root).read(location))
    assert "secret" == (root.parent / "secret" / "a.csv").read_text()


@pytest.mark.parametrize("location", ["s3://bucket/../x", "s3://../x", "s3://bucket", "s3://bucket/", "s3://bucket/in"])
def test_nothing_is_written_where_no_object_can_be(root: Path, location: str) -> None:
    """Outside the root, in place of a bucket, in place of a folder."""
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(ObjectError):
        FolderObjects(root).write(location, b"x")
    assert before == sorted(root.parent.rglob("*"))


def test_a_link_that_comes_between_two_steps_leads_nowhere(root: Path) -> None:
    """A folder that is exchanged for a link again and again, while it is read: the secret is never what is read."""
    place, secret, away = root / "bucket" / "in", root.parent / "secret", root / "bucket" / "away"
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            place.rename(away)
            place.symlink_to(secret)
            place.unlink()
            away.rename(place)

    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    seen = set()
    try:
        for _ in range(2000):
            try:
                seen |= {content for _, content in FolderObjects(root).read("s3://bucket/in/a.csv")}
            except ObjectError:
                seen.add(b"nothing")
    finally:
        stop.set()
        exchanging.join()
    assert seen <= {b"a", b"nothing"}


def test_a_pipe_is_no_object(root: Path) -> None:
    """Opening one would wait for ever."""
    os.mkfifo(root / "bucket" / "in" / "pipe")
    objects = FolderObjects(root)
    assert ["a.csv"] == [name for name, _ in objects.read("s3://bucket/in/")]
    with pytest.raises(ObjectError):
        list(objects.read("s3://bucket/in/pipe"))
    with pytest.raises(ObjectError):
        objects.write("s3://bucket/in/pipe", b"x")


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    """It is the one who starts the server that says where the buckets are."""
    (root.parent / "elsewhere").symlink_to(root)
    assert [("a.csv", b"a")] == list(FolderObjects(root.parent / "elsewhere").read("s3://bucket/in/"))


def test_a_listing_leaves_no_descriptor_open(root: Path) -> None:
    """Neither when it is read to its end nor when it is given up."""
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    for _ in range(50):
        list(FolderObjects(root).find("s3://bucket/"))
        reading = FolderObjects(root).read("s3://bucket/in/")
        next(reading)
        reading.close()  # type: ignore[attr-defined]
    assert before == len(os.listdir("/dev/fd"))  # noqa: PTH208


@pytest.mark.parametrize(
    ("location", "parts"), [("s3://b/k/x", ("b", "k/x")), ("s3://b", ("b", "")), ("s3://b/", ("b", ""))]
)
def test_bucket_and_key(location: str, parts: tuple[str, str]) -> None:
    """The key is what follows the first slash."""
    assert parts == split(location)
