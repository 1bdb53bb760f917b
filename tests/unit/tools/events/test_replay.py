"""A time range of the archive goes to a tracker or into a CSV: each event once, also when interrupted."""

import csv
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from infra.settings import load_settings
from lambdas.shared.attempts import INVALID_CODES
from lambdas.shared.event import decode_event
from lambdas.shared.observed import ObservedTypes
from tools.events import replay
from tools.events.archive import Piece, moment
from tools.events.replay import (
    AROUND_CHANGE,
    OBSERVED,
    OUTSIDE,
    TIMELESS,
    UNREADABLE,
    By,
    Ids,
    Range,
    gather,
    send,
    write_csv,
)
from tools.events.replay_store import OtherReplayError, ReplayStore

NAMES = load_settings("local").names
BUCKET = NAMES.bucket("archive")
ANIMAL = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Siamese",
    "animal_size_id": 2,
    "animal_age_id": 3,
}
AS_GIVEN = Ids(math.inf)
"""Where no event was sent under a digest yet: the tests read their events' own ids."""
START, END = moment("2026-11-22T10:00:00"), moment("2026-11-22T11:00:00")
TEN = int(START.timestamp())


def event(at: int | None, session: str = "s-1", **changes: Any) -> bytes:
    timed = {} if at is None else {"timestamp": TEN + at}
    content = {"sessionId": session, "eventType": "DetailView", "animalMetadata": ANIMAL, **timed, **changes}
    return json.dumps(content).encode()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReplayStore]:
    made = ReplayStore(tmp_path / "replay.sqlite", {"from": "ten"})
    yield made
    made.close()


def archive(s3: Any, hour: int, *records: bytes, name: str = "a", day: int = 22) -> None:
    s3.put_object(
        Bucket=BUCKET,
        Key=f"events/dt=2026-11-{day}/hour={hour:02}/{name}.gz",
        Body=gzip.compress(b"".join(record + b"\n" for record in records)),
    )


def read(s3: Any, store: ReplayStore, *, by: By = By.time, neighbours: int = 1) -> None:
    gather(s3, BUCKET, Range(START, END, by, neighbours, AS_GIVEN), store, read=lambda: None)


def ids(store: ReplayStore) -> list[str]:
    return [one.id for call in store.calls(10) for one in call]


class Tracker:
    """PutEvents that counts events by id; refuses those called so, and breaks off after `most` calls."""

    def __init__(
        self, most: int = 10**9, refuses: frozenset[str] = frozenset(), code: str = "InvalidInputException"
    ) -> None:
        self.events: Counter[str] = Counter()
        self._code = code
        self.calls: list[dict[str, Any]] = []
        self._most, self._refuses = most, refuses

    def put_events(self, **request: Any) -> None:
        if len(self.calls) >= self._most:
            raise KeyboardInterrupt
        names = [one["eventId"] for one in request["eventList"]]
        if self._refuses & set(names):
            raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "PutEvents")
        self.calls.append(request)
        self.events.update(names)


def test_events_are_those_of_the_range_by_their_own_time(s3: Any, store: ReplayStore) -> None:
    """From the first moment on, before the last; an event lies where it arrived, so the neighbouring hours are read."""
    archive(s3, 10, event(0, eventId="first"), event(3599, eventId="last"), event(3600, eventId="after"))
    archive(s3, 11, event(3590, eventId="arrived later"), event(5000, eventId="after too"))
    archive(s3, 9, event(10, eventId="clock ahead"), event(-1, eventId="before"))
    archive(s3, 12, event(20, eventId="two hours late"))
    read(s3, store)
    assert {"first", "last", "arrived later", "clock ahead"} == set(ids(store))
    assert 3 == store.sums()[OUTSIDE]


def test_more_neighbours_find_what_came_later(s3: Any, store: ReplayStore) -> None:
    """Over midnight too."""
    archive(s3, 0, event(20, eventId="hours late"), day=23)
    read(s3, store, neighbours=14)
    assert ["hours late"] == ids(store)


