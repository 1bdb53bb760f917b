"""Records of a shard in a file: read as a list is, kept over restarts, forgotten with their stream."""

import copy
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local_cloud.emulator import log as emulator_log
from local_cloud.emulator.log import RecordLog, SequenceNumbers, now_and_then, start_position


def record(number: int, arrival: float = 0.0) -> dict[str, Any]:
    return {
        "SequenceNumber": f"{number:030}",
        "ApproximateArrivalTimestamp": arrival or 1000.0 + number,
        "Data": "YQ==" * (number % 5),
        "PartitionKey": f"k\r\u2028{number}",
    }


def filled(file: Path, count: int) -> RecordLog:
    log = RecordLog(file)
    for number in range(count):
        log.append(record(number))
    return log


def test_it_reads_like_a_list(tmp_path: Path) -> None:
    """Length, places from both ends, slices and iteration are those of the list with the same records."""
    log, expected = filled(tmp_path / "a.jsonl", 2500), [record(number) for number in range(2500)]
    assert expected == list(log)
    assert (len(expected), expected[0], expected[-1], expected[7]) == (len(log), log[0], log[-1], log[7])
    for part in (slice(3, 9), slice(2490, 4000), slice(9, 3), slice(None, None, 500), slice(3000, 3100)):
        assert expected[part] == log[part]
    with pytest.raises(IndexError):
        log[2500]
    assert not RecordLog(tmp_path / "empty.jsonl")


def test_what_was_taken_outlives_the_process_and_half_a_line_does_not(tmp_path: Path) -> None:
    """Another log on the file has all records; a line that was cut off is dropped and written over."""
    file = tmp_path / "a.jsonl"
    filled(file, 3)
    with file.open("ab") as content:
        content.write(json.dumps(record(3)).encode()[:20])
    again = RecordLog(file)
    assert [record(number) for number in range(3)] == list(again)
    again.append(record(4))
    assert [0, 1, 2, 4] == [int(one["SequenceNumber"]) for one in RecordLog(file)]


def test_old_records_are_forgotten(tmp_path: Path) -> None:
    """From the oldest on, and what a save keeps says so."""
    log = filled(tmp_path / "a.jsonl", 10)
    assert (0, 4) == (log.expire(1000.0), log.expire(1004.0))
    assert [4, 5, 6, 7, 8, 9] == [int(one["SequenceNumber"]) for one in log]
    assert record(4) == log[0]
    kept: Any = copy.deepcopy(log)
    assert {"record_log": str(log.file), "first": 4} == kept
    log.expire(5000.0)
    assert (0, []) == (len(log), list(log))


def test_numbers_rise_whatever_the_clock_does() -> None:
    """Also when it is set back, and above what an earlier process gave: a lower one would be passed over as read."""
    clock = iter((5.0, 5.0, 4.0, 4.5, 6.0, 1.0))
    numbers = SequenceNumbers(clock=lambda: next(clock))
    given = [numbers() for _ in range(5)]
    assert sorted(set(given)) == given
    assert {30} == {len(number) for number in given}
    numbers.follow(f"{9 * 10**16:030}")
    assert int(numbers()) > 9 * 10**16


def test_arrivals_rise_whatever_the_clock_does(tmp_path: Path) -> None:
    """A position by time is found by halving; the clock may be set back between two records, and over a restart."""
    log = RecordLog(tmp_path / "a.jsonl")
    for number, arrival in enumerate((10.0, 8.0, 11.0)):
        log.append(record(number, arrival))
    again = RecordLog(log.file)
    again.append(record(3, 9.0))
    assert [10.0, 10.0, 11.0, 11.0] == [one["ApproximateArrivalTimestamp"] for one in again]


@pytest.mark.parametrize(
    ("kind", "argument", "expected"),
    [
        ("TRIM_HORIZON", "", 0),
        ("LATEST", "", 10),
        ("AT_SEQUENCE_NUMBER", "5", 5),
        ("AFTER_SEQUENCE_NUMBER", "5", 6),
        ("AFTER_SEQUENCE_NUMBER", "99", 10),
        ("AT_TIMESTAMP", "1005", 5),
        ("AT_TIMESTAMP", "1005.5", 6),
        ("AT_TIMESTAMP", "1", 0),
        ("SOMEWHERE", "", None),
    ],
)
def test_an_iterator_starts_where_its_type_says(tmp_path: Path, kind: str, argument: str, expected: int | None) -> None:
    """The places that AWS documents for each type."""
    log = filled(tmp_path / "a.jsonl", 10)
    assert expected == start_position(log, kind, argument, argument)


