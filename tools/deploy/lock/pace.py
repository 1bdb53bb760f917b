"""How often a deploy that holds a lock gives a sign of life, and how long the others wait for one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.environment.connection import Connection


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds. All deploys of an environment have the same."""

    beat_seconds: float = 60.0
    dead_after_seconds: float = 600.0
    look_seconds: float = 15.0


_ON_AWS = Pace()
_HERE = Pace(beat_seconds=1.0, dead_after_seconds=20.0, look_seconds=0.5)
"""On one computer the state folder admits one deploy at a time: the holder that is found is a dead one's."""


def pace_of(connection: Connection) -> Pace:
    """The pace of the environment."""
    return _HERE if connection.is_local else _ON_AWS


@dataclass(slots=True)
class Stillness:
    """Watches whether a holder's sign of life changes, for so long as makes it dead.

    The time is the observer's own and steady: it stands still while this computer sleeps, which only makes the wait
    longer; no other computer's clock takes part.
    """

    pace: Pace
    clock: Callable[[], float] = time.monotonic
    _seen: tuple[str, str] | None = None
    _since: float = field(default=0.0)

    def moved(self, holder: str, sign: str) -> bool:
        """Whether this holder gave another sign since the last look; another holder is watched from now on."""
        before, self._seen = self._seen, (holder, sign)
        if before == self._seen:
            return False
        self._since = self.clock()
        return before is not None and before[0] == holder

    def is_over(self) -> bool:
        """Whether the sign has not changed for so long that its holder is dead."""
        return self._seen is not None and self.clock() - self._since >= self.pace.dead_after_seconds
