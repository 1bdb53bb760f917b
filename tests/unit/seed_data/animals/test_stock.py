"""The simulated shelter: arrivals and departures of the animals of the table."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from seed_data.animals import stock
from seed_data.animals.animal import Animal, read_animals
from seed_data.animals.stock import AVAILABLE, FIELDS, MOST_OFF, Change, TableUsedUpError, available_at, simulate

ROOT = Path(__file__).resolve().parents[4]

START = date(2026, 11, 1)
DAYS = 90
ANIMALS = read_animals()


@pytest.fixture(scope="module", params=[0, 1, 7])
def changes(request: pytest.FixtureRequest) -> list[Change]:
    return list(simulate(ANIMALS, seed=request.param, start=START, days=DAYS))


def shown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    stock.main(arguments)
    return capsys.readouterr().out


def test_about_a_thousand_are_available_on_every_day(changes: list[Change]) -> None:
    """At the end of each of 90 days, at most fifty more or fewer."""
    available = 0
    for number in range(DAYS):
        today = START + timedelta(days=number)
        available += sum(1 if c.reason is None else -1 for c in changes if c.updated_at.date() == today)
        assert abs(available - AVAILABLE) <= MOST_OFF, today


def test_nobody_comes_again_and_nobody_leaves_who_is_not_there(changes: list[Change]) -> None:
    """Each animal arrives once, leaves at most once, and later than it came."""
    arrived: dict[str, datetime] = {}
    left: set[str] = set()
    for change in changes:
        animal_id = change.animal.animal_id
        if change.reason is None:
            assert animal_id not in arrived
            arrived[animal_id] = change.updated_at
        else:
            assert arrived[animal_id] < change.updated_at
            assert animal_id not in left
            left.add(animal_id)
    assert len(arrived) > AVAILABLE + len(left) - MOST_OFF
    assert left


def test_changes_are_in_the_order_of_their_times(changes: list[Change]) -> None:
    """From the first midnight to the last evening."""
    assert all(before.updated_at <= after.updated_at for before, after in pairwise(changes))
    assert datetime(2026, 11, 1, tzinfo=UTC) == changes[0].updated_at
    assert START + timedelta(days=DAYS - 1) == changes[-1].updated_at.date()


def test_nobody_dies(changes: list[Change]) -> None:
    """No animal that found a home is shown as dead, not even in a simulation."""
    reasons = Counter(change.reason for change in changes if change.reason is not None)
    assert {"adopted", "transferred", "error"} == set(reasons)
    assert reasons["adopted"] > reasons["transferred"] > reasons["error"]


def test_an_animal_is_as_old_at_its_arrival_as_at_its_record(changes: list[Change]) -> None:
    """So its group is right on that day; all other facts are those of the table."""
    table = {animal.animal_id: animal for animal in ANIMALS}
    for change in changes:
        if change.reason is not None:
            continue
        animal, recorded = change.animal, table[change.animal.animal_id]
        assert change.updated_at.date() == animal.recorded_on
        assert recorded.recorded_on - recorded.birth_date == animal.recorded_on - animal.birth_date
        assert animal == Animal.from_row(animal.as_row()), "the group fits the facts"
        dates = ("birth_date", "recorded_on")
        assert {k: v for k, v in recorded.as_row().items() if k not in dates} == {
            k: v for k, v in animal.as_row().items() if k not in dates
        }


def test_a_longer_simulation_begins_with_the_shorter() -> None:
    """The order of the rows in the table does not count either."""
    short = list(simulate(ANIMALS[::-1], seed=3, start=START, days=5))
    assert short == list(simulate(ANIMALS, seed=3, start=START, days=9))[: len(short)]


def test_seeds_differ() -> None:
    """Other animals are there at first."""
    first, second = ({c.animal.animal_id for c in simulate(ANIMALS, seed=seed, start=START, days=1)} for seed in (1, 2))
    assert AVAILABLE == len(first) == len(second)
    assert first != second


def test_the_table_has_an_end() -> None:
    """It says for how many days it is enough."""
    with pytest.raises(TableUsedUpError, match=r"1100 animals are enough for \d+ days from seed 1, not for 90"):
        list(simulate(ANIMALS[:1100], seed=1, start=START, days=90))
    with pytest.raises(TableUsedUpError, match="10 animals are enough for 0 days"):
        list(simulate(ANIMALS[:10], seed=1, start=START, days=1))


@pytest.mark.parametrize(("seed", "days"), [(-1, 1), (1, 0)])
def test_senseless_arguments_are_refused(seed: int, days: int) -> None:
    """A seed below 0 would be that above it."""
    with pytest.raises(ValueError, match="seed must be at least 0 and days at least 1"):
        list(simulate(ANIMALS, seed=seed, start=START, days=days))


def test_who_is_available_is_who_arrived_and_did_not_leave(changes: list[Change]) -> None:
    """By id; on the last day as on any other."""
    for number in (0, 30, DAYS - 1):
        today = START + timedelta(days=number)
        past = [change for change in changes if change.updated_at.date() <= today]
        gone = {change.animal.animal_id for change in past if change.reason is not None}
        expected = sorted(c.animal.animal_id for c in past if c.animal.animal_id not in gone)
        there = available_at(changes, today)
        assert expected == [change.animal.animal_id for change in there]
        assert {None} == {change.reason for change in there}


# --- the command


def test_the_same_arguments_make_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a file as on the standard output."""
    arguments = ["--seed", "5", "--days", "3"]
    first = shown(arguments, capsys)
    assert first == shown(arguments, capsys)
    assert "changes" in shown([*arguments, "--out", str(tmp_path / "stock.jsonl")], capsys)
    assert first.encode() == (tmp_path / "stock.jsonl").read_bytes()


