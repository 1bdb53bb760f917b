"""Records of a stream: kept in files, read again after a restart, gone with their stream."""

from pathlib import Path
from typing import Any

from local_cloud.supervisor.lifecycle import LocalCloud

RECORDS = [b"one", b"two\n", b"\x00\xff three"]


def read(kinesis: Any, kind: str, **more: Any) -> list[bytes]:
    """What the only shard holds from a position on."""
    [shard] = kinesis.list_shards(StreamName="events")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="events", ShardId=shard["ShardId"], ShardIteratorType=kind, **more
    )["ShardIterator"]
    return [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def test_records_outlive_a_restart_and_go_with_their_stream(tmp_path: Path) -> None:
    """The same bytes from every kind of position; no file is left when the stream is deleted."""
    files = tmp_path / "emulator" / "streams"
    with LocalCloud(state=tmp_path, services=("emulator",)) as cloud:
        kinesis = cloud.client("kinesis")
        kinesis.create_stream(StreamName="events", ShardCount=1)
        entries = [{"Data": data, "PartitionKey": "k"} for data in RECORDS]
        taken = kinesis.put_records(StreamName="events", Records=entries)["Records"]
        assert RECORDS == read(kinesis, "TRIM_HORIZON")
    with LocalCloud(state=tmp_path, services=("emulator",)) as cloud:
        kinesis = cloud.client("kinesis")
        assert RECORDS == read(kinesis, "TRIM_HORIZON")
        second = taken[1]["SequenceNumber"]
        assert RECORDS[1:] == read(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=second)
        assert RECORDS[2:] == read(kinesis, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=second)
        assert RECORDS == read(kinesis, "AT_TIMESTAMP", Timestamp=0)
        assert [] == read(kinesis, "LATEST")
        kinesis.put_record(StreamName="events", Data=b"four", PartitionKey="k")
        assert [*RECORDS, b"four"] == read(kinesis, "TRIM_HORIZON")
        assert len(list(files.iterdir())) == 1
        kinesis.delete_stream(StreamName="events")
        assert not list(files.iterdir())
