"""Closed shards in the emulator's Kinesis, on a stand-in for its module."""

import itertools
import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from local_cloud.emulator.streams import shards as emulator_shards

MIDDLE = 50


class FakeKinesis(ModuleType):
    """What the corrections use of MiniStack's module, written as it is there: functions that call each other."""

    def __init__(self) -> None:
        super().__init__("ministack.services.kinesis")
        self.stream = {"StreamName": "events", "shards": {"a": shard(0, 99)}}
        self._streams = {"events": self.stream}
        self._shard_iterators: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(100)

    def _resolve_stream(self, request: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        return "events", self._streams.get(request.get("StreamName", "events"))

    def _next_sequence_number(self) -> str:
        return str(next(self._numbers))

    def error_response_json(self, code: str, message: str, status: int) -> tuple[int, dict[str, str], bytes]:
        return status, {}, json.dumps({"__type": code, "message": message}).encode()

    def _shard_out(self, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
        return {"ShardId": name, "SequenceNumberRange": {"StartingSequenceNumber": "1"}}

    def _split_shard(self, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        shards: dict[str, Any] = self.stream["shards"]  # type: ignore[assignment]
        if request["ShardToSplit"] not in shards:
            return self.error_response_json("ResourceNotFoundException", "no such shard", 400)
        old = shards.pop(request["ShardToSplit"])
        name = request["ShardToSplit"]
        shards[f"{name}1"] = shard(int(old["starting_hash_key"]), MIDDLE - 1)
        shards[f"{name}2"] = shard(MIDDLE, int(old["ending_hash_key"]))
        return 200, {}, b"{}"

    def _merge_shards(self, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        shards: dict[str, Any] = self.stream["shards"]  # type: ignore[assignment]
        for key in ("ShardToMerge", "AdjacentShardToMerge"):
            del shards[request[key]]
        shards["merged"] = shard(0, 99)
        return 200, {}, b"{}"

    def _get_records(self, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if request["ShardIterator"] == "unknown":
            return self.error_response_json("ExpiredIteratorException", "old", 400)
        return 200, {}, json.dumps({"Records": [], "NextShardIterator": request["ShardIterator"]}).encode()


def shard(low: int, high: int, *records: str) -> dict[str, Any]:
    return {"starting_hash_key": str(low), "ending_hash_key": str(high), "records": list(records)}


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> FakeKinesis:
    fake = FakeKinesis()
    services = ModuleType("ministack.services")
    services.kinesis = fake  # type: ignore[attr-defined]
    for name, module in (("ministack", ModuleType("ministack")), (services.__name__, services), (fake.__name__, fake)):
        monkeypatch.setitem(sys.modules, name, module)
    emulator_shards.install()
    return fake


def test_split_shard_stays_with_its_records_and_says_where_it_ends(kinesis: FakeKinesis) -> None:
    """The parent is there, closed, beside its children."""
    shards: Any = kinesis.stream["shards"]
    shards["a"]["records"].append("unread")
    assert 200 == kinesis._split_shard({"ShardToSplit": "a"})[0]
    assert {"a", "a1", "a2"} == set(shards)
    assert ["unread"] == shards["a"]["records"]
    assert "100" == kinesis._shard_out("a", shards["a"])["SequenceNumberRange"]["EndingSequenceNumber"]
    assert "EndingSequenceNumber" not in kinesis._shard_out("a1", shards["a1"])["SequenceNumberRange"]


def test_new_records_go_to_open_shards_only(kinesis: FakeKinesis) -> None:
    """Also after the second split, when closed shards come first in the emulator's own order."""
    kinesis._split_shard({"ShardToSplit": "a"})
    kinesis._merge_shards({"ShardToMerge": "a1", "AdjacentShardToMerge": "a2"})
    route: Any = kinesis._route_to_shard
    assert {"merged"} == {route(key, kinesis.stream) for key in (0, MIDDLE, 99)}
    assert {"a", "a1", "a2", "merged"} == set(kinesis.stream["shards"])
    with pytest.raises(LookupError, match="takes the hash key 100"):
        route(100, kinesis.stream)


def test_closed_shard_cannot_be_split_again(kinesis: FakeKinesis) -> None:
    """As on AWS: the resource is in use."""
    kinesis._split_shard({"ShardToSplit": "a"})
    status, _, body = kinesis._split_shard({"ShardToSplit": "a"})
    assert (400, "ResourceInUseException") == (status, json.loads(body)["__type"])


def test_refused_split_closes_nothing(kinesis: FakeKinesis) -> None:
    """What the emulator refuses changes no shard."""
    assert 400 == kinesis._split_shard({"ShardToSplit": "b"})[0]
    assert {"a": shard(0, 99)} == kinesis.stream["shards"]


def test_reader_is_told_the_end_when_the_last_record_is_read(kinesis: FakeKinesis) -> None:
    """A missing next iterator is the end; before it, and in an open shard, there is one."""
    shards: Any = kinesis.stream["shards"]
    shards["a"]["records"] += ["one", "two"]
    kinesis._split_shard({"ShardToSplit": "a"})
    for token, name, position in (("middle", "a", 1), ("end", "a", 2), ("open", "a1", 0)):
        kinesis._shard_iterators[token] = {"stream": "events", "shard_id": name, "position": position}

    def goes_on(token: str) -> bool:
        return "NextShardIterator" in json.loads(kinesis._get_records({"ShardIterator": token})[2])

    assert [True, False, True] == [goes_on(token) for token in ("middle", "end", "open")]


def test_errors_of_a_read_pass(kinesis: FakeKinesis) -> None:
    """An expired iterator stays what it was."""
    status, _, body = kinesis._get_records({"ShardIterator": "unknown"})
    assert (400, "ExpiredIteratorException") == (status, json.loads(body)["__type"])
