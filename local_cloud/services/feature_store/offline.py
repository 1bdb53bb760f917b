"""The offline store: rows of the history, written to the bucket as files of JSON Lines.

On AWS rows are buffered for up to 15 minutes and written as Parquet, below `data/year=/month=/day=/hour=` of their
event time, each with the columns `api_invocation_time`, `write_time` and `is_deleted`; an Iceberg table has metadata
beside them: https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-offline.html
Here the emulator's environment has no library for Parquet: the folders and columns are the same, a line is a row, and
there is no table, neither Iceberg's nor Glue's. Rows wait in the service's database until their object is written, and
an object keeps its name when it has to be written again: each row is in the bucket once.
"""

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.services.database import Database
from local_cloud.services.feature_store.definition import bucket_and_key
from local_cloud.services.feature_store.event_time import iso, moment
from local_cloud.services.feature_store.store import Clock, now

logger = logging.getLogger("emulator")

BUFFER_SECONDS = 0.5
RETRY_SECONDS = 2.0
MOST_ROWS = 5000
"""In one object."""

S3Of = Callable[[str], Any]
"""An S3 client that acts as the role with this ARN."""


class OfflineWriter:
    """Writes what waits, on a thread of its own that starts with the first row."""

    def __init__(self, database: Database, s3_of: S3Of, clock: Clock = now) -> None:
        self._database = database
        self._s3_of = s3_of
        self._now = clock
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def resume(self) -> None:
        """Writes what an earlier process left, if one was there."""
        if self._database.file.exists():
            self.wake()

    def wake(self) -> None:
        """Something may wait."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="offline store", daemon=True)
                self._thread.start()
        self._wanted.set()

    def flush(self) -> bool:
        """Writes what waits; False when some of it could not be written and has to be tried again."""
        with self._database.transaction() as connection:
            _name_objects(connection, self._now())
            objects = connection.execute(
                "SELECT DISTINCT group_name, role, location, object_key FROM pending ORDER BY object_key"
            ).fetchall()
        failed = [one for one in objects if not self._write(one)]
        return not failed

    def _write(self, one: sqlite3.Row) -> bool:
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT * FROM pending WHERE object_key = ? ORDER BY id", (one["object_key"],)
            ).fetchall()
        lines = [{**json.loads(row["row_json"]), "write_time": iso(row["write_time"])} for row in rows]
        bucket, prefix = bucket_and_key(one["location"])
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        reason = ""
        try:
            _put(self._s3_of(one["role"]), bucket, f"{prefix}/{one['object_key']}", body)
        except (BotoCoreError, ClientError) as error:
            reason = str(error)[:1024]
            logger.warning("the offline store of %s cannot be written: %s", one["group_name"], reason)
        with self._database.transaction() as connection:
            connection.execute("UPDATE groups SET blocked = ? WHERE name = ?", (reason, one["group_name"]))
            if not reason:
                connection.execute("DELETE FROM pending WHERE object_key = ?", (one["object_key"],))
        return not reason

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(BUFFER_SECONDS)
            try:
                done = self.flush()
            except Exception:  # a defect here must not leave the history unwritten for the rest of the process's life
                logger.exception("the offline store could not be written")
                done = False
            if not done:
                time.sleep(RETRY_SECONDS)
                self._wanted.set()


def _put(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Writes an object as Feature Store does, for which the group's role has three rights on AWS.

    `s3:GetBucketAcl`, `s3:PutObject` and, for the object's ACL, `s3:PutObjectAcl`, which the emulator does not ask for:
    https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-cross-account-access-offline-store.html
    """
    s3.get_bucket_acl(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=body, ACL="bucket-owner-full-control")


def _name_objects(connection: sqlite3.Connection, at: int) -> None:
    """Gives the rows that have none an object each hour of event times, for good."""
    rows = connection.execute("SELECT * FROM pending WHERE object_key IS NULL ORDER BY id").fetchall()
    for batch in _batches(rows):
        latest = max(row["event_time"] for row in batch)
        told = f"{batch[0]['location']} {batch[0]['id']}"
        unique = hashlib.sha256(told.encode()).hexdigest()[:16]
        key = f"{_folder(latest)}/{moment(latest):%Y%m%dT%H%M%SZ}_{unique}.jsonl"
        named = [(key, at, row["id"]) for row in batch]
        connection.executemany("UPDATE pending SET object_key = ?, write_time = ? WHERE id = ?", named)


def _batches(rows: list[sqlite3.Row]) -> Iterator[list[sqlite3.Row]]:
    together: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in rows:
        batch = together.setdefault((row["location"], _folder(row["event_time"])), [])
        batch.append(row)
        if len(batch) == MOST_ROWS:
            yield together.pop((row["location"], _folder(row["event_time"])))
    yield from together.values()


def _folder(event_time: int) -> str:
    at = moment(event_time)
    return f"year={at.year:04}/month={at.month:02}/day={at.day:02}/hour={at.hour:02}"
