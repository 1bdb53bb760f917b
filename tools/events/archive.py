"""The archive as it lies in S3: GZIP objects of one record a line, by the hour of arrival (docs/operate/archive.md)."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from infra.naming import ARCHIVE_PREFIX

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of the archive: `hour` is the partition in which it lies, `written` when S3 had it whole.

    All its records arrived between the two: the partition is that of the oldest one's arrival.
    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    """

    key: str
    hour: datetime
    written: datetime


def pieces(s3: Any, bucket: str, start: datetime, end: datetime, *, neighbours: int) -> Iterator[Piece]:
    """The objects of the hours that hold a moment from `start` to `end`, and of so many hours before and after.

    Records lie by their arrival, an object by that of its oldest record: an event of 10:59 may lie in the hour 11, and
    one whose visitor was without a network, hours later. Objects of one hour come in the order of their names, which
    begin with their time.
    """
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - neighbours * HOUR
    while hour < end + neighbours * HOUR:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{ARCHIVE_PREFIX}dt={hour:%Y-%m-%d}/hour={hour:%H}/"
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                yield Piece(entry["Key"], hour, entry["LastModified"])
        hour += HOUR


def lines(s3: Any, bucket: str, key: str) -> Iterator[bytes]:
    """The records of an object of the archive."""
    yield from unpacked(s3.get_object(Bucket=bucket, Key=key)["Body"])


def unpacked(body: IO[bytes]) -> Iterator[bytes]:
    """The records in the body of an object, without their line feeds: one a line, exactly as they were sent."""
    with gzip.open(body) as content:
        for line in content:
            yield line.removesuffix(b"\n")


def moment(text: str) -> datetime:
    """A moment from `2026-11-22` or `2026-11-22T10:30:00`, in UTC unless it names its zone. Raises ValueError."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
