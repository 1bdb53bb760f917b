"""Records go from failure destination and quarantine to the stream: by reason, once, also when interrupted."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from infra.settings import load_settings
from lambdas.shared.breeds import Breeds
from lambdas.shared.event import decode_event
from lambdas.shared.observed import ObservedTypes
from tools.events import redrive
from tools.events.failed_records import Record, Sendable, sendable
from tools.events.redrive import Redrive, SourceName, Sums
from tools.events.traffic import Sender

NAMES = load_settings("local").names
BUCKET = NAMES.bucket("quarantine")
ARRIVAL = 1_790_000_000.5
OBSERVED = ObservedTypes(("Shown", "LetterOpened"))
ANIMAL = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Siamese",
    "animal_size_id": 2,
    "animal_age_id": 3,
}


def event(session: str = "s-1", **changes: Any) -> dict[str, Any]:
    return {"sessionId": session, "eventType": "DetailView", "animalMetadata": ANIMAL, **changes}


def text(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def give_up(s3: Any, *records: tuple[int, bytes], moment: str = "2026-11-22T10.00.00", tail: str = "a") -> str:
    """An object of the failure destination, as Lambda writes it."""
    payload = {
        "Records": [
            {
                "kinesis": {
                    "partitionKey": f"key-{number}",
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": ARRIVAL,
                },
                "eventID": f"shardId-000000000000:{number}",
            }
            for number, data in records
        ]
    }
    content = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "payload": json.dumps(payload)}
    key = f"aws/lambda/mapping/shardId-000000000000/2026/11/22/{moment}-{tail}"
    s3.put_object(Bucket=BUCKET, Key=key, Body=text(content))
    return key


def quarantine(s3: Any, number: int, data: bytes, field: str, **more: Any) -> str:
    content = {
        "reason": {"field": field, "value": None, "message": "is not liked"},
        "payload": base64.b64encode(data).decode(),
        "sequenceNumber": str(number),
        "shardId": "shardId-000000000000",
        "approximateArrivalTimestamp": ARRIVAL,
        **more,
    }
    key = f"dt=2026-11-22/hour=10/shardId-000000000000-{number}.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=text(content))
    return key


class Stream:
    """PutRecords that remembers what it took; after `most` records it breaks off."""

    def __init__(self, most: int = 10**9) -> None:
        self.taken: list[tuple[bytes, str]] = []
        self._most = most

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if len(self.taken) >= self._most:
            raise KeyboardInterrupt
        self.taken += [(record["Data"], record["PartitionKey"]) for record in Records]
        return {"FailedRecordCount": 0, "Records": [{} for _ in Records]}


def run(s3: Any, stream: Stream, source: SourceName, reason: str | None = None, *, mend: bool = False) -> Sums:
    sums = Sums()
    work = Redrive(s3, BUCKET, source, reason, observed=OBSERVED, mend=mend)
    work.send(work.objects(sums), Sender(stream, "stream"), rate=1e9, sleep=lambda _: None)
    return sums


def test_what_lambda_gave_up_goes_back_in_order_under_its_own_key(s3: Any) -> None:
    """Oldest first, by sequence number within a second, whatever the random end of the objects' names."""
    give_up(s3, (12, text(event(eventId="c"))), moment="2026-11-22T10.00.01", tail="a")
    give_up(s3, (9, text(event(eventId="a"))), (10, text(event(eventId="b"))), tail="z")
    give_up(s3, (11, text(event(eventId="b2"))), tail="b")
    stream = Stream()
    sums = run(s3, stream, SourceName.failure_destination)
    assert ["a", "b", "b2", "c"] == [json.loads(data)["eventId"] for data, _ in stream.taken]
    assert ["key-9", "key-10", "key-11", "key-12"] == [key for _, key in stream.taken]
    assert {"RetryAttemptsExhausted": 4} == sums.send


def test_what_was_sent_is_not_sent_again(s3: Any) -> None:
    """The second run finds the notes of the first, and sends what came since."""
    give_up(s3, (1, text(event(eventId="a"))))
    run(s3, Stream(), SourceName.failure_destination)
    give_up(s3, (2, text(event(eventId="b"))), tail="b")
    stream = Stream()
    sums = run(s3, stream, SourceName.failure_destination)
    assert ["b"] == [json.loads(data)["eventId"] for data, _ in stream.taken]
    assert 1 == sums.before