def test_by_arrival_it_is_all_that_lies_in_the_hours(s3: Any, store: ReplayStore) -> None:
    """Whenever it happened; the hours of the range alone when no neighbours are asked for."""
    archive(s3, 10, event(20, eventId="now"), event(-90_000, eventId="yesterday"))
    archive(s3, 11, event(20, eventId="later"))
    read(s3, store, by=By.arrival, neighbours=0)
    assert {"now", "yesterday"} == set(ids(store))


def test_what_cannot_be_replayed_is_counted(s3: Any, store: ReplayStore) -> None:
    """Malformed lines, and events without a time: neither their time nor their id is in the archive."""
    archive(s3, 10, b"no JSON", event(None), event(5, eventId="good"), event(None, eventId="timeless"))
    read(s3, store)
    assert ["good"] == ids(store)
    assert (1, 2) == (store.sums()[UNREADABLE], store.sums()[TIMELESS])


def test_what_the_archive_holds_twice_is_replayed_once(s3: Any, store: ReplayStore) -> None:
    """The same id from the site, or the same digest; in the envelope or flat."""
    same = json.dumps({"Partitionkey": "1", "Data": json.loads(event(7))}).encode()
    archive(s3, 10, event(5, eventId="a"), event(5, eventId="a"), event(7))
    archive(s3, 10, same, event(5, eventId="a"), name="b")
    read(s3, store)
    assert 2 == len(ids(store))


CHANGE = TEN + 1800.0
LAG = 48 * 3600.0


def piece(hour: int, written: float) -> Piece:
    return Piece("key", START.replace(hour=hour), datetime.fromtimestamp(written, UTC))


@pytest.mark.parametrize(
    ("hour", "written", "at", "sent_as"),
    [
        (9, CHANGE - 1, -50, "given"),  # written before the change: so its records arrived before it
        (10, CHANGE - 1, 86_000, "given"),  # also one whose clock is a day ahead
        (10, CHANGE, 5, None),  # the object may hold records of both
        (10, CHANGE + 900, 3000, None),
        (11, CHANGE + 5000, 3000, "digest"),  # arrived and happened after it
        (11, CHANGE + 5000, 1799, None),  # happened before it: late, or archived late
        (9 + 14, CHANGE + 14 * 3600, 1799, None),
    ],
)
def test_an_archived_event_keeps_the_id_that_it_was_sent_under(
    hour: int, written: float, at: int, sent_as: str | None
) -> None:
    """By its arrival, which the archive tells to within an object; where that does not tell, none: it is left out."""
    own = decode_event(event(at, eventId="own"), arrival=TEN + 4000)
    wanted = {"given": "own", "digest": own.identity(""), None: None}[sent_as]
    assert wanted == Ids(CHANGE, LAG).of(own, piece(hour, written))
    # Without an own id, and where the mark of a redrive tells the arrival, there is no doubt.
    plain = decode_event(event(at), arrival=TEN + 4000)
    assert plain.identity("") == Ids(CHANGE, LAG).of(plain, piece(hour, written))
    for arrival, expected in ((CHANGE - 1, "own"), (CHANGE, own.identity(""))):
        marked = decode_event(event(at, eventId="own", redriven={"arrival": arrival}), arrival=TEN + 4000)
        assert expected == Ids(CHANGE, LAG).of(marked, piece(hour, written))


def test_when_the_stream_has_forgotten_the_change_nothing_is_in_doubt() -> None:
    """What is archived later than the stream keeps records arrived after the change, whenever it happened."""
    late = decode_event(event(5, eventId="own"), arrival=TEN + 4000)
    later = Piece("key", START + timedelta(hours=49), END + timedelta(hours=50))
    assert late.identity("") == Ids(CHANGE, LAG).of(late, later)


