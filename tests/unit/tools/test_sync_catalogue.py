"""New groups reach the Items dataset once, from a CSV file or from the archive, whatever interrupts them."""

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from infra.settings import load_settings
from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import Breeds
from lambdas.shared.observed import ObservedTypes
from personalize_local.testing import LocalPersonalize
from seed_data.generate import FOLDER as SEED
from tools import sync_catalogue
from tools.deploy.base.personalize import created
from tools.sync_catalogue import Item, Ledger, Sender, SyncError, read_archive, read_items

NAMES = load_settings("local").names
ARCHIVE = NAMES.bucket("archive")
DATASET = NAMES.dataset_arn("items", 1)
HYPHENATED = Item(AnimalGroup("2", "Wire-Haired Pointing Griffon", "4", "2"), 200.0, 1_790_000_000)


def items_of(count: int) -> list[Item]:
    return [
        Item(AnimalGroup("1", f"Breed {number}", "2", "3"), 75.0, 1_790_000_000 + number) for number in range(count)
    ]


def write_csv(path: Path, items: list[Item], *, columns: tuple[str, ...] = sync_catalogue.COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for item in items:
            writer.writerow(
                {
                    "ANIMAL_TYPE": item.group.species,
                    "ANIMAL_AGE": item.group.age,
                    "ANIMAL_SIZE": item.group.size,
                    "ANIMAL_BREED": item.group.breed,
                    "ITEM_VALUE": item.value,
                    "ITEM_ID": item.item_id,
                    "CREATION_TIMESTAMP": item.created,
                }
            )
    return path


class FakeEvents:
    """PutItems that remembers what it got and fails when told to."""

    def __init__(self, failures: dict[int, str] | None = None) -> None:
        self.calls: list[list[str]] = []
        self.failures = failures or {}
        self._attempts = 0

    def put_items(self, *, datasetArn: str, items: list[dict[str, str]]) -> None:  # noqa: N803 - AWS's name
        self._attempts += 1
        if code := self.failures.get(self._attempts):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItems")
        assert datasetArn == DATASET
        self.calls.append([item["itemId"] for item in items])


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "progress.jsonl", {"datasetArn": DATASET, "creationDateTime": "then"})


# --- sending


def test_groups_go_ten_a_call_and_ten_calls_a_second(ledger: Ledger) -> None:
    """The limits of PutItems are kept."""
    clock, events = Clock(), FakeEvents()
    counts = list(Sender(events, DATASET, clock, clock.sleep).send(items_of(95), ledger))
    assert [10] * 9 + [5] == counts == [len(call) for call in events.calls]
    assert clock.now - 100.0 == pytest.approx(0.9)


def test_what_was_sent_is_not_sent_again(ledger: Ledger, tmp_path: Path) -> None:
    """Stopped by an error, another process goes on with what is missing; a changed group is sent again."""
    items, clock = items_of(35), Clock()
    first = FakeEvents({3: "AccessDeniedException"})
    with pytest.raises(ClientError):
        list(Sender(first, DATASET, clock, clock.sleep).send(items, ledger))
    again = Ledger(ledger.path, ledger.dataset)
    missing = [item for item in items if not again.has(item)]
    assert items[20:] == missing
    assert not again.has(Item(AnimalGroup("1", "Breed 0", "2", "3"), 99.0, 1_790_000_000))


def test_a_line_cut_off_by_a_crash_is_sent_again(ledger: Ledger) -> None:
    """Half a line in the progress file counts for nothing."""
    items = items_of(20)
    ledger.add(items[:10])
    whole = ledger.path.read_text(encoding="utf-8")
    ledger.add(items[10:])
    ledger.path.write_text(ledger.path.read_text(encoding="utf-8")[: len(whole) + 40], encoding="utf-8")
    again = Ledger(ledger.path, ledger.dataset)
    assert items[10:] == [item for item in items if not again.has(item)]


def test_a_dataset_made_anew_starts_from_nothing(ledger: Ledger) -> None:
    """Progress belongs to one dataset: its successor under the same name holds none of the groups."""
    ledger.add(items_of(3))
    successor = Ledger(ledger.path, {**ledger.dataset, "creationDateTime": "now"})
    assert not successor.has(items_of(1)[0])
    assert not Ledger(ledger.path, ledger.dataset).has(items_of(1)[0])