def test_interrupted_it_goes_on(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in the middle and started again, each event is in the stream, and once."""
    monkeypatch.setattr(redrive, "MOST_RECORDS_A_CALL", 2)
    for number in range(5):
        give_up(s3, (number, text(event(eventId=str(number)))), tail=str(number))
    first, second = Stream(most=4), Stream()
    with pytest.raises(KeyboardInterrupt):
        run(s3, first, SourceName.failure_destination)
    run(s3, second, SourceName.failure_destination)
    ids = [json.loads(data)["eventId"] for data, _ in first.taken + second.taken]
    assert [str(number) for number in range(5)] == ids


def test_interrupted_before_the_note_an_event_keeps_its_id(s3: Any) -> None:
    """Sent twice, it is the same bytes: Personalize counts it once."""

    class Unnoted:
        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def put_object(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "PutObject")

    give_up(s3, (1, text(event())))
    first, second = Stream(), Stream()
    with pytest.raises(ClientError):
        run(Unnoted(), first, SourceName.failure_destination)
    run(s3, second, SourceName.failure_destination)
    assert first.taken == second.taken != []


@pytest.mark.parametrize("enveloped", [False, True, "text"])
def test_an_event_without_id_and_time_carries_what_it_was_to_be_stored_under(enveloped: bool | str) -> None:
    """The digest over its first record's name, and the time of its first arrival; the rest is untouched."""
    data: dict[str, Any] = event(userId="u")
    inner = json.dumps(data) if enveloped == "text" else data
    record = Record(
        "shardId-0-17", ARRIVAL, text({"Partitionkey": "1", "Data": inner} if enveloped else data), "k", "x"
    )
    before = decode_event(record.data, arrival=ARRIVAL)
    ready = sendable(record)
    assert isinstance(ready, Sendable)
    after = decode_event(ready.data, arrival=ARRIVAL + 9999)
    assert before.identity("shardId-0-17") == after.identity("shardId-0-99")
    assert ARRIVAL == after.occurred_at
    assert (before.user_id, before.session_id, before.item_id) == (after.user_id, after.session_id, after.item_id)


@pytest.mark.parametrize("changes", [{"eventId": "own"}, {"timestamp": 1_780_000_000}])
def test_an_event_with_an_id_or_a_time_goes_as_it_came(changes: dict[str, Any]) -> None:
    """Byte for byte: its id does not depend on the record."""
    record = Record("shardId-0-17", ARRIVAL, text(event(**changes)), "k", "x")
    ready = sendable(record)
    assert isinstance(ready, Sendable)
    assert (record.data, "k") == (ready.data, ready.partition_key)


@pytest.mark.parametrize("enveloped", [False, True, "text"])
def test_an_event_with_an_id_from_before_the_change_keeps_it(enveloped: bool | str) -> None:
    """It was sent under the site's own id, maybe stored: sent again it is the same event."""
    data = event(userId="u", eventId="own", timestamp=1_780_000_000)
    inner = json.dumps(data) if enveloped == "text" else data
    record = Record("shard-17", ARRIVAL, text({"Partitionkey": "1", "Data": inner} if enveloped else data), "k", "x")
    for change, same in ((ARRIVAL + 1, False), (ARRIVAL, True)):
        ready = sendable(record, digests_from=change)
        assert isinstance(ready, Sendable)
        assert (ready.data == record.data) is same
        before = decode_event(record.data, arrival=ARRIVAL).identity("a", arrival=ARRIVAL, digests_from=change)
        after = decode_event(ready.data, arrival=ARRIVAL + 9).identity("b", arrival=ARRIVAL + 9, digests_from=change)
        assert before == after


def test_an_event_that_is_redriven_twice_keeps_its_first_record() -> None:
    """Given up once more, its mark stays as it is."""
    first = sendable(Record("shard-1", ARRIVAL, text(event()), "k", "x"))
    assert isinstance(first, Sendable)
    second = sendable(Record("shard-2", ARRIVAL + 50, first.data, "k", "x"))
    assert isinstance(second, Sendable)
    assert first.data == second.data


MISSPELT: dict[str, dict[str, Any]] = {
    "a user": {"userID": "u"},
    "a session": {"sessionId": None, "session_id": "s-1"},
    "an animal": {"animalMetadata": {**{k: v for k, v in ANIMAL.items() if "size" not in k}, "animalSizeId": 2}},
    "several": {"User_Id": "u", "event-type": "DetailView", "eventType": None},
}


@pytest.mark.parametrize("kind", MISSPELT)
@pytest.mark.parametrize("envelope", [None, "Data", "data", "text"])
def test_names_that_are_nearly_right_are_mended_on_request(s3: Any, kind: str, envelope: str | None) -> None:
    """With `--mend` the event comes back as it was meant; without it, it stays where it is."""
    made = event(timestamp=1_780_000_000, **MISSPELT[kind])
    content = {name: value for name, value in made.items() if value is not None}
    inner = json.dumps(content) if envelope == "text" else content
    data = text(content) if envelope is None else text({"Partitionkey": "1", envelope.replace("text", "Data"): inner})
    quarantine(s3, 1, data, "userID")
    assert {"userID": 1} == run(s3, Stream(), SourceName.quarantine).refused
    stream = Stream()
    assert {"userID": 1} == run(s3, stream, SourceName.quarantine, mend=True).send
    [(sent, _)] = stream.taken
    meant = {"userId": "u"} if "u" in content.values() else {}
    assert decode_event(text(event(timestamp=1_780_000_000, **meant)), arrival=ARRIVAL) == decode_event(
        sent, arrival=ARRIVAL
    )


@pytest.mark.parametrize(
    "content", [event(userID="a", userId="b"), event(userID="a", user_id="b"), [], "x", event(eventType=5, userID="a")]
)
def test_what_only_its_producer_can_mend_stays(s3: Any, content: Any) -> None:
    """Of two values for one field nobody here knows the right one."""
    quarantine(s3, 1, text(content), "userID")
    sums = run(s3, Stream(), SourceName.quarantine, mend=True)
    assert ({}, {"userID": 1}) == (sums.send, sums.refused)


def test_a_breed_in_a_script_of_the_config_is_sent() -> None:
    """What the environment's forwarder takes, redrive takes."""
    record = Record(
        "shard-1", ARRIVAL, text(event(animalMetadata={**ANIMAL, "animal_primary_breed_id": "Собака"})), "k", "x"
    )
    assert sendable(record) is None
    assert sendable(record, breeds=Breeds(("Cyrillic",))) is not None


def test_quarantine_goes_by_reason_and_leaves_what_would_come_back(s3: Any) -> None:
    """Only the reason asked for; what the reader still refuses stays; refused by Personalize it keeps its id."""
    first_id = decode_event(text(event()), arrival=ARRIVAL).identity("shardId-000000000000-1")
    quarantine(s3, 1, text(event()), "event", eventId=first_id)
    quarantine(s3, 2, text(event(sessionId=["s"])), "sessionId")
    quarantine(s3, 3, text(event(eventId="mended")), "animalMetadata.animal_size_id")
    stream = Stream()
    sums = run(s3, stream, SourceName.quarantine)
    assert {"event": 1, "animalMetadata": 1} == sums.send
    assert {"sessionId": 1} == sums.refused
    again, mended = (decode_event(data, arrival=ARRIVAL + 99) for data, _ in stream.taken)
    assert (first_id, "mended") == (again.identity("shardId-000000000000-99"), mended.event_id)
    assert ["s-1", "s-1"] == [key for _, key in stream.taken]
    assert {} == run(s3, Stream(), SourceName.quarantine, "event").send
    quarantine(s3, 4, text(event(eventId="late")), "event")
    assert {"event": 1} == run(s3, Stream(), SourceName.quarantine, "event").send


def test_a_malformed_record_in_a_batch_given_up_goes_too(s3: Any) -> None:
    """Quarantine, with the reason, is where it belongs; its batch was given up before anyone looked at it."""
    give_up(s3, (1, b"no JSON"), (2, text(event(eventId="a"))))
    stream = Stream()
    sums = run(s3, stream, SourceName.failure_destination)
    assert [(b"no JSON", "key-1"), (text(event(eventId="a")), "key-2")] == stream.taken
    assert (2, 1) == (sums.send.total(), sums.refused.total())


SHOWN = {"sessionId": "s-1", "eventType": "Shown", "impression": ["1-Siamese-2-3"]}


@pytest.mark.parametrize("source", SourceName)
@pytest.mark.parametrize("enveloped", [False, True])
def test_observed_events_are_left_out(s3: Any, source: SourceName, enveloped: bool) -> None:
    """Of a batch that was given up, and of the quarantine since before the config named their type."""
    shown = text({"Partitionkey": "1", "Data": SHOWN} if enveloped else SHOWN)
    records = [(1, shown), (2, text(event(eventId="a"))), (3, text(event(eventType="LetterOpened", letterId=1)))]
    if source is SourceName.quarantine:
        for number, data in records:
            quarantine(s3, number, data, "animalMetadata")
    else:
        give_up(s3, *records)
    stream = Stream()
    sums = run(s3, stream, source)
    assert [text(event(eventId="a"))] == [data for data, _ in stream.taken]
    assert (1, 0, 2) == (sums.send.total(), sums.refused.total(), sums.observed.total())


def test_an_invalid_observed_event_in_a_batch_given_up_goes_to_quarantine(s3: Any) -> None:
    """It is validated as any other: the forwarder says what is wrong with it."""
    bad = text({**SHOWN, "impression": []})
    give_up(s3, (1, bad), (2, text(SHOWN)))
    stream = Stream()
    sums = run(s3, stream, SourceName.failure_destination)
    assert [bad] == [data for data, _ in stream.taken]
    assert (1, 1, 1) == (sums.send.total(), sums.refused.total(), sums.observed.total())


def test_a_mended_observed_event_is_one(s3: Any) -> None:
    """Put right or not, it is not sent: the archive has the record, and would have it twice."""
    wrong = {**SHOWN, "user_id": "u"}
    quarantine(s3, 1, text(wrong), "user_id")
    stream = Stream()
    assert {"user_id": 1} == run(s3, stream, SourceName.quarantine).refused
    assert {"user_id": 1} == run(s3, stream, SourceName.quarantine, mend=True).observed
    assert [] == stream.taken


class TestCommand:
    """`python -m tools.redrive`, with its clients replaced."""

    @pytest.fixture
    def stream(self, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Stream:
        stream = Stream()

        class Ssm:
            def get_parameter(self, **_: Any) -> dict[str, Any]:
                return {"Parameter": {"Value": "none"}}

        class Connection:
            settings = load_settings("local")

            def client(self, service: str) -> Any:
                return {"s3": s3, "kinesis": stream, "ssm": Ssm()}[service]

        monkeypatch.setattr(redrive, "connect", lambda environment: Connection())
        return stream

    def test_a_dry_run_changes_nothing_and_says_so(self, s3: Any, stream: Stream) -> None:
        give_up(s3, (1, text(event(eventId="a"))))
        before = s3.list_objects_v2(Bucket=BUCKET)["KeyCount"]
        result = CliRunner().invoke(redrive.app, [])
        assert 0 == result.exit_code, result.output
        assert "RetryAttemptsExhausted" in result.output
        assert "dry run" in result.output
        assert ([], before) == (stream.taken, s3.list_objects_v2(Bucket=BUCKET)["KeyCount"])

    def test_send_sends(self, s3: Any, stream: Stream) -> None:
        give_up(s3, (1, text(event(eventId="a"))))
        result = CliRunner().invoke(redrive.app, ["--send"])
        assert (0, 1) == (result.exit_code, len(stream.taken))
        again = CliRunner().invoke(redrive.app, ["--send"])
        assert (0, 1) == (again.exit_code, len(stream.taken))
        assert "nothing to send" in again.output

    def test_observed_events_are_shown_and_not_sent(self, s3: Any, stream: Stream) -> None:
        """Those of the environment's config, in a column of their own."""
        give_up(s3, (1, text(SHOWN)), (2, text(SHOWN)))
        result = CliRunner().invoke(redrive.app, ["--send"])
        assert (0, []) == (result.exit_code, stream.taken)
        assert ["together", "0", "0", "2"] == result.output.splitlines()[-1].split()
        assert "observed, left out" in result.output

    def test_an_error_is_one_line(self, stream: Stream, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        monkeypatch.setattr("sys.argv", ["redrive", "--env", "local"])

        def refuse(*_: Any, **__: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListObjectsV2")

        monkeypatch.setattr(redrive, "stored", refuse)
        assert 1 == redrive.main()
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert 1 == error.count("\n")
