"""Sending sessions: order, halving, stopping."""

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.forward_events.records import StreamRecord
from lambdas.forward_events.sessions import Session, gather
from lambdas.forward_events.tracker import Trackers
from lambdas.shared.attempts import Attempts
from lambdas.shared.event import Event
from tests.unit.lambdas.forward_events.stream import ARRIVAL, sent_id
from tests.unit.lambdas.personalize_server import INVALID, RESET, THROTTLED


def session(size: int) -> Session:
    events = (
        (n, StreamRecord(str(n), "shard", "arn", ARRIVAL, ""), Event("u", "s", "View", "2-Pug-1-4", event_id=f"e{n}"))
        for n in range(size)
    )
    [gathered] = gather(events)
    return gathered


@pytest.fixture
def trackers(aws, personalize):
    client = boto3.client(
        "personalize-events", endpoint_url=personalize.url, config=Config(retries={"total_max_attempts": 1})
    )

    def make(*tracking_ids: str, most: int = 1) -> Trackers:
        return Trackers(client, tracking_ids or ("tracker-1",), Attempts(most=most, first_pause=0.0, longest_pause=0.0))

    return make


def sent(*numbers: int) -> list[str]:
    """Under which ids the session's events of these numbers are sent."""
    return [sent_id(f"e{number}", "u", "s") for number in numbers]


def ids(pending) -> list[str]:
    return [event.event_id for event in pending]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(size=st.integers(1, 25), guilty=st.sets(st.integers(0, 24)))
def test_only_the_guilty_are_refused(trackers, personalize, size, guilty):
    """Whichever events Personalize refuses, the others of their calls are accepted, in order."""
    bad = set(sent(*guilty))
    personalize.events.clear()
    personalize.judge = lambda operation, request: (
        INVALID if any(event["eventId"] in bad for event in request["eventList"]) else None
    )

    outcome = trackers().send(session(size), stop_at=float("inf"))

    names = sent(*range(size))
    assert [name for name in names if name in bad] == ids(event for event, _ in outcome.refused)
    assert [name for name in names if name not in bad] == ids(outcome.accepted) == list(personalize.events["tracker-1"])
    assert [] == outcome.failed


def test_the_reason_of_a_refusal_is_personalizes_own(trackers, personalize):
    """The quarantine will show what Personalize said."""
    personalize.judge = lambda operation, request: INVALID

    [(_, error)] = trackers().send(session(1), stop_at=float("inf")).refused

    assert "refused by Amazon Personalize (InvalidInputException): not like this" == error.message


def test_nothing_follows_the_first_failure_of_a_session(trackers, personalize):
    """A session stops at its first failed call, so that its order holds when it is tried again."""
    personalize.judge = lambda operation, request: THROTTLED if request["eventList"][0]["eventId"] in sent(10) else None

    outcome = trackers().send(session(25), stop_at=float("inf"))

    names = sent(*range(25))
    assert (names[:10], names[10:], "ThrottlingException") == (
        ids(outcome.accepted),
        ids(outcome.failed),
        outcome.failure,
    )
    assert 2 == outcome.calls == len(personalize.of("PutEvents"))


def test_a_failure_within_a_halved_call_stops_the_session(trackers, personalize):
    """Halves that were not sent fail with the one that could not be."""
    personalize.judge = lambda operation, request: (
        INVALID if len(request["eventList"]) == 10 else THROTTLED if len(request["eventList"]) == 5 else None
    )

    outcome = trackers().send(session(12), stop_at=float("inf"))

    assert ([], 12) == (outcome.accepted, len(outcome.failed))


def test_a_lost_connection_is_tried_again(trackers, personalize):
    """A reset connection costs an attempt, not the event."""
    resets = iter([RESET])
    personalize.judge = lambda operation, request: next(resets, None)

    outcome = trackers(most=2).send(session(3), stop_at=float("inf"))

    assert (3, None) == (len(outcome.accepted), outcome.failure)


def test_every_tracker_gets_every_event(trackers, personalize):
    """While one generation takes over from another both are fed."""
    trackers("old", "new").send(session(12), stop_at=float("inf"))

    assert 12 == len(personalize.events["old"]) == len(personalize.events["new"])


def test_an_event_that_one_tracker_refuses_reaches_the_other(trackers, personalize):
    """A tracker that is going away does not keep events from the one that comes."""
    personalize.judge = lambda operation, request: INVALID if request["trackingId"] == "old" else None

    outcome = trackers("old", "new").send(session(3), stop_at=float("inf"))

    assert ([], 3) == (outcome.accepted, len(outcome.refused))
    assert sent(0, 1, 2) == list(personalize.events["new"])


def test_an_event_is_accepted_only_when_every_tracker_took_it(trackers, personalize):
    """What one tracker did not take is tried again with all of them."""
    personalize.judge = lambda operation, request: THROTTLED if request["trackingId"] == "new" else None

    outcome = trackers("old", "new").send(session(2), stop_at=float("inf"))

    assert ([], 2) == (outcome.accepted, len(outcome.failed))
