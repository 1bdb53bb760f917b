"""The tables of S3 Vectors."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.services.s3vectors.resources import IndexId, not_found

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created REAL NOT NULL, encryption TEXT NOT NULL, tags TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL REFERENCES buckets (name), name TEXT NOT NULL,
    created REAL NOT NULL, settings TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (bucket, name)
);
CREATE TABLE IF NOT EXISTS vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT, index_id INTEGER NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,
    metadata TEXT NOT NULL, UNIQUE (index_id, key)
);
"""


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it is kept."""

    id: int
    """Of this index alone: one that is made again under the same name is another."""
    named: IndexId
    created: float
    settings: Mapping[str, Any]
    """`dataType`, `dimension`, `distanceMetric`, `encryptionConfiguration`, perhaps `metadataConfiguration`."""

    @property
    def dimension(self) -> int:
        return int(self.settings["dimension"])

    @property
    def metric(self) -> str:
        return str(self.settings["distanceMetric"])

    @property
    def non_filterable(self) -> frozenset[str]:
        return frozenset(self.settings.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", ()))


def bucket_row(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    """The bucket's row. Raises ServiceError when there is none."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise not_found("vector bucket")
    return row


def index_named(connection: sqlite3.Connection, named: IndexId) -> Index:
    """The index. Raises ServiceError when there is none."""
    found = (named.bucket, named.name)
    row = connection.execute("SELECT * FROM indexes WHERE bucket = ? AND name = ?", found).fetchone()
    if row is None:
        raise not_found("index")
    return Index(row["id"], named, row["created"], json.loads(row["settings"]))


def now() -> float:
    """The time, to the millisecond, as answers tell it."""
    return round(time.time(), 3)