def test_what_cannot_be_told_is_left_out_and_counted(s3: Any, store: ReplayStore) -> None:
    """An event that might be counted twice is not sent; the others are."""
    archive(s3, 10, event(5, eventId="own"), event(7), event(9, eventId="b", redriven={"arrival": TEN + 1}))
    wanted = Range(START, END, ids=Ids(CHANGE, LAG))
    gather(s3, BUCKET, wanted, store, read=lambda: None)
    assert {decode_event(event(7), arrival=TEN + 4000).identity(""), "b"} == set(ids(store))
    assert 1 == store.sums()[AROUND_CHANGE]


def test_a_csv_has_all_visitors_whose_events_have_one_id(s3: Any, store: ReplayStore, tmp_path: Path) -> None:
    """It carries no ids: they only tell events apart, from before the change as well; nothing is left out."""
    archive(s3, 10, *[event(5, f"s-{n}", eventId="1") for n in range(100)], event(5, "s-1", eventId="1"))
    digest = decode_event(event(7), arrival=TEN + 4000).identity("")
    archive(s3, 10, event(7), event(7, eventId=digest), name="b")  # an earlier redrive wrote the digest into it
    gather(s3, BUCKET, Range(START, END, ids=Ids(as_sent=False)), store, read=lambda: None)
    assert 101 == write_csv(store, tmp_path / "a.csv")


def test_calls_are_of_one_visitor_and_in_order(s3: Any, store: ReplayStore) -> None:
    """At most ten events; a session that logs in goes on in a call of its own; order is by time."""
    views = [event(20 + n, "s-1", userId="u", eventId=f"in-{n}") for n in range(12)]
    archive(s3, 10, event(19, "s-1", eventId="anonymous"), *reversed(views), event(3, "s-2", eventId="other"))
    read(s3, store)
    tracker = Tracker()
    send(tracker, "tracking", store, sent=lambda _: None)
    shown = [(call["sessionId"], call.get("userId"), len(call["eventList"])) for call in tracker.calls]
    assert [("s-1", None, 1), ("s-1", "u", 10), ("s-1", "u", 2), ("s-2", None, 1)] == shown
    times = [one["sentAt"] for call in tracker.calls[:3] for one in call["eventList"]]
    assert sorted(times) == times
    assert datetime(2026, 11, 22, 10, 0, 19, tzinfo=UTC) == times[0]


@pytest.mark.parametrize("code", sorted(INVALID_CODES))
def test_a_refused_event_stands_alone(s3: Any, store: ReplayStore, code: str) -> None:
    """Its neighbours are stored, it is counted, and a second run does not try it again."""
    archive(s3, 10, *[event(n, eventId=str(n)) for n in range(10)])
    read(s3, store)
    tracker = Tracker(refuses=frozenset("4"), code=code)
    for _ in range(2):
        send(tracker, "tracking", store, sent=lambda _: None)
    assert {str(n): 1 for n in range(10) if n != 4} == tracker.events
    assert (9, 1) == (store.sums()["sent"], store.sums()["refused"])


def test_another_failure_is_not_taken_for_a_refusal(s3: Any, store: ReplayStore) -> None:
    """The event is sent by the next run."""
    archive(s3, 10, event(0, eventId="4"))
    read(s3, store)
    with pytest.raises(ClientError):
        send(Tracker(refuses=frozenset(["4"]), code="ThrottlingException"), "tracking", store, sent=lambda _: None)
    assert ["4"] == ids(store)


