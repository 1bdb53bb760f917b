"""forward_events as Lambda runs it: over HTTP to a fake Personalize, S3 and SQS of moto."""

import json
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.lambdas.conftest import Context
from tests.unit.lambdas.forward_events.stream import ARRIVAL, kinesis_event, sent_id, sequence_number, site_event
from tests.unit.lambdas.personalize_server import BROKEN, INVALID, THROTTLED, Fault
from tools.events.malformed import KINDS

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def identifiers(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def quarantined() -> list[dict[str, Any]]:
    """The objects in quarantine, each with the key it has."""
    s3 = boto3.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="quarantine").get("Contents", [])]
    return [
        {"key": key, **json.loads(s3.get_object(Bucket="quarantine", Key=key)["Body"].read())} for key in sorted(keys)
    ]


def pointers() -> list[dict[str, Any]]:
    """The messages in the quarantine's queue, taken out."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="quarantine")["QueueUrl"]
    taken: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        taken += [json.loads(message["Body"]) for message in messages]
    return taken


def test_forwards_the_documented_event(load_handler, personalize, context, published):
    """One event arrives in Personalize with all that it says, and the batch is done."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(kinesis_event(site_event(timestamp=1_699_999_999)), context)

    assert {"batchItemFailures": []} == answer
    [event] = personalize.stored()
    assert ("12345", "s1", "DetailView", "1-Russian_Blue-1-2", 1_699_999_999) == (
        event["userId"],
        event["sessionId"],
        event["eventType"],
        event["itemId"],
        event["sentAt"],
    )
    [metrics] = published()
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert ("AnimalRecommender", [["environment", "service"]]) == (directive["Namespace"], directive["Dimensions"])
    assert ([1], [0], [0], [1], "forward_events", "test") == (
        metrics["EventsAccepted"],
        metrics["EventsQuarantined"],
        metrics["EventsFailed"],
        metrics["PutEventsCalls"],
        metrics["service"],
        metrics["environment"],
    )


def test_d01_a_bad_record_is_quarantined_and_delays_nobody(load_handler, personalize, context):
    """A poison record goes to quarantine with payload and reason; its neighbours are accepted, nothing is retried."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(
        kinesis_event(site_event(animal_id="1"), b"not json", site_event(animal_id="2")), context
    )

    assert {"batchItemFailures": []} == answer
    assert 2 == len(personalize.stored())
    [stored], [pointer] = quarantined(), pointers()
    assert f"dt=2023-11-14/hour=22/shardId-000000000003-{sequence_number(1)}.json" == stored["key"]
    assert ("record", "bm90IGpzb24=") == (stored["reason"]["field"], stored["payload"])
    assert {"bucket": "quarantine", "key": stored["key"], "reason": stored["reason"]} == pointer


def test_d01_a_passing_failure_is_reported_from_its_place(load_handler, personalize, context, published):
    """A throttled session is reported; others are accepted; what Lambda will deliver again is not counted yet."""
    personalize.judge = lambda operation, request: THROTTLED if request["sessionId"] == "busy" else None
    handler = load_handler("forward_events")
    records = [site_event(sessionId="a"), b"poison", site_event(sessionId="busy"), site_event(sessionId="a"), b"late"]

    answer = handler.lambda_handler(kinesis_event(*records), context)

    assert [sequence_number(2)] == identifiers(answer)
    assert 2 == len(personalize.stored()) == len(quarantined())
    [metrics] = published()
    assert ([1], [1], [1]) == (metrics["EventsAccepted"], metrics["EventsQuarantined"], metrics["EventsFailed"])


def test_d02_the_documented_envelope_is_accepted(load_handler, personalize, context):
    """The published put_event.json is an event like any other."""
    handler = load_handler("forward_events")

    handler.lambda_handler(kinesis_event({"Partitionkey": "12345", "Data": site_event()}), context)

    assert ["1-Russian_Blue-1-2"] == [event["itemId"] for event in personalize.stored()]
    assert [] == quarantined()


def test_d04_fifty_events_of_a_session_take_five_calls(load_handler, personalize, context):
    """Ten events travel in one call."""
    handler = load_handler("forward_events")

    handler.lambda_handler(kinesis_event(*(site_event(animal_id=str(n)) for n in range(50))), context)

    assert [10] * 5 == [len(request["eventList"]) for request in personalize.of("PutEvents")]


def test_d05_sent_at_is_when_it_happened(load_handler, personalize, context):
    """Late data keep their own time; an event without a time has its arrival's."""
    handler = load_handler("forward_events")

    handler.lambda_handler(kinesis_event(site_event(timestamp="2023-11-01T00:00:00.500Z"), site_event()), context)

    assert [1_698_796_800.5, ARRIVAL] == [event["sentAt"] for event in personalize.stored()]


