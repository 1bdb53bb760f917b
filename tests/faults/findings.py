"""What the pipeline holds, read piece by piece: each look takes down only what came since the last one."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from infra.naming import ARCHIVE_PREFIX
from lambdas.shared.quarantined import QUARANTINE_PREFIX, QuarantinedRecord
from tests.faults.ledger import Ledger, Stored
from tests.faults.pipeline import Pipeline
from tools.events.archive import unpacked

_ROWS = 20_000


class Findings:
    """Reads the stores of a pipeline into a ledger."""

    def __init__(self, pipeline: Pipeline, ledger: Ledger) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._s3 = pipeline.client("s3")
        self._last = 0
        self._seen: set[str] = set()

    def look_at_events(self) -> None:
        """The events that Personalize stored since the last look."""
        with closing(self._pipeline.events()) as database:
            while True:
                rows = database.execute(
                    "SELECT seq, user, session, item, type, at, value, event_id FROM event WHERE seq > ?"
                    " ORDER BY seq LIMIT ?",
                    (self._last, _ROWS),
                ).fetchall()
                for seq, user, session, item, kind, at, value, event_id in rows:
                    self._last = seq
                    number = None if value is None else int(value)
                    self._ledger.store(Stored(user, session, item, kind, at, number, event_id))
                if len(rows) < _ROWS:
                    return

    def look_at_buckets(self) -> None:
        """The objects of quarantine, failure destination and archive that are new."""
        quarantine, archive = self._pipeline.bucket("quarantine"), self._pipeline.bucket("archive")
        for key, body in self._new(quarantine, QUARANTINE_PREFIX):
            record = QuarantinedRecord.from_json(json.loads(body))
            name = key.rpartition("/")[2].removesuffix(".json")
            reason = record.reason
            self._ledger.quarantine(name, str(reason["field"]), str(reason["message"]), record.data)
        for _, body in self._new(quarantine, "aws/lambda/"):
            for record in json.loads(json.loads(body)["payload"])["Records"]:
                name = record["eventID"].replace(":", "-", 1)
                self._ledger.give_up(name, base64.b64decode(record["kinesis"]["data"]))
        for _, body in self._new(archive, ARCHIVE_PREFIX):
            self._ledger.archive(list(unpacked(io.BytesIO(body))))

    def _new(self, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        pages: Any = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                name = f"{bucket}/{found['Key']}"
                if name not in self._seen:
                    self._seen.add(name)
                    yield found["Key"], self._s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
