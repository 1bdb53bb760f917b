"""The acts of a storm, done to the processes and the stream of a local cloud."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from tests.faults.pipeline import Pipeline
from tests.faults.storm import Act


class Actor:
    """Does the acts in their order, each when its time has come."""

    def __init__(self, pipeline: Pipeline, acts: Sequence[Act], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipeline = pipeline
        self._waiting = list(acts)
        self._clock = clock
        self._stalled: int | None = None
        self._stalled_until = 0.0
        self.done: list[str] = []

    @property
    def is_done(self) -> bool:
        return not self._waiting and self._stalled is None

    def look(self, stored: int) -> None:
        """Do what is due now that so many events are stored. One act a look, none during a stall."""
        if self._stalled is not None:
            if self._clock() < self._stalled_until:
                return
            self._signal(self._stalled, signal.SIGCONT)
            self._stalled = None
        if self._waiting and stored >= self._waiting[0].after:
            act = self._waiting[0]
            if self._do(act):
                self._waiting.pop(0)
                self.done.append(act.deed)

    def release(self) -> None:
        """Let a stalled process go on: nothing may stay stopped."""
        if self._stalled is not None:
            self._signal(self._stalled, signal.SIGCONT)
            self._stalled = None

    def _do(self, act: Act) -> bool:
        """Whether it could be done; a process that is just being started again is waited for."""
        match act.deed:
            case "kill forwarder":
                return self._kill("function")
            case "kill delivery":
                return self._kill("delivery")
            case "kill Personalize":
                return self._kill("personalize")
            case "stall Personalize":
                for process in self._pipeline.processes("personalize"):
                    self._signal(process.pid, signal.SIGSTOP)
                    self._stalled, self._stalled_until = process.pid, self._clock() + act.seconds
                return self._stalled is not None
            case "split shard":
                self._split()
                return True

    def _kill(self, name: str) -> bool:
        found = self._pipeline.processes(name)
        for process in found:
            self._signal(process.pid, signal.SIGKILL)
        return bool(found)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def _split(self) -> None:
        """Split the first open shard in the middle."""
        kinesis = self._pipeline.client("kinesis")
        shards = kinesis.list_shards(StreamName=self._pipeline.stream)["Shards"]
        shard = next(one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"])
        keys = {name: int(value) for name, value in shard["HashKeyRange"].items()}
        middle = (keys["StartingHashKey"] + keys["EndingHashKey"] + 1) // 2
        kinesis.split_shard(
            StreamName=self._pipeline.stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
        )