def test_d06_a_batch_delivered_twice_is_stored_once(load_handler, personalize, context):
    """Delivering everything again changes nothing, with and without times."""
    handler = load_handler("forward_events")
    batch = kinesis_event(site_event(), site_event(timestamp=ARRIVAL), site_event(eventId="own"))

    handler.lambda_handler(batch, context)
    before = personalize.stored()
    handler.lambda_handler(batch, context)

    assert 3 == len(before)
    assert before == personalize.stored()


def test_d07_no_client_is_made_after_the_start(load_handler, personalize, context, monkeypatch):
    """A warm invocation makes no client and reads no parameter."""
    handler = load_handler("forward_events")
    monkeypatch.setattr(boto3, "client", None)
    monkeypatch.setattr(boto3.session.Session, "client", None)

    answers = [handler.lambda_handler(kinesis_event(site_event()), context) for _ in range(3)]

    assert [[], [], []] == [identifiers(answer) for answer in answers]


def test_d12_an_anonymous_event_carries_no_user(load_handler, personalize, context):
    """Nobody is made up for a visitor who is not logged in."""
    handler = load_handler("forward_events")

    handler.lambda_handler(kinesis_event(site_event(userId=None)), context)

    [request] = personalize.of("PutEvents")
    assert ("s1", False) == (request["sessionId"], "userId" in request)


def test_d13_no_log_line_holds_a_visitor_or_an_event(load_handler, personalize, capsys):
    """Accepted, refused, malformed and failed records all leave logs without ids, bodies or values."""
    personalize.judge = lambda operation, request: (
        Fault("InvalidInputException", "refused secret-user")
        if request["sessionId"] == "secret-refused"
        else BROKEN
        if request["sessionId"] == "secret-broken"
        else None
    )
    handler = load_handler("forward_events", LOG_LEVEL="DEBUG")
    records = [
        site_event(userId="secret-user", sessionId="secret-session", animal_id="secret-animal"),
        site_event(userId="secret-user", sessionId="secret-refused"),
        site_event(userId="secret-user", sessionId="secret-broken"),
        site_event(userId="secret-user" + "x" * 300),
        b'{"userId": "secret-user", ',
        site_event(properties={"secret-name": []}),
    ]

    answer = handler.lambda_handler(kinesis_event(*records), Context(5_000))

    assert [sequence_number(2)] == identifiers(answer)
    output = capsys.readouterr()
    assert "batch forwarded" in output.out
    assert [] == [line for line in (output.out + output.err).splitlines() if "secret" in line or "Russian" in line]


def test_one_invalid_event_among_ten_stands_alone(load_handler, personalize, context):
    """Nine good events never follow a bad one."""
    personalize.judge = lambda operation, request: (
        INVALID if any(event["eventType"] == "Refused" for event in request["eventList"]) else None
    )
    handler = load_handler("forward_events")
    kinds = ["Refused" if n == 4 else "DetailView" for n in range(10)]

    answer = handler.lambda_handler(
        kinesis_event(*(site_event(eventType=kind, eventId=f"e{n}") for n, kind in enumerate(kinds))), context
    )

    assert [] == identifiers(answer)
    sent = [sent_id(f"e{n}") for n in range(10)]
    assert sent[:4] + sent[5:] == [event["eventId"] for event in personalize.stored()]
    assert [("event", sent[4])] == [(record["reason"]["field"], record["eventId"]) for record in quarantined()]


