"""The Firehose archiver: records of a Kinesis stream, buffered and stored in S3 as Amazon Data Firehose does.

Configured by the properties of `AWS::KinesisFirehose::DeliveryStream` with a Kinesis source and an extended S3
destination. Objects are made when the buffer is full or its interval has passed
(https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html), named
`<prefix><stream>-1-YYYY-MM-DD-HH-MM-SS-<uuid>` with `.gz` when compressed.

Each record is in exactly one object, `kill -9` included, which is more than Firehose promises: before an object is
written its key and last record are noted, and a restart that finds such a note writes the same object again.
"""

import gzip
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from local_cloud.delivery.archive import prefix as archiver_prefix
from local_cloud.delivery.mapping.settings import ConfigurationError
from local_cloud.delivery.streams.records import Record

_MEBIBYTE = 1024 * 1024
_WITHOUT_EFFECT_HERE = {"CloudWatchLoggingOptions", "RoleARN", "EncryptionConfiguration"}
_READ = {
    "BucketARN",
    "BufferingHints",
    "CompressionFormat",
    "CustomTimeZone",
    "ErrorOutputPrefix",
    "FileExtension",
    "Prefix",
    "ProcessingConfiguration",
    "S3BackupMode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStream:
    """One delivery stream from a Kinesis stream to a bucket."""

    name: str
    stream_arn: str
    bucket: str
    prefix: str
    buffer_bytes: int
    buffer_seconds: int
    compression: Literal["GZIP", "UNCOMPRESSED"]
    extension: str
    delimiter: bytes
    reading_role: str = ""
    """The ARN of the role that reads the stream; empty where none is named."""
    writing_role: str = ""

    @classmethod
    def from_properties(cls, name: str, properties: Mapping[str, Any]) -> "DeliveryStream":
        """The delivery stream that resolved CloudFormation properties describe; raises `ConfigurationError`."""
        reading = properties.get("KinesisStreamSourceConfiguration") or {}
        source = reading.get("KinesisStreamARN")
        if properties.get("DeliveryStreamType") != "KinesisStreamAsSource" or not source:
            raise ConfigurationError("DeliveryStreamType: the local archiver reads from a Kinesis stream only")
        target = properties.get("ExtendedS3DestinationConfiguration")
        if not target:
            raise ConfigurationError("ExtendedS3DestinationConfiguration: missing; no other destination is carried out")
        for key, value in target.items():
            if key not in _READ | _WITHOUT_EFFECT_HERE and value not in (None, {}, [], False):
                raise ConfigurationError(f"{key}: the local archiver does not carry out this property")
        if target.get("CustomTimeZone", "UTC") != "UTC":
            raise ConfigurationError(f"CustomTimeZone: UTC only, not {target['CustomTimeZone']!r}")
        if target.get("S3BackupMode", "Disabled") != "Disabled":
            raise ConfigurationError("S3BackupMode: Disabled only")
        compression = target.get("CompressionFormat", "UNCOMPRESSED")
        if compression not in ("GZIP", "UNCOMPRESSED"):
            raise ConfigurationError(f"CompressionFormat: GZIP or UNCOMPRESSED, not {compression!r}")
        hints = target.get("BufferingHints") or {}
        prefix, error_prefix = target.get("Prefix") or "", target.get("ErrorOutputPrefix")
        archiver_prefix.check(prefix, error_prefix)
        return cls(
            name=name,
            stream_arn=source,
            bucket=str(target["BucketARN"]).split(":::")[-1],
            reading_role=str(reading.get("RoleARN") or ""),
            writing_role=str(target.get("RoleARN") or ""),
            prefix=prefix,
            buffer_bytes=_hint(hints, "SizeInMBs", 5, 1, 128) * _MEBIBYTE,
            buffer_seconds=_hint(hints, "IntervalInSeconds", 300, 0, 900),
            compression=compression,
            extension=target.get("FileExtension") or (".gz" if compression == "GZIP" else ""),
            delimiter=_delimiter(target.get("ProcessingConfiguration") or {}),
        )

    def key(self, records: Sequence[Record], now: datetime) -> str:
        """A new name for an object that holds these records; partitioned by the arrival of the oldest."""
        oldest = datetime.fromtimestamp(min(record.arrival for record in records), UTC)
        prefix = archiver_prefix.evaluate(self.prefix, oldest)
        return f"{prefix}{self.name}-1-{now:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}{self.extension}"

    def body(self, records: Sequence[Record]) -> bytes:
        """The object's bytes; the same records always give the same bytes."""
        data = b"".join(record.data + self.delimiter for record in records)
        return gzip.compress(data, compresslevel=6, mtime=0) if self.compression == "GZIP" else data


def _hint(hints: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = hints.get(name, default)
    if isinstance(value, bool) or not str(value).isdigit() or not low <= int(value) <= high:
        raise ConfigurationError(f"BufferingHints.{name}: a whole number from {low} to {high}, not {value!r}")
    return int(value)


def _delimiter(processing: Mapping[str, Any]) -> bytes:
    """What is put after each record: nothing unless the processor AppendDelimiterToRecord is there."""
    if processing.get("Enabled") not in (True, "true"):
        return b""
    delimiter = b""
    for processor in processing.get("Processors") or []:
        if processor["Type"] != "AppendDelimiterToRecord":
            raise ConfigurationError(f"Processors: {processor['Type']} is not carried out; AppendDelimiterToRecord is")
        parameters = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or []}
        # The API takes the two characters backslash and n for a line feed.
        delimiter = parameters.get("Delimiter", "\\n").replace("\\n", "\n").replace("\\t", "\t").encode()
    return delimiter
