"""What the alarms of the templates say of days at a site, judged by their own definitions minute by minute."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from local_cloud.emulator.alarms.evaluation import Window, evaluate
from tests.infra.synthesis import Synthesis

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
START = 1_800_000_000.0 - 1_800_000_000.0 % DAY
History = Mapping[str, Sequence[float]]
"""When each metric was measured, by its name."""


def _alarm(synthesis: Synthesis, name: str) -> Any:
    alarms = synthesis.resources("monitoring", "AWS::CloudWatch::Alarm").values()
    (found,) = [alarm for alarm in alarms if alarm["AlarmName"] == f"dev-recommender-{name}-alm"]
    return found


def _states(alarm: Any, history: History, days: float, step: float = MINUTE) -> list[str]:
    """The alarm's state at each step of so many days."""

    def read(window: Window) -> float | None:
        values = [time for time in history.get(window.metric, ()) if window.start <= time < window.end]
        return float(len(values)) if values else None

    state, states = "INSUFFICIENT_DATA", []
    for number in range(int(days * DAY / step)):
        state = evaluate(alarm, read, START + number * step).state or state
        states.append(state)
    return states


def _events(every: float, days: float, offset: float = 0.0) -> list[float]:
    return [START + offset + number * every for number in range(int(days * DAY / every))]


def _later(events: Iterable[float], seconds: float) -> list[float]:
    return [time + seconds for time in events]


@pytest.mark.parametrize("name", ["forwarding-stopped", "archive-stopped"])
@pytest.mark.parametrize("every", [MINUTE, HOUR, 5 * HOUR])
@pytest.mark.parametrize("offset", [0.0, 59.9, 899.9])
@pytest.mark.parametrize("takes", [0.5, 305.0])
def test_a_site_whose_events_are_handled_never_rings(
    dev: Synthesis, name: str, every: float, offset: float, takes: float
) -> None:
    """However rare its events are, wherever in a period they fall, and as long as a batch or an object may wait."""
    events = _events(every, 1, offset)
    done = _later(events, takes)
    history = {"IncomingRecords": events, "Invocations": done, "DeliveryToS3.Records": done}
    assert "ALARM" not in _states(_alarm(dev, name), history, 1, step=MINUTE if every >= HOUR else 7 * MINUTE)


@pytest.mark.parametrize(
    ("name", "every", "within"), [("forwarding-stopped", 60, 31 * MINUTE), ("archive-stopped", 60, 121 * MINUTE)]
)
def test_a_reader_that_is_dead_rings(dev: Synthesis, name: str, every: float, within: float) -> None:
    """Two periods after its last sign of life, and for as long as events come in."""
    events = _events(every, 0.5)
    alive = [time for time in events if time < START + 2 * HOUR]
    history = {"IncomingRecords": events, "Invocations": alive, "DeliveryToS3.Records": alive}
    states = _states(_alarm(dev, name), history, 0.5)
    first = states.index("ALARM") * MINUTE - 2 * HOUR
    assert 0 < first <= within
    assert {"ALARM"} == set(states[states.index("ALARM") :])


@pytest.mark.parametrize("name", ["forwarding-stopped", "archive-stopped", "stream-throttled", "recommend-throttles"])
def test_a_site_without_an_event_never_rings(dev: Synthesis, name: str) -> None:
    """None of the metrics was ever published."""
    assert "ALARM" not in _states(_alarm(dev, name), {}, 2, step=HOUR)


def _rings(synthesis: Synthesis, name: str, history: History, days: float) -> list[bool]:
    """Whether the composite alarm of silence would ring, hour by hour."""
    lately, ever = (_states(_alarm(synthesis, f"{name}-{part}"), history, days, HOUR) for part in ("lately", "ever"))
    assert "ALARM" not in lately + ever
    return [a == "INSUFFICIENT_DATA" and b != "INSUFFICIENT_DATA" for a, b in zip(lately, ever, strict=True)]


@pytest.mark.parametrize("name", ["no-events", "recommendation-idle"])
def test_silence_rings_only_after_a_word_and_until_the_next(dev: Synthesis, name: str) -> None:
    """Never before the first; a day after the last, give or take the periods that CloudWatch looks back further."""
    assert not any(_rings(dev, name, {}, 12))
    said = [*_events(HOUR / 2, 2, offset=2 * DAY), *_events(HOUR / 2, 1, offset=13 * DAY)]
    history = {"EventsAccepted": said, "GetRecommendations": said}
    ringing = _rings(dev, name, history, 14)
    assert not any(ringing[: 5 * 24])
    # More than seven days of silence: the alarm does not forget.
    assert all(ringing[5 * 24 + 4 : 13 * 24])
    assert not any(ringing[13 * 24 + 2 :])


def test_a_mapping_that_is_dead_rings_at_a_quiet_site_too(dev: Synthesis) -> None:
    """Events that come in and are not forwarded are none, however rare they are."""
    events = _events(3 * HOUR, 6, offset=10)
    alive = [time + 1 for time in events if time < START + 2 * DAY]
    ringing = _rings(dev, "no-events", {"IncomingRecords": events, "EventsAccepted": alive}, 6)
    assert not any(ringing[: 2 * 24])
    assert all(ringing[3 * 24 + 4 :])


def test_observed_events_alone_are_silence(dev: Synthesis) -> None:
    """Lists are shown and letters opened, the function is invoked, and nothing to learn from comes any more."""
    events = _events(HOUR / 2, 6, offset=10)
    learned = [time for time in events if time < START + 2 * DAY]
    history = {"IncomingRecords": events, "Invocations": events, "EventsObserved": events, "EventsAccepted": learned}
    ringing = _rings(dev, "no-events", history, 6)
    assert not any(ringing[: 2 * 24])
    assert all(ringing[3 * 24 + 4 :])


def test_a_site_that_sends_observed_events_only_is_not_missed(dev: Synthesis) -> None:
    """Before the first event of another type there is nothing that could be missing."""
    observed = dict.fromkeys(("IncomingRecords", "Invocations", "EventsObserved"), _events(HOUR / 2, 6))
    assert not any(_rings(dev, "no-events", observed, 6))


@pytest.mark.parametrize("counts", [{}, {"EventsObserved": 30.0}])
def test_an_invocation_that_accepted_nothing_is_no_event(dev: Synthesis, counts: dict[str, float]) -> None:
    """The function publishes 0 then; a 0 is no datapoint for the alarm, an event is one."""
    for accepted, state in ((0.0, "INSUFFICIENT_DATA"), (1.0, "OK")):
        measured = counts | {"EventsAccepted": accepted}
        found = evaluate(_alarm(dev, "no-events-lately"), lambda window, of=measured: of.get(window.metric), START)  # type: ignore[misc]
        assert state == found.state


@pytest.mark.parametrize("name", ["no-events", "recommendation-idle", "recommendation-outdated"])
def test_the_first_word_is_no_silence(dev: Synthesis, name: str) -> None:
    """Whatever the minute of the hour: what looks back for days is evaluated by the hour, and both parts alike."""
    said = [START + 10 * HOUR + 5 * MINUTE + 1]
    history = dict.fromkeys(("EventsAccepted", "GetRecommendations", "DaysSincePromotion"), said)
    lately, ever = (_states(_alarm(dev, f"{name}-{part}"), history, 0.6) for part in ("lately", "ever"))
    assert "INSUFFICIENT_DATA" != ever[-1]
    assert not [a for a, b in zip(lately, ever, strict=True) if a == "INSUFFICIENT_DATA" and b != "INSUFFICIENT_DATA"]