def test_the_order_within_a_session_holds(load_handler, personalize, context):
    """Forty interleaved sessions of twenty-five events: no session ever has two calls under way, each is in order."""
    personalize.judge = lambda operation, request: Fault(delay_seconds=0.002)
    handler = load_handler("forward_events")
    names = [(session, n) for n in range(25) for session in range(40)]

    handler.lambda_handler(
        kinesis_event(*(site_event(sessionId=f"s{s}", userId=f"u{s}", eventId=f"{s}/{n}") for s, n in names)), context
    )

    assert set() == personalize.overlapping
    arrived: dict[str, list[str]] = {}
    for _, session, event_id in personalize.order:
        arrived.setdefault(session, []).append(event_id)
    wanted = {f"s{s}": [sent_id(f"{s}/{n}", f"u{s}", f"s{s}") for n in range(25)] for s in range(40)}
    assert wanted == arrived


def test_two_trackers_both_get_every_event(load_handler, personalize, context):
    """TRACKING_IDS may name two while a generation changes."""
    handler = load_handler("forward_events", TRACKING_IDS="old, new")

    handler.lambda_handler(kinesis_event(site_event(eventId="e")), context)

    assert [[sent_id("e")], [sent_id("e")]] == [list(personalize.events[name]) for name in ("old", "new")]


def test_no_tracker_is_a_fault_of_the_deployment(load_handler):
    """Without a tracker the function does not start, rather than accept events for nobody."""
    with pytest.raises(ValueError, match="TRACKING_IDS names no event tracker"):
        load_handler("forward_events", TRACKING_IDS=" ,")


