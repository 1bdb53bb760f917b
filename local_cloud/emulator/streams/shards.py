"""Kinesis in the emulator: a shard that was split or merged stays, closed, until its records are read.

MiniStack drops such a shard at once, with every record that no consumer has read. On AWS it takes no more records,
keeps those that it has, and its reader is told of the end by a missing `NextShardIterator`
(https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html).
"""

import json
from collections.abc import Callable
from typing import Any

_ENDING = "ending_sequence_number"

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[[dict[str, Any]], Answer]


def install() -> None:
    """Puts the corrections into MiniStack's Kinesis. Its own functions call each other by their names there."""
    from ministack.services import kinesis

    kinesis._route_to_shard = _route_to_open_shard
    kinesis._shard_out = _with_ending(kinesis._shard_out)
    kinesis._split_shard = _keeping_parents(kinesis, kinesis._split_shard, ("ShardToSplit",))
    kinesis._merge_shards = _keeping_parents(kinesis, kinesis._merge_shards, ("ShardToMerge", "AdjacentShardToMerge"))
    kinesis._get_records = _ending_closed_shards(kinesis, kinesis._get_records)


def _route_to_open_shard(hash_key: int, stream: dict[str, Any]) -> str:
    for name, shard in stream["shards"].items():
        if _ENDING not in shard and int(shard["starting_hash_key"]) <= hash_key <= int(shard["ending_hash_key"]):
            return str(name)
    raise LookupError(f"no open shard of {stream['StreamName']} takes the hash key {hash_key}")


def _with_ending(describe: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def shard_out(name: str, shard: dict[str, Any]) -> dict[str, Any]:
        described = describe(name, shard)
        if _ENDING in shard:
            described["SequenceNumberRange"]["EndingSequenceNumber"] = shard[_ENDING]
        return described

    return shard_out


def _keeping_parents(kinesis: Any, change: Handler, parents: tuple[str, ...]) -> Handler:
    """The operation, with the shards that it replaces kept closed; a closed shard cannot be replaced again."""

    def handler(request: dict[str, Any]) -> Answer:
        _, stream = kinesis._resolve_stream(request)
        shards = stream["shards"] if stream else {}
        replaced = {name: shards[name] for key in parents if (name := request.get(key)) in shards}
        if closed := [name for name, shard in replaced.items() if _ENDING in shard]:
            message = f"Shard {closed[0]} in stream {stream['StreamName']} is closed"
            refused: Answer = kinesis.error_response_json("ResourceInUseException", message, 400)
            return refused
        answer = change(request)
        if answer[0] == 200:
            ending = kinesis._next_sequence_number()
            shards.update({name: shard | {_ENDING: ending} for name, shard in replaced.items()})
        return answer

    return handler


def _ending_closed_shards(kinesis: Any, read: Handler) -> Handler:
    """The operation, without a next iterator when a closed shard has been read to its end."""

    def handler(request: dict[str, Any]) -> Answer:
        if not _reads_closed_shard(kinesis, request):
            return read(request)
        status, headers, body = read(request)
        answer = json.loads(body)
        state = kinesis._shard_iterators.get(answer.get("NextShardIterator"))
        stream = kinesis._streams.get(state["stream"]) if state else None
        shard = stream["shards"].get(state["shard_id"]) if stream else None
        if not shard or _ENDING not in shard or state["position"] < len(shard["records"]):
            return status, headers, body
        return status, headers, json.dumps({k: v for k, v in answer.items() if k != "NextShardIterator"}).encode()

    return handler


def _reads_closed_shard(kinesis: Any, request: dict[str, Any]) -> bool:
    """Whether the iterator is of a shard that takes no more records; the answers of all others are left as they are."""
    state = kinesis._shard_iterators.get(request.get("ShardIterator"))
    stream = kinesis._streams.get(state["stream"]) if state else None
    shard = stream["shards"].get(state["shard_id"]) if state and stream else None
    return shard is not None and _ENDING in shard
