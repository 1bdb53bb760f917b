"""The state of a service: one SQLite file in the state folder, written as each call succeeds, only its owner's."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from personalize_local.data.private import for_owner, make_for_owner


class Database:
    """A file of tables, opened at first use; calls from any thread, one after the other."""

    def __init__(self, file: Path, schema: str) -> None:
        self.file = file
        self._schema = schema
        self._lock = threading.RLock()
        self._opened: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done with the connection is done whole or not at all."""
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _open(self) -> sqlite3.Connection:
        if self._opened is None:
            make_for_owner(self.file.parent)
            # Made before SQLite opens it: what it writes beside the file gets the file's rights.
            os.close(for_owner(self.file, os.O_RDWR | os.O_CREAT))
            self._opened = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None)
            self._opened.row_factory = sqlite3.Row
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")
            self._opened.executescript(self._schema)
        return self._opened
