"""A consumer of a whole stream: one worker thread a shard, parents before children, from where it stood.

The mapping and the archiver differ in what they do with a shard; how shards are found, started, resumed and ended is
the same and lives here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.delivery.streams.checkpoints import SHARD_END, TRIM_HORIZON, Checkpoints, Position
from local_cloud.delivery.streams.shards import Shard, StreamMissingError, list_shards, ready

SERVICE_ERRORS = (BotoCoreError, ClientError, StreamMissingError)
"""What a call of the stream can raise when it may succeed later."""

LIST_SECONDS = 5.0
"""How often shards are listed while none of them ends."""

RETRY_SECONDS = 0.5

_SHORTEST_POLL_SECONDS = 0.2
_LONGEST_POLL_SECONDS = 1.0


class StoppedError(Exception):
    """The consumer is to stop; work without a checkpoint is done again at the next start."""


class Pauses:
    """Waiting that ends early, by `StoppedError`, when the consumer is stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def __call__(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError


class IdlePoll:
    """Seconds until the next read of a shard that had nothing: up to the one second of AWS's own poller."""

    def __init__(self) -> None:
        self._seconds = _SHORTEST_POLL_SECONDS

    def after(self, records: int) -> float:
        if records:
            self._seconds = _SHORTEST_POLL_SECONDS
            return 0.0
        seconds, self._seconds = self._seconds, min(_LONGEST_POLL_SECONDS, self._seconds * 1.5)
        return seconds


ShardWork = Callable[[str, dict[str, Position]], None]
"""Works on a shard from the positions of its lanes on, until it is stopped or has saved SHARD_END for every lane."""


class StreamConsumer:
    """Runs `work` for each shard of a stream that is ready, in a thread of its own."""

    def __init__(
        self,
        *,
        name: str,
        stream_arn: str,
        start_at: Position,
        lanes: Sequence[str],
        kinesis: Any,
        checkpoints: Checkpoints,
        work: ShardWork,
        stop: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._stream_arn = stream_arn
        self._start_at = start_at
        self._lanes = tuple(lanes)
        self._kinesis = kinesis
        self._checkpoints = checkpoints
        self._work = work
        self._stop = stop
        self._clock = clock
        self._changed = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the consumer to stop; `join` waits for it."""
        self._stop.set()
        self._changed.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait, at most so long, until every shard's work has ended."""
        deadline = None if seconds is None else time.monotonic() + seconds

        def left() -> float | None:
            return None if deadline is None else max(0.0, deadline - time.monotonic())

        self._thread.join(left())  # it starts no more shards after this
        for thread in self._running.values():
            thread.join(left())

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.clear()
            try:
                shards = list_shards(self._kinesis, self._stream_arn)
            except SERVICE_ERRORS as error:
                self.problem = f"cannot list the shards of {self._stream_arn}: {error}"
                self._changed.wait(RETRY_SECONDS)
                continue
            self.problem = None
            self._start_ready(shards)
            self._changed.wait(LIST_SECONDS)

    def _start_ready(self, shards: Sequence[Shard]) -> None:
        # Before the positions: work that ends between the two looks finished, and never unread and idle.
        self._running = {name: thread for name, thread in self._running.items() if thread.is_alive()}
        positions = self._positions(shards)
        finished = {shard for shard, lanes in positions.items() if set(lanes.values()) == {SHARD_END}}
        for shard in ready(shards, finished, self._running):
            start = self._lane_positions(shard.shard_id, positions.get(shard.shard_id))
            thread = threading.Thread(
                target=self._work_on, args=(shard.shard_id, start), name=f"{self.name}/{shard.shard_id}", daemon=True
            )
            self._running[shard.shard_id] = thread
            thread.start()

    def _work_on(self, shard_id: str, positions: dict[str, Position]) -> None:
        try:
            self._work(shard_id, positions)
        finally:
            self._changed.set()

    def _positions(self, shards: Sequence[Shard]) -> dict[str, dict[str, Position]]:
        """The saved positions; at the very first start the starting position is saved for the shards that exist.

        Shards that appear later are read from their beginning, whatever the starting position was. LATEST is saved
        as the time of the first start, so that a restart before the first record skips nothing.
        """
        positions = self._checkpoints.positions(self.name)
        if positions:
            return positions
        latest = self._start_at.type == "LATEST"
        start = Position("AT_TIMESTAMP", self._clock()) if latest else self._start_at
        for shard in shards:
            first = SHARD_END if latest and shard.closed else start
            self._checkpoints.save(self.name, shard.shard_id, dict.fromkeys(self._lanes, first))
        return self._checkpoints.positions(self.name)

    def _lane_positions(self, shard_id: str, saved: dict[str, Position] | None) -> dict[str, Position]:
        """A position for each lane; after a change of their number all begin at the earliest of the old ones."""
        if saved is None:
            return dict.fromkeys(self._lanes, TRIM_HORIZON)
        if set(saved) == set(self._lanes):
            return saved
        earliest = min(saved.values(), key=lambda position: position.order)
        positions = dict.fromkeys(self._lanes, earliest)
        self._checkpoints.replace(self.name, shard_id, positions)
        return positions
