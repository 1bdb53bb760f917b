"""The acts of a storm: each in its turn, done to processes of its own; nothing stays stopped."""

import signal
from typing import Any

import pytest

from local_cloud.supervisor.processes import Process
from tests.faults.acts import Actor
from tests.faults.storm import Act

PIDS = {"function": [11, 12], "delivery": [21], "personalize": [31]}


class Pipeline:
    """Processes by name, and a stream of one closed shard and two open ones."""

    stream = "stream"

    def __init__(self) -> None:
        self.there = {name: list(pids) for name, pids in PIDS.items()}
        self.splits: list[dict[str, str]] = []

    def processes(self, name: str) -> list[Process]:
        return [Process(name=name, pid=pid, memory_megabytes=1.0) for pid in self.there[name]]

    def client(self, service: str) -> "Pipeline":
        return self

    def list_shards(self, **_: str) -> dict[str, Any]:
        def shard(name: str, start: int, end: int, **numbers: str) -> dict[str, Any]:
            keys = {"StartingHashKey": str(start), "EndingHashKey": str(end)}
            return {"ShardId": name, "HashKeyRange": keys, "SequenceNumberRange": numbers}

        return {"Shards": [shard("a", 0, 99, EndingSequenceNumber="7"), shard("b", 100, 199), shard("c", 200, 299)]}

    def split_shard(self, **request: str) -> None:
        self.splits.append(request)


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append((pid, number)))
    return sent


def actor(pipeline: Pipeline, *given: Act, times: list[float] | None = None) -> Actor:
    clock = iter(times or [])
    return Actor(pipeline, given, clock=lambda: next(clock))  # type: ignore[arg-type]


def test_an_act_waits_for_its_number_of_events(signals: list[tuple[int, int]]) -> None:
    """One a look, in their order, each to all processes of its kind."""
    doing = actor(Pipeline(), Act(10, "kill forwarder"), Act(20, "kill delivery"), Act(20, "kill Personalize"))
    killed = []
    for stored in (9, 10, 30, 30):
        signals.clear()
        doing.look(stored)
        killed.append([pid for pid, number in signals if number == signal.SIGKILL])
    assert [[], [11, 12], [21], [31]] == killed
    assert (["kill forwarder", "kill delivery", "kill Personalize"], True) == (doing.done, doing.is_done)


def test_a_process_that_is_being_started_again_is_waited_for(signals: list[tuple[int, int]]) -> None:
    """The act is done at a later look."""
    pipeline = Pipeline()
    pipeline.there["delivery"] = []
    doing = actor(pipeline, Act(1, "kill delivery"))
    doing.look(5)
    assert ([], False) == (doing.done, doing.is_done)
    pipeline.there["delivery"] = [22]
    doing.look(5)
    assert [(22, signal.SIGKILL)] == signals
    assert doing.is_done


def test_a_stall_ends_after_its_time(signals: list[tuple[int, int]]) -> None:
    """Nothing else is done meanwhile."""
    doing = actor(Pipeline(), Act(1, "stall Personalize", 60.0), Act(1, "kill delivery"), times=[100.0, 130.0, 160.0])
    for _ in range(3):
        doing.look(5)
    assert [(31, signal.SIGSTOP), (31, signal.SIGCONT), (21, signal.SIGKILL)] == signals


def test_a_run_that_breaks_off_leaves_nothing_stopped(signals: list[tuple[int, int]]) -> None:
    """Released once; there is nothing to release otherwise."""
    doing = actor(Pipeline(), Act(1, "stall Personalize", 60.0), times=[100.0])
    doing.release()
    doing.look(5)
    doing.release()
    doing.release()
    assert [(31, signal.SIGSTOP), (31, signal.SIGCONT)] == signals


def test_an_open_shard_is_split_in_the_middle() -> None:
    """A closed one cannot be split."""
    pipeline = Pipeline()
    actor(pipeline, Act(1, "split shard")).look(1)
    assert [{"StreamName": "stream", "ShardToSplit": "b", "NewStartingHashKey": "150"}] == pipeline.splits
