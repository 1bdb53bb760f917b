"""Gathering events into the fewest calls that keep the order."""

from hypothesis import given
from hypothesis import strategies as st

from lambdas.forward_events.records import StreamRecord
from lambdas.forward_events.sessions import gather
from lambdas.shared.event import Event
from tests.unit.lambdas.forward_events.stream import ARRIVAL, sent_id


def batch(*events: Event) -> list[tuple[int, StreamRecord, Event]]:
    return [(n, StreamRecord(str(n), "shard", "arn", ARRIVAL + n, ""), event) for n, event in enumerate(events)]


def event(session: str, user: str | None = "u", **changes: object) -> Event:
    return Event(user_id=user, session_id=session, event_type="DetailView", item_id="2-Pug-1-4", **changes)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from("abc"), max_size=80))
def test_d04_the_calls_are_the_fewest_and_in_order(sessions):
    """Interleaved sessions give ceil(n / 10) calls each, their events in the order of the stream."""
    gathered = gather(batch(*(event(session) for session in sessions)))

    places = {
        session.session_id: [place for _, events in session.calls() for pending in events for place in pending.places]
        for session in gathered
    }
    calls = {session.session_id: len(list(session.calls())) for session in gathered}
    expected = {name: [n for n, session in enumerate(sessions) if session == name] for name in set(sessions)}
    assert expected == places
    assert {name: -(-len(mine) // 10) for name, mine in expected.items()} == calls


def test_no_call_has_more_than_ten_events_or_two_visitors():
    """PutEvents takes one visitor and ten events."""
    [session] = gather(batch(*(event("s", None if n < 12 else "u") for n in range(25))))

    assert [(None, 10), (None, 2), ("u", 10), ("u", 3)] == [(user, len(events)) for user, events in session.calls()]


@given(st.lists(st.sampled_from([None, "u", "v"]), max_size=60))
def test_whoever_logs_in_and_out_the_order_stays(users):
    """Of one session's events, those of each call are one visitor's, and all are in the order of the stream."""
    calls = [call for session in gather(batch(*(event("s", user) for user in users))) for call in session.calls()]

    assert list(range(len(users))) == [place for _, events in calls for pending in events for place in pending.places]
    assert all(users[place] == user for user, events in calls for pending in events for place in pending.places)


def test_an_event_that_came_twice_is_sent_once():
    """Two records with one event become one event that stands for both."""
    [session] = gather(batch(event("s", occurred_at=ARRIVAL), event("s"), event("s", occurred_at=ARRIVAL)))

    assert [[0, 2], [1]] == [pending.places for _, events in session.calls() for pending in events]


def test_d05_sent_at_is_the_events_own_time():
    """An event's own time wins; only one without is dated by the record's arrival."""
    [session] = gather(batch(event("s", occurred_at=ARRIVAL - 500), event("s")))

    assert [ARRIVAL - 500, ARRIVAL + 1] == [
        pending.as_request()["sentAt"].timestamp() for _, events in session.calls() for pending in events
    ]


def test_d11_what_the_event_says_is_passed_on():
    """Value, recommendation, impression and properties reach PutEvents; what is absent is not sent."""
    full = event(
        "s", event_id="e", event_value=1.5, recommendation_id="RID-1", impression=("2-Pug-1-4",), properties="{}"
    )
    [session] = gather(batch(full, event("s")))
    [(_, [rich, plain])] = session.calls()

    request = rich.as_request()
    del request["sentAt"]
    assert {
        "eventId": sent_id("e", "u", "s"),
        "eventType": "DetailView",
        "itemId": "2-Pug-1-4",
        "eventValue": 1.5,
        "recommendationId": "RID-1",
        "impression": ["2-Pug-1-4"],
        "properties": "{}",
    } == request
    assert {"eventId", "eventType", "itemId", "sentAt"} == set(plain.as_request())
