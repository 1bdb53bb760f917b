"""An append-only file of records: one write a record, each with its length and checksum.

What was written survives the end of the process at any moment; what was synchronized, the loss of power. A record that
was under way when the process ended is recognized by its length or checksum and left out, with all that follows it.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from personalize_local.data.private import FILE_MODE

_HEAD = struct.Struct("<II")
"""Length and CRC-32 of the payload that follows."""


class Journal:
    """A journal that is being written. Used by one thread at a time."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._size = 0

    @classmethod
    def create(cls, path: Path, *, durable: bool = False) -> Self:
        """A new journal; with `durable` the file's name survives the loss of power too. FileExistsError."""
        made = cls(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, FILE_MODE))
        if durable:
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return made

    def append(self, payload: bytes) -> None:
        """Write one record; OSError when it could not be written, and then nothing of it is there."""
        record = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            written = os.write(self._descriptor, record)
            while written < len(record):  # the disk may be full: the next write says so
                written += os.write(self._descriptor, record[written:])
        except OSError:
            # Half a record would hide every later one from `records`.
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(record)

    def duplicate(self) -> int:
        """Another descriptor of the file, for `os.fsync` in another thread; the caller closes it."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)

    def discard(self) -> None:
        """Release the file and remove it."""
        self.close()
        self.path.unlink()


def records(path: Path) -> Iterator[bytes]:
    """The payloads of a journal in order, up to the first that is not whole."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            yield payload
