"""A Kinesis stream in memory, for the delivery's algorithms: shards, iterators, splits, and faults on demand."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.delivery.streams.records import Record

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/events"


def record(
    number: int, *, key: str = "k", data: bytes | None = None, arrival: float = 1000.0, shard: str = "shard-0"
) -> Record:
    """A record whose sequence number and payload tell its number."""
    return Record(shard, str(number), key, data if data is not None else f"r{number}".encode(), arrival)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Operation")


@dataclass
class FakeShard:
    parents: tuple[str, ...] = ()
    records: list[Record] = field(default_factory=list)
    closed: bool = False


class FakeKinesis:
    """What the delivery uses of a Kinesis client. `faults` are raised by the next reads, one each."""

    def __init__(self, *shards: str) -> None:
        self.shards = {name: FakeShard() for name in shards}
        self.faults: list[Exception] = []
        self.reads = 0
        self.page_size = 100
        self._numbers = itertools.count(1)
        self._iterators: dict[str, tuple[str, int]] = {}

    def put(self, shard: str, *payloads: str, key: str | None = None, arrival: float = 1000.0) -> list[str]:
        added = []
        for payload in payloads:
            number = str(next(self._numbers))
            added.append(number)
            self.shards[shard].records.append(Record(shard, number, key or payload, payload.encode(), arrival))
        return added

    def split(self, shard: str, *children: str) -> None:
        self.shards[shard].closed = True
        for child in children:
            self.shards[child] = FakeShard(parents=(shard,))

    def list_shards(self, **request: Any) -> dict[str, Any]:
        if not self.shards:
            raise client_error("ResourceNotFoundException")
        assert set(request) in ({"StreamARN"}, {"NextToken"})
        start = int(request.get("NextToken", 0))
        names = list(self.shards)[start : start + self.page_size]
        answer: dict[str, Any] = {"Shards": [self._describe(name) for name in names]}
        if start + self.page_size < len(self.shards):
            answer["NextToken"] = str(start + self.page_size)
        return answer

    def _describe(self, name: str) -> dict[str, Any]:
        shard = self.shards[name]
        parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
        sequence = {"StartingSequenceNumber": "0"} | ({"EndingSequenceNumber": "9"} if shard.closed else {})
        return {"ShardId": name, "SequenceNumberRange": sequence, **parents}

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        name = request["ShardId"]
        if name not in self.shards:
            raise client_error("ResourceNotFoundException")
        start: dict[str, Callable[[Record], bool]] = {
            "TRIM_HORIZON": lambda record: True,
            "AFTER_SEQUENCE_NUMBER": lambda record: record.order > int(request["StartingSequenceNumber"]),
            "AT_TIMESTAMP": lambda record: record.arrival >= request["Timestamp"],
        }
        records = self.shards[name].records
        position = next((i for i, r in enumerate(records) if start[request["ShardIteratorType"]](r)), len(records))
        return {"ShardIterator": self._iterator(name, position)}

    def _iterator(self, name: str, position: int) -> str:
        token = f"{name}@{position}#{len(self._iterators)}"
        self._iterators[token] = (name, position)
        return token

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803 - AWS's own names
        self.reads += 1
        if self.faults:
            raise self.faults.pop(0)
        name, position = self._iterators[ShardIterator]
        shard = self.shards.get(name)
        if shard is None:
            raise client_error("ResourceNotFoundException")
        found = shard.records[position : position + Limit]
        end = position + len(found)
        answer: dict[str, Any] = {
            "Records": [
                {
                    "SequenceNumber": r.sequence_number,
                    "PartitionKey": r.partition_key,
                    "Data": r.data,
                    "ApproximateArrivalTimestamp": datetime.fromtimestamp(r.arrival, UTC),
                }
                for r in found
            ],
            "MillisBehindLatest": 7,
        }
        if not (shard.closed and end == len(shard.records)):
            answer["NextShardIterator"] = self._iterator(name, end)
        return answer
