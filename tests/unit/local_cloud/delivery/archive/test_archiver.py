"""The properties of a delivery stream, the names and the bytes of its objects."""

import gzip
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from local_cloud.delivery.archive.archiver import DeliveryStream
from local_cloud.delivery.mapping.settings import ConfigurationError
from tests.unit.local_cloud.delivery.fakes import STREAM, record

NOW = datetime(2026, 3, 9, 7, 5, 2, tzinfo=UTC)


def properties(**destination: Any) -> dict[str, Any]:
    return {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": STREAM},
        "ExtendedS3DestinationConfiguration": {"BucketARN": "arn:aws:s3:::archive", **destination},
    }


def processors(*found: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"ProcessingConfiguration": {"Enabled": enabled, "Processors": list(found)}}


def test_defaults_are_those_of_firehose() -> None:
    """5 MiB, 300 s, uncompressed, nothing between records."""
    assert DeliveryStream(
        name="archive",
        stream_arn=STREAM,
        bucket="archive",
        prefix="",
        buffer_bytes=5 * 1024 * 1024,
        buffer_seconds=300,
        compression="UNCOMPRESSED",
        extension="",
        delimiter=b"",
    ) == DeliveryStream.from_properties("archive", properties())


def test_d19_delimiter_and_compression() -> None:
    """With the processor every record ends its line; the same records give the same bytes."""
    append = {
        "Type": "AppendDelimiterToRecord",
        "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
    }
    stream = DeliveryStream.from_properties("archive", properties(CompressionFormat="GZIP", **processors(append)))
    body = stream.body([record(1), record(2)])
    assert b"r1\nr2\n" == gzip.decompress(body)
    assert body == stream.body([record(1), record(2)])


def test_uncompressed_records_are_concatenated() -> None:
    """Without the processor Firehose puts nothing between records; a processor that is off does nothing."""
    off = processors({"Type": "Lambda"}, enabled=False)
    assert b"r1r2" == DeliveryStream.from_properties("a", properties(**off)).body([record(1), record(2)])


def test_key_is_partitioned_by_the_oldest_arrival_and_named_by_now() -> None:
    """d17: an object of the hour's turn lies under the hour of its oldest record."""
    stream = DeliveryStream.from_properties(
        "archive",
        properties(
            CompressionFormat="GZIP",
            Prefix="events/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/",
            ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        ),
    )
    before, after = datetime(2026, 3, 9, 6, 59, 59, tzinfo=UTC), datetime(2026, 3, 9, 7, 0, 1, tzinfo=UTC)
    key = stream.key([record(1, arrival=before.timestamp()), record(2, arrival=after.timestamp())], NOW)
    assert re.fullmatch(
        r"events/dt=2026-03-09/hour=06/archive-1-2026-03-09-07-05-02-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.gz", key
    )


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (properties() | {"DeliveryStreamType": "DirectPut"}, "DeliveryStreamType"),
        (properties() | {"ExtendedS3DestinationConfiguration": None}, "ExtendedS3DestinationConfiguration: missing"),
        (properties(CompressionFormat="Snappy"), "CompressionFormat: GZIP or UNCOMPRESSED, not 'Snappy'"),
        (properties(CustomTimeZone="Asia/Tokyo"), "CustomTimeZone"),
        (properties(S3BackupMode="Enabled"), "S3BackupMode"),
        (properties(BufferingHints={"SizeInMBs": 129}), "BufferingHints.SizeInMBs: a whole number from 1 to 128"),
        (properties(BufferingHints={"IntervalInSeconds": "soon"}), "BufferingHints.IntervalInSeconds"),
        (properties(DynamicPartitioningConfiguration={"Enabled": True}), "DynamicPartitioningConfiguration"),
        (properties(Prefix="YYYY/!{timestamp:YYYY}/"), "ErrorOutputPrefix: needed"),
        (properties(**processors({"Type": "Lambda"})), "Processors: Lambda is not carried out"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(made: dict[str, Any], complaint: str) -> None:
    """An archive never does less than its template says without saying so."""
    with pytest.raises(ConfigurationError, match=complaint):
        DeliveryStream.from_properties("archive", made)
