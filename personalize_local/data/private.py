"""Folders that only their owner can read: what users did, and everything that was learned from it, lies in them.

Standard library only: the emulator's environment runs it too.
"""

import os
import stat
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = 0o077


class SharedFolderError(ValueError):
    """A folder that cannot be one owner's alone, because others keep their things there."""


def write_for_owner() -> None:
    """From now on, what this process and its children create is for their owner alone."""
    os.umask(_OTHERS)


def make_for_owner(folder: Path) -> None:
    """Makes a folder, with its parents, that only the owner can enter; an existing one becomes so.

    Raises SharedFolderError for a folder that is everybody's, as /tmp is, and for the home folder and the root, which
    hold more than what is kept for us.
    """
    whole = folder.resolve()
    if whole in (whole.parent, Path.home()) or (whole.is_dir() and whole.stat().st_mode & stat.S_ISVTX):
        raise SharedFolderError(f"{folder} is a folder that holds other things too; give a folder of its own")
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
        folder.chmod(FOLDER_MODE)


def for_owner(path: str | os.PathLike[str], flags: int) -> int:
    """An open file that, when it is made, only the owner can read: an `opener` for `open`."""
    return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)


def keep_to_owner(folder: Path) -> None:
    """As `write_for_owner`, for what lies in a folder already too; the folder is made when it is missing.

    Symbolic links are neither followed nor changed. Raises SharedFolderError, or PermissionError when the folder is
    another user's.
    """
    write_for_owner()
    make_for_owner(folder)
    for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            _close(name, here)


def _close(name: str, here: int) -> None:
    """Takes the rights of others away from one entry of an open folder.

    What is closed to others already is not opened: closing a database here would end this process's locks on it.
    """
    try:
        if not os.stat(name, dir_fd=here, follow_symlinks=False).st_mode & _OTHERS:
            return
        # Opened without following links, so that the entry that is looked at is the one that is changed.
        entry = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    except OSError:
        return  # a link, a socket, or gone meanwhile
    try:
        mode = stat.S_IMODE(os.fstat(entry).st_mode)
        if mode & _OTHERS:
            os.fchmod(entry, mode & ~_OTHERS)
    finally:
        os.close(entry)