def test_interrupted_it_goes_on(s3: Any, tmp_path: Path) -> None:
    """Interrupted while reading and while sending, started again each time: every event once."""
    file, given = tmp_path / "replay.sqlite", {"from": "ten"}
    for hour in (9, 10, 11):
        archive(s3, hour, *[event(60 * hour + n, f"s-{n}", eventId=f"{hour}-{n}") for n in range(5)])

    class Breaks:
        """S3 that gives one object and is interrupted at the next."""

        def __init__(self) -> None:
            self.given = 0

        def get_paginator(self, name: str) -> Any:
            return s3.get_paginator(name)

        def get_object(self, **request: Any) -> Any:
            self.given += 1
            if self.given > 1:
                raise KeyboardInterrupt
            return s3.get_object(**request)

    store = ReplayStore(file, given)
    with pytest.raises(KeyboardInterrupt):
        gather(Breaks(), BUCKET, Range(START, END, ids=AS_GIVEN), store, read=lambda: None)
    store.close()
    first, second = Tracker(most=2), Tracker()
    store = ReplayStore(file, given)
    read(s3, store)
    with pytest.raises(KeyboardInterrupt):
        send(first, "tracking", store, sent=lambda _: None)
    store.close()
    store = ReplayStore(file, given)
    read(s3, store)
    send(second, "tracking", store, sent=lambda _: None)
    store.close()
    assert {f"{hour}-{n}": 1 for hour in (9, 10, 11) for n in range(5)} == first.events + second.events


def test_a_file_is_of_one_replay(tmp_path: Path) -> None:
    """Another range or target is refused, with what the file is of."""
    ReplayStore(tmp_path / "replay.sqlite", {"from": "ten"}).close()
    ReplayStore(tmp_path / "replay.sqlite", {"from": "ten"}).close()
    with pytest.raises(OtherReplayError, match="from ten"):
        ReplayStore(tmp_path / "replay.sqlite", {"from": "eleven"})


