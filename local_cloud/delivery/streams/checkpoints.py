"""Where each consumer of a stream stands: one SQLite file that survives `kill -9`.

Write-ahead logging with `synchronous=NORMAL`: a commit that returned is kept when the process dies, which is what
at-least-once delivery needs (a power cut may lose the last commits, so that records are delivered again).
"""

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PositionType = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "AFTER_SEQUENCE_NUMBER", "SHARD_END"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a shard: an iterator type of Kinesis with its argument, or the shard's end."""

    type: PositionType
    value: str | float | None = None

    @property
    def order(self) -> tuple[int, float]:
        """Earlier positions come first; a sequence number comes after every way of starting a shard."""
        match self.type:
            case "TRIM_HORIZON":
                return (0, 0)
            case "AT_TIMESTAMP":
                return (1, float(self.value or 0))
            case "LATEST":
                return (2, 0)
            case "AFTER_SEQUENCE_NUMBER":
                return (3, int(self.value or 0))
            case "SHARD_END":
                return (4, 0)

    def covers(self, sequence_number: int) -> bool:
        """Whether a record with this number lies before the position, so that it has been dealt with."""
        return self.type == "SHARD_END" or (
            self.type == "AFTER_SEQUENCE_NUMBER" and sequence_number <= int(self.value or 0)
        )


SHARD_END = Position("SHARD_END")
TRIM_HORIZON = Position("TRIM_HORIZON")


def after(sequence_number: str) -> Position:
    """The place behind a record."""
    return Position("AFTER_SEQUENCE_NUMBER", sequence_number)


@dataclass(frozen=True, slots=True)
class Intent:
    """An object that is about to be written, noted before it is: a repetition writes the same object again."""

    last_sequence_number: str
    key: str


class Checkpoints:
    """Positions and write intents by consumer, shard and lane. Safe for use by several threads."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS checkpoints (consumer TEXT, shard TEXT, lane TEXT, position TEXT,"
            " PRIMARY KEY (consumer, shard, lane)) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS intents (consumer TEXT, shard TEXT, last TEXT, key TEXT,"
            " PRIMARY KEY (consumer, shard)) WITHOUT ROWID"
        )

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def positions(self, consumer: str) -> dict[str, dict[str, Position]]:
        """All positions of a consumer: shard -> lane -> position; empty for a consumer that never started."""
        rows = self._run("SELECT shard, lane, position FROM checkpoints WHERE consumer = ?", consumer)
        found: dict[str, dict[str, Position]] = {}
        for shard, lane, position in rows:
            found.setdefault(shard, {})[lane] = Position(*json.loads(position))
        return found

    def save(self, consumer: str, shard: str, positions: dict[str, Position]) -> None:
        """Set the positions of some lanes of a shard, in one transaction."""
        rows = [(consumer, shard, lane, json.dumps([p.type, p.value])) for lane, p in positions.items()]
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def replace(self, consumer: str, shard: str, positions: dict[str, Position]) -> None:
        """Set the positions of a shard and forget its other lanes (another parallelization factor)."""
        rows = [(consumer, shard, lane, json.dumps([p.type, p.value])) for lane, p in positions.items()]
        with self._lock:
            self._database.execute("BEGIN")
            self._database.execute("DELETE FROM checkpoints WHERE consumer = ? AND shard = ?", (consumer, shard))
            self._database.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def forget(self, consumer: str) -> None:
        """Remove all of a consumer: its resource was deleted."""
        self._run("DELETE FROM checkpoints WHERE consumer = ?", consumer)
        self._run("DELETE FROM intents WHERE consumer = ?", consumer)

    def consumers(self) -> set[str]:
        return {row[0] for row in self._run("SELECT DISTINCT consumer FROM checkpoints")}

    def intent(self, consumer: str, shard: str) -> Intent | None:
        rows = self._run("SELECT last, key FROM intents WHERE consumer = ? AND shard = ?", consumer, shard)
        return Intent(*rows[0]) if rows else None

    def intend(self, consumer: str, shard: str, intent: Intent) -> None:
        self._run(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?)",
            consumer,
            shard,
            intent.last_sequence_number,
            intent.key,
        )

    def fulfil(self, consumer: str, shard: str, lane: str, position: Position) -> None:
        """The intended object is stored: move the position and drop the intent, in one transaction."""
        with self._lock:
            self._database.execute("BEGIN")
            self._database.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
                (consumer, shard, lane, json.dumps([position.type, position.value])),
            )
            self._database.execute("DELETE FROM intents WHERE consumer = ? AND shard = ?", (consumer, shard))
            self._database.execute("COMMIT")

    def _run(self, statement: str, *values: str) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
