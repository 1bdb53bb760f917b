"""A stream whose shards are split and merged under a running delivery."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from tests.conformance.delivery.conftest import Pipeline
from tests.conformance.delivery.test_archiver import DESTINATION, archived_lines
from tests.deadline import eventually


def shards(pipeline: Pipeline) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pipeline.kinesis.list_shards(StreamName=pipeline.name)["Shards"]
    return found


def open_shard(pipeline: Pipeline) -> tuple[str, str]:
    """An open shard and the middle of its hash keys."""
    shard = next(s for s in shards(pipeline) if "EndingSequenceNumber" not in s["SequenceNumberRange"])  # type: ignore[operator]
    low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))  # type: ignore[index]
    return str(shard["ShardId"]), str((low + high) // 2)


def split(pipeline: Pipeline) -> str:
    name, middle = open_shard(pipeline)
    pipeline.kinesis.split_shard(StreamName=pipeline.name, ShardToSplit=name, NewStartingHashKey=middle)
    return name


def test_records_that_nobody_had_read_survive_a_split(pipeline: Pipeline) -> None:
    """What was sent before, between and after two splits is delivered and archived, each record once."""
    payloads = [f"r{number}" for number in range(90)]
    pipeline.send(payloads[:30])
    split(pipeline)
    pipeline.send(payloads[30:60])
    pipeline.deploy_mapping(FunctionName=pipeline.function(), ParallelizationFactor=2)
    pipeline.deploy_delivery_stream(**DESTINATION)
    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= 60, what="the first delivery")

    split(pipeline)
    pipeline.send(payloads[60:])

    eventually(lambda: len(archived_lines(pipeline)) >= 90, what="the archive")
    eventually(lambda: len(pipeline.accepted_payloads()) >= 90, what="the delivery")
    assert sorted(payloads) == sorted(pipeline.accepted_payloads())
    assert sorted(payloads) == sorted(archived_lines(pipeline))


def test_order_of_a_key_is_kept_across_a_split(pipeline: Pipeline) -> None:
    """A child's records come after its parent's: a key's events arrive in the order in which they were sent."""
    pipeline.send([f"{number:03}" for number in range(40)], key="visitor")
    for _ in range(3):
        split(pipeline)
    pipeline.send([f"{number:03}" for number in range(40, 80)], key="visitor")
    pipeline.deploy_mapping(FunctionName=pipeline.function(), BatchSize=10)

    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= 80, what="the delivery")

    records = sorted(pipeline.accepted(), key=lambda record: int(record["kinesis"]["sequenceNumber"]))
    assert [f"{n:03}" for n in range(80)] == [_payload(record) for record in records]
    batches = [[_payload(record) for record in json.loads(body)] for body in pipeline.objects("accepted/").values()]
    assert all(batch == sorted(batch) for batch in batches)


def _payload(record: dict[str, dict[str, str]]) -> str:
    return base64.b64decode(record["kinesis"]["data"]).decode()


def test_closed_shard_tells_its_end_and_takes_nothing(pipeline: Pipeline) -> None:
    """A split shard is listed with its last number, is read to a missing iterator, and cannot be split again."""
    pipeline.send(["one"])
    name = split(pipeline)
    closed = next(shard for shard in shards(pipeline) if shard["ShardId"] == name)
    assert "EndingSequenceNumber" in closed["SequenceNumberRange"]  # type: ignore[operator]

    iterator = pipeline.kinesis.get_shard_iterator(
        StreamName=pipeline.name, ShardId=name, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert "NextShardIterator" not in pipeline.kinesis.get_records(ShardIterator=iterator)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        pipeline.kinesis.split_shard(StreamName=pipeline.name, ShardToSplit=name, NewStartingHashKey="5")
    children = [shard for shard in shards(pipeline) if shard.get("ParentShardId") == name]
    assert 2 == len(children)


def test_merged_shards_are_followed_too(pipeline: Pipeline) -> None:
    """Both parents are read before the merged shard."""
    payloads = [f"r{number}" for number in range(40)]
    pipeline.send(payloads[:20])
    first, second = (str(shard["ShardId"]) for shard in shards(pipeline))
    pipeline.kinesis.merge_shards(StreamName=pipeline.name, ShardToMerge=first, AdjacentShardToMerge=second)
    pipeline.send(payloads[20:])
    pipeline.deploy_mapping(FunctionName=pipeline.function())

    pipeline.start()
    eventually(lambda: len(pipeline.accepted_payloads()) >= 40, what="the delivery")

    assert sorted(payloads) == sorted(pipeline.accepted_payloads())
