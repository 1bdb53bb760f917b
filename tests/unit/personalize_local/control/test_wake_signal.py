"""The alarm ends a wait: by a ring, by time, for good."""

import threading

from personalize_local.control.wake_signal import WakeSignal
from personalize_local.model.clock import ManualClock

DEADLINE = 60.0


def _waits(alarm: WakeSignal, until: float) -> threading.Thread:
    thread = threading.Thread(target=alarm.wait, args=(until,), daemon=True)
    thread.start()
    return thread


def _ended(thread: threading.Thread) -> bool:
    thread.join(DEADLINE)
    return not thread.is_alive()


def test_a_ring_since_it_was_set_ends_the_wait() -> None:
    """Before the wait or during it: a look that the ring asked for is never left out."""
    clock = ManualClock()
    alarm = WakeSignal(clock)
    alarm.ring()
    assert _ended(_waits(alarm, clock.now() + 60))
    alarm.set()
    waiting = _waits(alarm, clock.now() + 60)
    alarm.ring()
    assert _ended(waiting)


def test_time_ends_the_wait() -> None:
    """At the time of the clock, also when that has come already."""
    clock = ManualClock()
    alarm = WakeSignal(clock)
    clock.advance(60)
    assert _ended(_waits(alarm, clock.now()))


def test_closing_ends_every_wait() -> None:
    """Those that are under way and those to come."""
    alarm = WakeSignal(ManualClock())
    waiting = _waits(alarm, 1e12)
    alarm.close()
    assert _ended(waiting)
    assert _ended(_waits(alarm, 1e12))
