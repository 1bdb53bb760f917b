"""Folders and files that only their owner can read."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from personalize_local.data.private import SharedFolderError, for_owner, make_for_owner
from tests.private import open_to_others


def test_what_is_made_is_for_the_owner_whatever_the_umask(tmp_path: Path) -> None:
    """A library does not change the umask of the process that it is part of."""
    before = os.umask(0)
    try:
        make_for_owner(tmp_path / "a")
        with open(tmp_path / "a" / "file", "w", opener=for_owner) as file:
            file.write("x")
    finally:
        os.umask(before)
    assert [] == open_to_others(tmp_path / "a")


def test_an_older_folder_is_closed_and_no_link_followed(tmp_path: Path) -> None:
    """Every depth of it; what a link in it points to is somebody else's."""
    outside = tmp_path / "outside"
    (tmp_path / "state" / "a" / "b").mkdir(parents=True)
    outside.mkdir()
    for folder in (tmp_path / "state" / "a", outside):
        (folder / "file").write_text("x")
        (folder / "program").write_text("x")
        (folder / "program").chmod(0o755)
    (tmp_path / "state" / "link").symlink_to(outside)
    (tmp_path / "state" / "nowhere").symlink_to("nowhere at all")
    os.mkfifo(tmp_path / "state" / "pipe", 0o644)
    before = {one: one.stat().st_mode for one in (outside, outside / "file", outside / "program")}
    code = "import sys, pathlib; from personalize_local.data.private import keep_to_owner; "
    code += "keep_to_owner(pathlib.Path(sys.argv[1])); (pathlib.Path(sys.argv[1]) / 'new').mkdir()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "state")], check=True, timeout=60)
    assert [] == open_to_others(tmp_path / "state")
    assert before == {one: one.stat().st_mode for one in before}
    assert (tmp_path / "state" / "a" / "program").stat().st_mode & 0o700 == 0o700


def test_a_folder_of_everybody_stays_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking the rights of others away from /tmp, the home folder or the root would break what has nothing to do with us."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in (shared, tmp_path, Path("/"), shared / ".." / "shared"):
        before = folder.stat().st_mode
        with pytest.raises(SharedFolderError, match="give a folder of its own"):
            make_for_owner(folder)
        assert before == folder.stat().st_mode
    make_for_owner(shared / "ours")
    assert 0o700 == stat.S_IMODE((shared / "ours").stat().st_mode)
