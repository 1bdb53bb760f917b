"""What ends a thread's waiting before its time."""

import threading

from personalize_local.model.clock import Clock


class WakeSignal:
    """Rung by whoever changes something that the waiting thread should look at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._rung = False
        self.closed = False

    def ring(self) -> None:
        """Have the thread look now; if it is looking, once more."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def set(self) -> None:
        """Forget the rings so far: a look begins, and will see their causes."""
        with self._changed:
            self._rung = False

    def wait(self, until: float) -> None:
        """Returns at the time `until` of the clock, or when rung since `set`, or when closed."""
        with self._changed:
            if not self.closed and not self._rung:
                self._clock.wait(self._changed, until)