class FakeKinesis(ModuleType):
    """What the corrections use of MiniStack's module."""

    def __init__(self) -> None:
        super().__init__("ministack.services.kinesis")
        self.shard: dict[str, Any] = {"records": [record(1, time.time())]}
        self.stream: dict[str, Any] = {
            "StreamName": "events",
            "RetentionPeriodHours": 24,
            "shards": {"a": self.shard},
        }
        self._shard_iterators: dict[str, dict[str, Any]] = {}

    def _next_sequence_number(self) -> str:
        return "1"

    def _expire_records(self, stream: dict[str, Any]) -> None: ...
    def _start_position(self, *arguments: Any) -> None: ...
    def _expire_iterators(self) -> None: ...

    def _resolve_stream(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "events", self.stream

    def _delete_stream(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return request["status"], {}, b""


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKinesis:
    fake = FakeKinesis()
    services = ModuleType("ministack.services")
    services.kinesis = fake  # type: ignore[attr-defined]
    for name, module in (("ministack", ModuleType("ministack")), (services.__name__, services), (fake.__name__, fake)):
        monkeypatch.setitem(sys.modules, name, module)
    emulator_log.install(tmp_path / "streams")
    return fake


def test_lists_become_files_and_saved_names_become_logs(kinesis: FakeKinesis, tmp_path: Path) -> None:
    """At the first call, with what the list held; after a restart, from the file that the save names."""
    kinesis._expire_records(kinesis.stream)
    log = kinesis.shard["records"]
    kinesis.shard["records"].append(record(2, time.time()))
    saved = json.loads(json.dumps(copy.deepcopy(kinesis.stream)))
    kinesis._expire_records(saved)
    assert [1, 2] == [int(one["SequenceNumber"]) for one in saved["shards"]["a"]["records"]]
    assert log.file == saved["shards"]["a"]["records"].file
    assert log.file.parent == tmp_path / "streams"


def test_a_new_process_gives_higher_numbers_than_the_last(kinesis: FakeKinesis) -> None:
    """Though the clock was set back since: what lies in the file is followed."""
    ahead = 10 ** (20 + 5)
    kinesis.shard["records"] = [record(ahead, time.time())]
    kinesis._expire_records(kinesis.stream)
    assert int(kinesis._next_sequence_number()) > ahead


def test_forgetting_moves_no_reader_to_other_records(kinesis: FakeKinesis) -> None:
    """Iterators of the shard point to the records that they pointed to; those of others stay."""
    now = time.time()
    kinesis.shard["records"] = [record(1, now - 90_000), record(2, now - 90_000), record(3, now), record(4, now)]
    for name, shard, position in (("end", "a", 4), ("third", "a", 2), ("first", "a", 0), ("other", "b", 2)):
        kinesis._shard_iterators[name] = {"stream": "events", "shard_id": shard, "position": position}
    kinesis._expire_records(kinesis.stream)
    assert {"end": 2, "third": 0, "first": 0, "other": 2} == {
        name: state["position"] for name, state in kinesis._shard_iterators.items()
    }


def test_a_deleted_stream_leaves_no_file(kinesis: FakeKinesis, tmp_path: Path) -> None:
    """Unless the deletion is refused."""
    kinesis._expire_records(kinesis.stream)
    for status, files in ((400, 1), (200, 0)):
        kinesis._delete_stream({"status": status})
        assert files == len(list((tmp_path / "streams").iterdir()))


def test_iterators_are_looked_through_now_and_then() -> None:
    """Not at every call: once a second."""
    looks: list[float] = []
    now = 0.0
    expire = now_and_then(lambda: looks.append(now), clock=lambda: now)
    for now in (0.0, 0.1, 0.9, 1.0, 1.5, 2.1):  # noqa: B007 - the clock reads it
        expire()
    assert [0.0, 1.0, 2.1] == looks