def test_a_csv_is_what_personalize_imports(s3: Any, store: ReplayStore, tmp_path: Path) -> None:
    """Rows in order of time; what a visitor did before the login is the user's; a value only where there is one."""
    archive(s3, 10, event(9, "s-1", userId="u", eventValue=2.5), event(5, "s-1"), event(7, "s-2", eventType="AIF"))
    read(s3, store)
    assert 3 == write_csv(store, tmp_path / "out" / "replay.csv")
    with (tmp_path / "out" / "replay.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [("u", TEN + 5), ("s-2", TEN + 7), ("u", TEN + 9)] == [(r["USER_ID"], int(r["TIMESTAMP"])) for r in rows]
    assert ["", "", "2.5"] == [row["EVENT_VALUE"] for row in rows]
    assert ["1-Siamese-2-3"] * 3 == [row["ITEM_ID"] for row in rows]
    assert ["DetailView", "AIF", "DetailView"] == [row["EVENT_TYPE"] for row in rows]


SHOWN: dict[str, Any] = {"eventType": "Shown", "impression": ["1-Siamese-2-3"]}


def test_observed_events_are_left_out_and_counted(s3: Any, store: ReplayStore, tmp_path: Path) -> None:
    """Neither a tracker nor a CSV gets them, with an animal or without, with a time or without."""
    archive(
        s3, 10, event(5, eventId="a"), event(6, **SHOWN), event(None, **SHOWN), event(7, animalMetadata=None, **SHOWN)
    )
    wanted = Range(START, END, ids=AS_GIVEN, observed=ObservedTypes(("Shown",)))
    gather(s3, BUCKET, wanted, store, read=lambda: None)
    tracker = Tracker()
    send(tracker, "tracking", store, sent=lambda _: None)
    assert ({"a": 1}, 3) == (tracker.events, store.sums()[OBSERVED])
    assert 1 == write_csv(store, tmp_path / "a.csv")


def test_an_invalid_observed_event_is_no_valid_event(s3: Any, store: ReplayStore) -> None:
    """The archive holds what was quarantined too."""
    archive(s3, 10, event(5, eventType="Shown"))
    gather(s3, BUCKET, Range(START, END, observed=ObservedTypes(("Shown",))), store, read=lambda: None)
    assert ([], 1) == (ids(store), store.sums()[UNREADABLE])


class TestCommand:
    """`python -m tools.replay`, with its clients replaced."""

    @pytest.fixture
    def tracker(self, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Tracker:
        tracker = Tracker()

        class Ssm:
            def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
                return {"Parameter": {"Value": "pending" if "event-ids" in Name else f"id of {Name}"}}

        class Connection:
            settings = load_settings("local")

            def client(self, service: str) -> Any:
                return {"s3": s3, "personalize-events": tracker, "ssm": Ssm()}[service]

        monkeypatch.setattr(replay, "connect", lambda environment: Connection())
        return tracker

    def invoke(self, tmp_path: Path, *options: str) -> Any:
        given = ["--from", "2026-11-22T10:00:00", "--to", "2026-11-22T11:00:00"]
        return CliRunner().invoke(replay.app, [*given, "--progress", str(tmp_path / "p.sqlite"), *options])

    def test_to_the_environments_tracker(self, s3: Any, tracker: Tracker, tmp_path: Path) -> None:
        """The tracking id is the environment's; a second run sends nothing."""
        archive(s3, 10, event(5, eventId="a"), event(None))
        for _ in range(2):
            result = self.invoke(tmp_path, "--tracker")
            assert 0 == result.exit_code, result.output
            assert "1 events sent, 0 refused" in result.output
            assert f"1 {TIMELESS}" in result.output
        assert {"a": 1} == tracker.events
        assert {f"id of {NAMES.tracking_id_parameter(1)}"} == {call["trackingId"] for call in tracker.calls}

    def test_to_a_csv(self, s3: Any, tracker: Tracker, tmp_path: Path) -> None:
        archive(s3, 10, event(5, eventId="a"))
        result = self.invoke(tmp_path, "--csv", str(tmp_path / "a.csv"))
        assert 0 == result.exit_code, result.output
        assert 2 == len((tmp_path / "a.csv").read_text().splitlines())
        assert not tracker.calls

    @pytest.mark.parametrize("target", ["--tracker", "--csv"])
    def test_observed_events_of_the_config_stay_in_the_archive(
        self, s3: Any, tracker: Tracker, tmp_path: Path, target: str
    ) -> None:
        """They are counted in the answer."""
        archive(s3, 10, event(5, eventId="a"), event(6, **SHOWN), event(7, eventType="LetterOpened", letterId="l"))
        file = tmp_path / "a.csv"
        result = self.invoke(tmp_path, target, *[str(file)] * (target == "--csv"))
        assert 0 == result.exit_code, result.output
        assert f"left out: 2 {OBSERVED}\n" in result.output
        types = [one["eventType"] for call in tracker.calls for one in call["eventList"]]
        if file.exists():
            types = [row["EVENT_TYPE"] for row in csv.DictReader(file.read_text().splitlines())]
        assert ["DetailView"] == types

    def test_what_was_read_before_a_type_was_observed_is_not_sent_after(
        self, s3: Any, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An interrupted replay does not go on under another list of types; started anew it leaves them out."""
        archive(s3, 10, event(6, **SHOWN))
        settings = load_settings("local")
        connection = vars(replay)["connect"]("local")
        monkeypatch.setattr(replay, "connect", lambda environment: connection)
        monkeypatch.setattr(
            type(connection), "settings", settings.model_copy(update={"observed_event_types": ()}), raising=False
        )
        assert 0 == self.invoke(tmp_path, "--csv", str(tmp_path / "a.csv")).exit_code
        monkeypatch.setattr(type(connection), "settings", settings)
        again = self.invoke(tmp_path, "--csv", str(tmp_path / "a.csv"))
        assert isinstance(again.exception, OtherReplayError)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            (["--from", "2026-11-22", "--to", "2026-11-22", "--tracker"], "before"),
            (["--from", "yesterday", "--to", "2026-11-22", "--tracker"], "a moment is"),
            (["--from", "2026-11-21", "--to", "2026-11-22"], "say where to"),
            (["--from", "2026-11-21", "--to", "2026-11-22", "--tracker", "--csv", "a.csv"], "say where to"),
            (["--from", "2026-11-21", "--to", "2026-11-22", "--env", "nowhere", "--tracker"], "nowhere"),
        ],
    )
    def test_an_error_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Any, options: list[str], says: str
    ) -> None:
        monkeypatch.setattr("sys.argv", ["replay", *options])
        assert 2 == replay.main()
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert says in error
        assert 1 == error.count("\n")