def test_lines_say_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """An arrival with the facts, a withdrawal with its reason and nothing else."""
    lines = [json.loads(line) for line in shown(["--seed", "5", "--days", "3"], capsys).splitlines()]
    facts = {field for field in FIELDS if field != "reason"}
    assert {"upsert": facts, "withdraw": {"action", "animalId", "updatedAt", "reason"}} == {
        line["action"]: set(line) for line in lines
    }
    for line in lines:
        assert set(line) in (facts, {"action", "animalId", "updatedAt", "reason"})
        assert line["updatedAt"].endswith("Z")
        assert datetime.fromisoformat(line["updatedAt"]).utcoffset() == timedelta(0)


def test_the_csv_says_the_same_as_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Empty where a change has no such field."""
    arguments = ["--seed", "5", "--days", "3"]
    lines = [json.loads(line) for line in shown(arguments, capsys).splitlines()]
    rows = list(csv.DictReader(shown([*arguments, "--format", "csv"], capsys).splitlines()))
    as_texts = [
        {field: str(line.get(field, "")).lower() if field == "neutered" else line.get(field, "") for field in FIELDS}
        for line in lines
    ]
    assert as_texts == rows


def test_the_lines_of_the_page_are_real(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/develop/seed-data.md shows two lines of the command above them."""
    page = (Path(__file__).resolve().parents[4] / "docs" / "develop" / "seed-data.md").read_text(encoding="utf-8")
    example = page.partition("```json\n")[2].partition("```")[0].splitlines()
    lines = shown(["--seed", "7", "--days", "90"], capsys).splitlines()
    assert 2 == len(example)
    assert set(example) <= set(lines)


def test_one_day_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """The animals available at the end of it, each once."""
    lines = shown(["--seed", "5", "--days", "9", "--at", "2026-11-05"], capsys).splitlines()
    assert abs(len(lines) - AVAILABLE) <= MOST_OFF
    assert {"upsert"} == {json.loads(line)["action"] for line in lines}
    assert len(lines) == len({json.loads(line)["animalId"] for line in lines})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--at", "2026-12-24"], "--at must be one of the 30 days from 2026-11-01, not 2026-12-24"),
        (["--at", "tomorrow"], "--at: must be a day, YYYY-MM-DD"),
        (["--start", "20261101"], "--start: must be a day, YYYY-MM-DD"),
        (["--start", "9999-12-30"], "date value out of range"),
        (["--days", "400"], "not for 400"),
        (["--animals", "nowhere.csv"], "nowhere.csv"),
        (["--out", "nowhere/stock.jsonl"], "nowhere/stock.jsonl"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a message, not as a traceback."""
    with pytest.raises(SystemExit):
        stock.main(arguments)
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("days", ["1", "60"])
def test_a_reader_that_goes_away_ends_it_quietly(days: str) -> None:
    """Whether the changes fit the pipe's buffer or not: exit code 1, and no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "seed_data.animals.stock", "--days", days]
    ended = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (1, b"") == (ended.returncode, ended.stderr)
