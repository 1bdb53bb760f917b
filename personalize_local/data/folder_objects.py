"""Buckets that are folders of this computer. Nothing outside of them can be named, by dots or by links.

A path is walked one folder at a time, each opened inside the one before and without following a symbolic link
(`openat` with `O_NOFOLLOW`). What was checked is what is used: whoever puts a link in the way between two steps gets an
error, never a file outside.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from personalize_local.data.private import FILE_MODE, FOLDER_MODE

LOCATION = "Invalid Data location."
_LINK = "{} lies behind a symbolic link; links below the folder of the buckets are not followed."
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO)


class ObjectError(Exception):
    """An object cannot be read or written; the text is the service's own where it is known."""


def split(location: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address."""
    parts = urlsplit(location)
    if parts.scheme != "s3" or not parts.netloc:
        raise ObjectError(LOCATION)
    return parts.netloc, location.split("/", 3)[3] if location.count("/") > 2 else ""


class FolderObjects:
    """`s3://bucket/key` is the file `root/bucket/key`. The root itself may be a link; below it none is followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, location: str) -> Iterator[tuple[str, bytes]]:
        """As `Objects.read`; links are no objects."""
        bucket, key = split(location)
        names = _names(bucket, key)
        listed = location.endswith("/")
        if not (key or listed):
            raise ObjectError(LOCATION)
        with self._opened(names if listed else names[:-1]) as folder:
            files = _files(folder) if listed else names[-1:]
            if not files:
                raise ObjectError(LOCATION)
            for name in files:
                yield name, _content(name, folder, location)

    def find(self, location: str) -> Iterator[tuple[str, bytes]]:
        """As `Objects.find`; links are no objects."""
        bucket, prefix = split(location)
        found = []
        with self._opened(_names(bucket, "")) as root:
            for above, _, files, folder in os.fwalk(".", dir_fd=root, follow_symlinks=False):
                keys = {os.path.normpath(f"{above}/{name}"): name for name in files}
                found += [key for key, name in keys.items() if key.startswith(prefix) and _is_file(name, folder)]
        if not found:
            raise ObjectError(LOCATION)
        for key in sorted(found):
            *above_it, name = _names(bucket, key)
            with self._opened(above_it) as folder:
                yield name, _content(name, folder, f"s3://{bucket}/{key}")

    def write(self, location: str, content: bytes) -> None:
        """As `Objects.write`; missing folders are made."""
        *above, name = _names(*split(location))
        if not above:
            raise ObjectError(LOCATION)
        with self._opened(above, make=True) as folder, _told(location):
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, FILE_MODE, dir_fd=folder)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ObjectError(f"{location} is no file.")
                with open(descriptor, "wb", closefd=False) as file:
                    file.truncate()
                    file.write(content)
            finally:
                os.close(descriptor)

    @contextmanager
    def _opened(self, names: list[str], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder with these names below the root."""
        with ExitStack() as opened, _told("/".join(names)):
            if make:
                self._root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, folder)
            for name in names:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, FOLDER_MODE, dir_fd=folder)
                folder = _entered(name, folder)
                opened.callback(os.close, folder)
            yield folder


def _entered(name: str, folder: int) -> int:
    """A descriptor of a folder inside another."""
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except NotADirectoryError as error:
        # Linux says so of a link too.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        raise


def _names(bucket: str, key: str) -> list[str]:
    """The folders and the file of an address; the file is the last, and missing where the key is empty."""
    names = [bucket, *(name for name in key.split("/") if name)]
    if any(name in (".", "..") or "\0" in name for name in names):
        raise ObjectError(LOCATION)
    return names


def _files(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))


def _is_file(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _content(name: str, folder: int, location: str) -> bytes:
    """What a file holds. Raises ObjectError when there is no file of that name."""
    with _told(location):
        # Without waiting: a pipe of that name would never be opened.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ObjectError(LOCATION)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)


@contextmanager
def _told(location: str) -> Iterator[None]:
    """Errors of the file system in the words of the service, and why where it is none of the service's."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ObjectError(_LINK.format(location)) from error
        if error.errno in _NOTHING_THERE:
            raise ObjectError(LOCATION) from error
        raise ObjectError(f"{location} cannot be read or written: {error.strerror}.") from error