def test_a_busy_dataset_is_waited_for(ledger: Ledger) -> None:
    """ResourceInUseException (an import runs) is tried again, and nothing is sent twice."""
    clock, events = Clock(), FakeEvents({1: "ResourceInUseException", 2: "ResourceInUseException"})
    list(Sender(events, DATASET, clock, clock.sleep).send(items_of(12), ledger))
    assert [10, 2] == [len(call) for call in events.calls]
    assert clock.now - 100.0 >= 10.0


def test_a_dataset_that_stays_busy_is_said_so(ledger: Ledger) -> None:
    """After some attempts the command ends with what to do."""
    clock, events = Clock(), FakeEvents(dict.fromkeys(range(1, 50), "ResourceInUseException"))
    with pytest.raises(SyncError, match=r"busy .* run the same command again later"):
        list(Sender(events, DATASET, clock, clock.sleep).send(items_of(1), ledger))


# --- CSV files


def test_the_seeds_own_file_is_read(tmp_path: Path) -> None:
    """All groups of the seed, spaces and hyphens included."""
    items = read_items(SEED / "items" / "items.csv")
    assert 873 == len(items)
    assert "1-Domestic Short-Hair-2-2" in {item.item_id for item in items}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ITEM_VALUE": "dear"}, "line 2: ITEM_VALUE must be a number"),
        ({"CREATION_TIMESTAMP": ""}, "line 2: .*CREATION_TIMESTAMP"),
        ({"ANIMAL_SIZE": "7"}, "line 2: '2-Wire-Haired Pointing Griffon-7-2' is not species-breed-size-age"),
        ({"ANIMAL_BREED": "<b>"}, "line 2: '2-<b>-4-2' .* must hold letters"),
        ({"ANIMAL_BREED": "www.example.com"}, "line 2: .* must not look like an address"),
        ({"ITEM_ID": "2-Boxer-4-2"}, "line 2: ITEM_ID is '2-Boxer-4-2', the other columns say"),
    ],
)
def test_a_bad_row_is_named(change: dict[str, str], message: str, tmp_path: Path) -> None:
    """File, line, column and value are in the message; nothing is sent."""
    path = write_csv(tmp_path / "new.csv", [HYPHENATED])
    with path.open(encoding="utf-8", newline="") as file:
        row = {**next(csv.DictReader(file)), **change}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    with pytest.raises(SyncError, match=message):
        read_items(path)


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    """A file without ITEM_VALUE, and no file at all."""
    path = write_csv(tmp_path / "new.csv", [HYPHENATED], columns=("ITEM_ID", "ANIMAL_TYPE"))
    with pytest.raises(SyncError, match="column ANIMAL_AGE, ANIMAL_SIZE, ANIMAL_BREED, ITEM_VALUE, CREATION_TIMESTAMP"):
        read_items(path)
    with pytest.raises(SyncError, match="cannot be read"):
        read_items(tmp_path / "nowhere.csv")


# --- the archive


def event(breed: str, *, timestamp: Any = None, species: Any = "2", size: Any = 4, age: Any = "2") -> dict[str, Any]:
    payload: dict[str, Any] = {
        "sessionId": "s-1",
        "eventType": "DetailView",
        "animalMetadata": {
            "animal_species_id": species,
            "animal_primary_breed_id": breed,
            "animal_size_id": size,
            "animal_age_id": age,
        },
    }
    if timestamp is not None:
        payload["timestamp"] = timestamp
    return payload


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
        client.create_bucket(Bucket=ARCHIVE)
        yield client


def put(s3: Any, key: str, *records: Any) -> None:
    lines = b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)
    s3.put_object(Bucket=ARCHIVE, Key=key, Body=gzip.compress(lines))


