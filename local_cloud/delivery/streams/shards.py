"""Reading a Kinesis stream: its shards in the order of their lineage, each from a position to its end.

A split or merged shard is closed and its children continue it; records keep their order only when a child is read
after its parents (https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.delivery.streams.checkpoints import Position, after
from local_cloud.delivery.streams.records import Record

RECORDS_A_READ = 1000
"""Records asked for in one GetRecords; AWS also stops at 10 MB, which the emulator does not."""


class StreamMissingError(Exception):
    """The stream does not exist (yet, or any more)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard and the shards that it continues."""

    shard_id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What one read gave; `ended` when the shard is closed and has nothing more."""

    records: list[Record]
    ended: bool
    milliseconds_behind: int


def list_shards(kinesis: Any, stream_arn: str) -> list[Shard]:
    """All shards of a stream, closed ones that still hold records included."""
    shards: list[Shard] = []
    request: dict[str, Any] = {"StreamARN": stream_arn}
    try:
        while True:
            answer = kinesis.list_shards(**request)
            shards += [_shard(description) for description in answer["Shards"]]
            if not answer.get("NextToken"):
                return shards
            # A token comes alone: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
            request = {"NextToken": answer["NextToken"]}
    except ClientError as error:
        if _code(error) == "ResourceNotFoundException":
            raise StreamMissingError(stream_arn) from error
        raise


def ready(shards: Collection[Shard], finished: Collection[str], running: Collection[str]) -> list[Shard]:
    """The shards to start now: neither finished nor running, and no parent of theirs still to be read.

    A parent that the stream no longer lists holds no more records; one that still runs may hold read ones.
    """
    unread = {s.shard_id for s in shards if s.shard_id not in finished} | set(running)
    return [
        shard
        for shard in shards
        if shard.shard_id in unread
        and shard.shard_id not in running
        and not any(parent in unread for parent in shard.parents)
    ]


class ShardReader:
    """Reads one shard from a position on; iterators that expire are made anew where the last read ended."""

    def __init__(self, kinesis: Any, stream_arn: str, shard_id: str, position: Position) -> None:
        self._kinesis = kinesis
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._position = position
        self._iterator: str | None = None

    def read(self) -> Read:
        """The next records. Raises `StreamMissingError`, or the client's errors when the service cannot be reached."""
        try:
            self._iterator = self._iterator or self._new_iterator()
            answer = self._kinesis.get_records(ShardIterator=self._iterator, Limit=RECORDS_A_READ)
        except ClientError as error:
            self._iterator = None
            if _code(error) == "ExpiredIteratorException":
                return Read([], ended=False, milliseconds_behind=0)
            if _code(error) == "ResourceNotFoundException":
                return Read([], ended=self._gone(), milliseconds_behind=0)
            raise
        records = [_record(self._shard_id, record) for record in answer["Records"]]
        if records:
            self._position = after(records[-1].sequence_number)
        self._iterator = answer.get("NextShardIterator")
        return Read(records, self._iterator is None, answer.get("MillisBehindLatest", 0))

    def _new_iterator(self) -> str:
        request: dict[str, Any] = {
            "StreamARN": self._stream_arn,
            "ShardId": self._shard_id,
            "ShardIteratorType": self._position.type,
        }
        if self._position.type == "AFTER_SEQUENCE_NUMBER":
            request["StartingSequenceNumber"] = self._position.value
        elif self._position.type == "AT_TIMESTAMP":
            request["Timestamp"] = self._position.value
        iterator: str = self._kinesis.get_shard_iterator(**request)["ShardIterator"]
        return iterator

    def _gone(self) -> bool:
        """Whether the stream stands but no longer has this shard (its retention passed after a split)."""
        return self._shard_id not in {shard.shard_id for shard in list_shards(self._kinesis, self._stream_arn)}


def _shard(description: Mapping[str, Any]) -> Shard:
    parents = (description.get("ParentShardId"), description.get("AdjacentParentShardId"))
    return Shard(
        description["ShardId"],
        tuple(parent for parent in parents if parent),
        bool(description.get("SequenceNumberRange", {}).get("EndingSequenceNumber")),
    )


def _record(shard_id: str, record: Mapping[str, Any]) -> Record:
    return Record(
        shard_id,
        record["SequenceNumber"],
        record["PartitionKey"],
        record["Data"],
        record["ApproximateArrivalTimestamp"].timestamp(),
    )


def _code(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code