def test_without_time_nothing_is_called_and_everything_reported(load_handler, personalize):
    """An invocation about to end reports its records, so that they come again."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(kinesis_event(site_event(), b"poison"), Context(0))

    assert [sequence_number(0), sequence_number(1)] == identifiers(answer)
    assert [] == personalize.requests


@pytest.mark.parametrize("missing", ["bucket", "queue"])
def test_a_record_that_quarantine_does_not_take_is_not_lost(load_handler, personalize, context, missing):
    """When the quarantine fails the record is reported, its neighbours are accepted."""
    environment = (
        {"QUARANTINE_BUCKET": "nowhere"}
        if missing == "bucket"
        else {"QUARANTINE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/nowhere"}
    )
    handler = load_handler("forward_events", **environment)

    answer = handler.lambda_handler(kinesis_event(b"poison", site_event()), context)

    assert [sequence_number(0)] == identifiers(answer)
    assert 1 == len(personalize.stored())


def test_a_mebibyte_of_rubbish_is_kept_whole(load_handler, personalize, context):
    """The largest record of a stream ends in quarantine with its payload, unread."""
    handler = load_handler("forward_events")
    batch = kinesis_event(b"x" * 1_048_576)

    assert [] == identifiers(handler.lambda_handler(batch, context))
    [stored] = quarantined()
    assert batch["Records"][0]["kinesis"]["data"] == stored["payload"]
    assert "record: must have at most 65536 bytes, has about 1048578" == f"record: {stored['reason']['message']}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_malformed_traffic_is_quarantined(load_handler, personalize, context, kind):
    """What the traffic tool spoils is recognised, and its neighbours are accepted."""
    handler = load_handler("forward_events")
    good = site_event(userId="u", timestamp=ARRIVAL)

    answer = handler.lambda_handler(kinesis_event(good, KINDS[kind](good)), context)

    assert ([], 1, 1) == (identifiers(answer), len(personalize.stored()), len(quarantined()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)
FIELDS = ("userId", "sessionId", "eventType", "animal_id", "animalMetadata", "eventId", "timestamp", "eventValue")
OPTIONAL = ("recommendationId", "impression", "context", "properties", "Data", "Partitionkey")
EVENTS = st.dictionaries(st.sampled_from(FIELDS + OPTIONAL), JSON, max_size=3).map(
    lambda changes: {**site_event(), **changes}
)


@FUZZ
@given(payloads=st.lists(st.binary(max_size=80) | JSON | EVENTS, max_size=6))
def test_whatever_is_streamed_is_accepted_or_quarantined(load_handler_once, personalize, payloads):
    """No record raises, none is lost, and Personalize never sees what its model forbids."""
    handler, published = load_handler_once
    personalize.requests.clear()
    published()

    answer = handler.lambda_handler(kinesis_event(*payloads), Context())

    [metrics] = published()
    assert [] == identifiers(answer)
    assert len(payloads) == int(metrics["EventsAccepted"][0] + metrics["EventsQuarantined"][0])
    events = [event for request in personalize.of("PutEvents") for event in request["eventList"]]
    assert len(events) <= metrics["EventsAccepted"][0]
    assert [] == personalize.beyond_limits


@FUZZ
@given(event=JSON | st.fixed_dictionaries({"Records": st.lists(JSON, max_size=1)}))
def test_whatever_invokes_the_function_is_answered(load_handler_once, event):
    """Even what is no Kinesis invocation gets an answer."""
    handler, _ = load_handler_once

    assert {"batchItemFailures": []} == handler.lambda_handler(event, Context())


@pytest.fixture
def load_handler_once(load_handler, published):
    """The handler, cold-started once for all examples of a property, and the reader of its metrics."""
    return load_handler("forward_events"), published


def test_an_event_whose_names_are_nearly_right_is_quarantined_with_the_right_ones(load_handler, personalize, context):
    """Its attribution would be wrong for ever; its neighbours are accepted, and the metric has the name as it came."""
    handler = load_handler("forward_events")
    wrong = {**site_event(userId=None), "userID": "12345"}

    answer = handler.lambda_handler(kinesis_event(site_event(eventId="good"), wrong), context)

    assert [] == identifiers(answer)
    assert [sent_id("good")] == [event["eventId"] for event in personalize.stored()]
    [stored] = quarantined()
    assert ("userID", "is not known: the field is called userId") == (
        stored["reason"]["field"],
        stored["reason"]["message"],
    )


def test_a_hundred_visitors_with_one_id_are_a_hundred_events(load_handler, personalize, context):
    """A site that numbers its events per session loses none of them."""
    handler = load_handler("forward_events")

    handler.lambda_handler(
        kinesis_event(*(site_event(sessionId=f"s{n}", userId=None, eventId="1") for n in range(100))), context
    )

    assert 100 == len(personalize.stored())


@pytest.mark.parametrize(
    "breed", ["Pug\u2800", "\u0421\u043e\u0431\u0430\u043a\u0430", "www.example.com", "<i>Pug</i>"]
)
def test_what_visitors_write_does_not_become_what_others_read(load_handler, personalize, context, breed):
    """A breed that nobody could read as one ends in quarantine, as an event's own and in an impression."""
    handler = load_handler("forward_events")
    animal = {**site_event()["animalMetadata"], "animal_primary_breed_id": breed}

    handler.lambda_handler(
        kinesis_event(site_event(animalMetadata=animal), site_event(impression=[f"2-{breed}-1-1"])), context
    )

    assert [] == personalize.stored()
    assert 2 == len(quarantined())


def test_scripts_of_the_config_are_taken(load_handler, personalize, context):
    """`BREED_SCRIPTS` is the config's `breedScripts`."""
    handler = load_handler("forward_events", BREED_SCRIPTS="Cyrillic")
    animal = {**site_event()["animalMetadata"], "animal_primary_breed_id": "Собака"}

    handler.lambda_handler(kinesis_event(site_event(animalMetadata=animal), site_event()), context)

    assert ["1-Собака-1-2"] == [event["itemId"] for event in personalize.stored()]