def test_the_archive_gives_its_groups_with_their_first_sight(s3: Any) -> None:
    """Flat events, both envelopes, numbers and strings; malformed records are counted and passed over."""
    put(
        s3,
        "events/dt=2026-11-01/hour=00/a.gz",
        event("Boxer", timestamp=1_790_000_500, size=4),
        {"Partitionkey": "p", "Data": event("Boxer", timestamp=1_790_000_100.7, species=2)},
        {"Partitionkey": "p", "Data": json.dumps(event("Wire-Haired Pointing Griffon", timestamp=1_790_000_300))},
        b"{not json",
        [1, 2],
        {"Partitionkey": "p", "Data": "{"},
        event("Boxer", size=9),
        event("Boxer", size=True),
        {"sessionId": "s", "animalMetadata": None},
        event("win at example.com"),
        event("Собака"),
    )
    put(s3, "events/dt=2026-11-02/hour=10/b.gz", event("Boxer", timestamp=1_790_000_000))
    put(s3, "errors/dt=2026-11-02/c.gz", event("Pug"))
    seen = read_archive(s3, ARCHIVE)
    assert (12, 8) == (seen.events, seen.unusable)
    assert {
        AnimalGroup("2", "Boxer", "4", "2"): 1_790_000_000,
        AnimalGroup("2", "Wire-Haired Pointing Griffon", "4", "2"): 1_790_000_300,
    } == seen.first_seen


def test_breeds_in_a_script_of_the_config_are_seen(s3: Any) -> None:
    """What the environment's forwarder takes reaches the catalogue; what it refuses does not."""
    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("Собака"), event("Boxer"))
    seen = read_archive(s3, ARCHIVE, breeds=Breeds(("Cyrillic",)))
    assert ["Собака"] == [group.breed for group in seen.first_seen]


def test_groups_that_only_observed_events_name_are_not_seen(s3: Any) -> None:
    """That something was shown is no reason to have it in the catalogue; flat or enveloped."""
    shown = event("Pug") | {"eventType": "Shown"}
    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("Boxer"), shown, {"Partitionkey": "p", "Data": shown})
    seen = read_archive(s3, ARCHIVE, observed=ObservedTypes(("Shown",)))
    assert ["Boxer"] == [group.breed for group in seen.first_seen]
    assert (3, 0, 2) == (seen.events, seen.unusable, seen.left_out)


def test_an_event_without_a_usable_time_was_seen_on_arrival(s3: Any) -> None:
    """No time, a time of the wrong kind or one in the future: the object's time stands for it."""
    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("A"), event("B", timestamp="soon"), event("C", timestamp=9e12))
    arrived = int(s3.head_object(Bucket=ARCHIVE, Key="events/dt=2026-11-01/hour=00/a.gz")["LastModified"].timestamp())
    assert {arrived} == set(read_archive(s3, ARCHIVE).first_seen.values())


@pytest.mark.parametrize(
    "timestamp", [1_790_000_000, 1_790_000_000.9, "1790000000", "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00"]
)
def test_every_documented_time_is_understood(s3: Any, timestamp: Any) -> None:
    """Seconds as a number or a text, and ISO 8601 with a zone, as the forwarder takes them."""
    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("A", timestamp=timestamp))
    assert {1_790_000_000} == set(read_archive(s3, ARCHIVE).first_seen.values())


def test_the_archive_can_be_read_from_a_day_on(s3: Any) -> None:
    """`since` takes the day's own partition and the later ones."""
    for day, breed in (("2026-10-31", "Old"), ("2026-11-01", "New"), ("2026-11-02", "Newest")):
        put(s3, f"events/dt={day}/hour=00/a.gz", event(breed))
    seen = read_archive(s3, ARCHIVE, since=date(2026, 11, 1))
    assert {"New", "Newest"} == {group.breed for group in seen.first_seen}


def test_every_page_of_the_archive_is_read(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More objects than S3 lists at once."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        put(s3, f"events/dt=2026-11-01/hour=00/{number}.gz", event(f"Breed {number}"))
    assert 2 == len(s3.list_objects_v2(Bucket=ARCHIVE)["Contents"])
    assert 5 == len(read_archive(s3, ARCHIVE).first_seen)


def test_an_object_that_is_not_gzip_is_named(s3: Any) -> None:
    """The key is in the message."""
    s3.put_object(Bucket=ARCHIVE, Key="events/dt=2026-11-01/hour=00/a.gz", Body=b"plain")
    with pytest.raises(SyncError, match=r"events/dt=2026-11-01/hour=00/a.gz is no gzip file"):
        read_archive(s3, ARCHIVE)


def test_seen_groups_get_the_usual_value_of_their_kind(s3: Any) -> None:
    """ITEM_VALUE is the median of known items of the same species and age, 0 where none is known."""
    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("Boxer", timestamp=1_790_000_000), event("Pug", age="5"))
    known = [Item(AnimalGroup("2", f"B{value}", "1", "2"), value, 0) for value in (100.0, 200.0, 400.0)]
    assert [("2-Boxer-4-2", 200.0), ("2-Pug-4-5", 0.0)] == [
        (item.item_id, item.value) for item in read_archive(s3, ARCHIVE).items(like=known)
    ]


# --- the command, against the local Personalize


@pytest.fixture
def personalize(tmp_path: Path) -> Iterator[LocalPersonalize]:
    with LocalPersonalize(tmp_path / "personalize") as server:
        control = server.client("personalize")
        schema = (SEED / "schemas" / "items.avsc.json").read_text(encoding="utf-8")
        schema_arn = control.create_schema(name=NAMES.schema("items", 1), schema=schema)["schemaArn"]
        group = created(control, "dataset_group", name=NAMES.dataset_group(1))
        name = NAMES.dataset("items", 1)
        assert DATASET == created(
            control, "dataset", name=name, schemaArn=schema_arn, datasetGroupArn=group, datasetType="Items"
        )
        yield server


class FakeConnection:
    """The local settings, the local Personalize and an S3 client."""

    settings = load_settings("local")

    def __init__(self, personalize: LocalPersonalize, s3: Any) -> None:
        self._clients = {
            "s3": s3,
            "personalize": personalize.client("personalize"),
            "personalize-events": personalize.client("personalize-events"),
        }

    def client(self, service: str) -> Any:
        return self._clients[service]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(sync_catalogue.app, ["--env", "local", *arguments])
    return result.exit_code, result.output


def fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: str, *arguments: str
) -> tuple[int, str]:
    """The exit code of the whole command, and what it says on stderr."""
    monkeypatch.setattr(sys, "argv", ["sync_catalogue", "--env", environment, *arguments])
    return sync_catalogue.main(), capsys.readouterr().err


def test_the_command_brings_new_groups_in(
    personalize: LocalPersonalize, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run says what would go; the run sends it, the next one nothing; the archive adds what it has seen."""
    connection = FakeConnection(personalize, s3)
    monkeypatch.setattr(sync_catalogue, "connect", lambda environment: connection)
    new = write_csv(tmp_path / "new.csv", [HYPHENATED, *items_of(12), *read_items(SEED / "items" / "items.csv")[:5]])
    progress = ("--progress", str(tmp_path / "progress.jsonl"))

    code, output = run("--items", str(new), *progress, "--dry-run")
    assert 0 == code
    assert "13 groups would be sent" in output
    assert HYPHENATED.item_id in output
    assert not (tmp_path / "progress.jsonl").exists()

    assert (0, True) == _ends_with(run("--items", str(new), *progress), "13 groups sent, 0 were there already")
    assert (0, True) == _ends_with(run("--items", str(new), *progress), "0 groups sent, 13 were there already")

    put(s3, "events/dt=2026-11-01/hour=00/a.gz", event("Boxer Doodle"), b"rubbish")
    code, output = run("--archive", *progress)
    assert 0 == code
    assert "2 events, 1 of them name no group" in output
    assert "1 groups sent, 0 were there already" in output


def _ends_with(result: tuple[int, str], text: str) -> tuple[int, bool]:
    return result[0], result[1].rstrip().endswith(text)


def test_the_service_takes_the_properties(personalize: LocalPersonalize, s3: Any) -> None:
    """What PutItems gets fits the schema, column by column: the service answers 200."""
    answer = personalize.client("personalize-events").put_items(datasetArn=DATASET, items=[HYPHENATED.request()])
    assert 200 == answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("arguments", [(), ("--archive", "--items", "new.csv")])
def test_exactly_one_source_must_be_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Neither and both end with exit code 2 and one line."""
    assert (2, "error: give either --items FILE or --archive\n") == fails(monkeypatch, capsys, "local", *arguments)


def test_what_goes_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown environment, a missing file: the reason, on stderr."""
    code, error = fails(monkeypatch, capsys, "nonsense", "--archive")
    assert (2, True) == (code, error.startswith("error: no environment 'nonsense'"))
    code, error = fails(monkeypatch, capsys, "local", "--items", str(tmp_path / "nowhere.csv"), "--dry-run")
    assert (1, True) == (code, "nowhere.csv cannot be read" in error)
