"""Simulate what is available: animals of the table arrive and leave, as the shelter's system would report it.

`python -m seed_data.animals.stock --seed N --days D` writes one JSON object (or CSV row) a change. About 1,000 animals
are available on every day. **Who arrives and leaves when is simulated**: the shelter never had 1,000 of these animals
at once, and a departure says nothing of the animal of the record. The same arguments make the same bytes.

Nobody dies in the simulation: the reason `died` exists in the shelter's system, but the animals of the table are real
and found a home.
"""

import argparse
import csv
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TextIO

from seed_data.animals.animal import TABLE, Animal, day, read_animals

AVAILABLE = 1000
"""How many animals are available at first."""
MOST_OFF = 50
"""At the end of every day, there are at most so many more or fewer."""
MEAN_STAY_DAYS = 60
DEFAULT_START = "2026-11-01"
"""Where the seed's interactions end."""
REASONS = {"adopted": 0.8, "transferred": 0.17, "error": 0.03}
"""Why animals leave, and how often: assumed. An error is an animal that should not have been listed."""

UPSERT, WITHDRAW = "upsert", "withdraw"
FACTS = ("name", "species", "breed", "colour", "sex", "neutered", "birthDate", "groupId")
FIELDS = ("action", "animalId", "updatedAt", "reason", *FACTS)

_RETURN = 0.25
"""The share of the difference from `AVAILABLE` that the next day's arrivals make good."""
_SPREAD = 8
"""How many more or fewer than expected arrive in a day."""
_ARRIVALS, _DEPARTURES = (8, 12), (12, 18)
"""The hours (UTC) in which animals come and go: who leaves was there in the morning."""


class TableUsedUpError(ValueError):
    """There are too few animals for so many days: an animal that left does not come again."""


@dataclass(frozen=True, slots=True)
class Change:
    """An animal that becomes available, or one that leaves."""

    animal: Animal
    """Its dates are as of its arrival: moved together, so that it is as old as on the day of its record."""
    updated_at: datetime
    reason: str | None = None
    """Why it leaves; None where it arrives."""

    def as_json(self) -> dict[str, object]:
        """The change in the fields of `FIELDS`: of a withdrawal without the facts, of an arrival without a reason."""
        head: dict[str, object] = {
            "action": UPSERT if self.reason is None else WITHDRAW,
            "animalId": self.animal.animal_id,
            "updatedAt": self.updated_at.isoformat().replace("+00:00", "Z"),
        }
        return head | (facts(self.animal) if self.reason is None else {"reason": self.reason})


def facts(animal: Animal) -> dict[str, object]:
    """What is said of an animal: never its size, how long it has waited, its temperament or its health."""
    return {
        "name": animal.name,
        "species": animal.species,
        "breed": animal.breed,
        "colour": animal.colour,
        "sex": animal.sex,
        "neutered": animal.neutered,
        "birthDate": animal.birth_date.isoformat(),
        "groupId": animal.group_id,
    }


def simulate(animals: Sequence[Animal], *, seed: int, start: date, days: int) -> Iterator[Change]:
    """The changes of so many days, oldest first: on the first, the animals that are there at midnight arrive.

    A longer simulation begins with the shorter one of the same seed. Raises ValueError for a seed below 0, less than
    one day, and TableUsedUpError when no animal is left to arrive.
    """
    if seed < 0 or days < 1:
        raise ValueError(f"seed must be at least 0 and days at least 1, not {seed} and {days}")
    rng = random.Random(seed)
    waiting = sorted(animals, key=lambda animal: animal.animal_id)
    rng.shuffle(waiting)
    available: list[Animal] = []
    for number in range(days):
        today = start + timedelta(days=number)
        leaving = [animal for animal in available if rng.random() < 1 / MEAN_STAY_DAYS]
        count = AVAILABLE if number == 0 else _arrivals(len(available), len(leaving), rng)
        if count > len(waiting):
            raise TableUsedUpError(
                f"{len(animals)} animals are enough for {number} days from seed {seed}, not for {days}:"
                " an animal that left does not come again"
            )
        arriving = [_arrived(waiting.pop(), today) for _ in range(count)]
        changes = [Change(each, _moment(today, (0, 0) if number == 0 else _ARRIVALS, rng)) for each in arriving]
        changes += [Change(each, _moment(today, _DEPARTURES, rng), _reason(rng)) for each in leaving]
        yield from sorted(changes, key=lambda change: (change.updated_at, change.animal.animal_id))
        gone = {animal.animal_id for animal in leaving}
        available = [animal for animal in available if animal.animal_id not in gone] + arriving


def available_at(changes: Iterable[Change], last_day: date) -> list[Change]:
    """The arrivals of the animals that are available at the end of a day, by id."""
    there: dict[str, Change] = {}
    for change in changes:
        if change.updated_at.date() > last_day:
            break
        if change.reason is None:
            there[change.animal.animal_id] = change
        else:
            del there[change.animal.animal_id]
    return [there[animal_id] for animal_id in sorted(there)]


def write_changes(file: TextIO, changes: Iterable[Change], *, as_csv: bool) -> None:
    """Write the changes as CSV (empty where a change has no such field) or as JSON Lines."""
    contents = (change.as_json() for change in changes)
    if not as_csv:
        file.writelines(json.dumps(content, ensure_ascii=False) + "\n" for content in contents)
        return
    writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({field: _cell(value) for field, value in content.items()} for content in contents)


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _arrivals(available: int, leaving: int, rng: random.Random) -> int:
    """How many arrive in a day: what keeps the number near `AVAILABLE`, and never further off than `MOST_OFF`."""
    remaining = available - leaving
    wanted = round(AVAILABLE / MEAN_STAY_DAYS + _RETURN * (AVAILABLE - available)) + rng.randint(-_SPREAD, _SPREAD)
    return max(0, AVAILABLE - MOST_OFF - remaining, min(wanted, AVAILABLE + MOST_OFF - remaining))


def _arrived(animal: Animal, today: date) -> Animal:
    """The animal as if today were the day of its record."""
    born = today - (animal.recorded_on - animal.birth_date)
    return replace(animal, birth_date=born, recorded_on=today)


def _moment(today: date, hours: tuple[int, int], rng: random.Random) -> datetime:
    first, end = hours
    second = rng.randrange(first * 3600, end * 3600) if end > first else first * 3600
    return datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(seconds=second)


def _reason(rng: random.Random) -> str:
    return rng.choices(list(REASONS), list(REASONS.values()))[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the arrivals and departures of a simulated shelter, or what is available at the end of one day."""
    parser = argparse.ArgumentParser(prog="python -m seed_data.animals.stock", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same bytes (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, help="how many days are simulated (default: %(default)s)")
    parser.add_argument("--start", default=DEFAULT_START, help="the first day, YYYY-MM-DD (default: %(default)s)")
    parser.add_argument("--at", help="only the animals available at the end of this day, YYYY-MM-DD")
    parser.add_argument("--animals", type=Path, default=TABLE, help="the table of animals (default: %(default)s)")
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="the file to write (default: standard output)")
    given = parser.parse_args(arguments)
    try:
        start = day(given.start, "--start")
        last_day = None if given.at is None else day(given.at, "--at")
        if last_day is not None and not 0 <= (last_day - start).days < given.days:
            raise ValueError(f"--at must be one of the {given.days} days from {start}, not {last_day}")
        changes = list(simulate(read_animals(given.animals), seed=given.seed, start=start, days=given.days))
    except (OSError, OverflowError, ValueError) as error:
        parser.error(str(error))
    if last_day is not None:
        changes = available_at(changes, last_day)
    try:
        _write(given.out, changes, as_csv=given.format == "csv")
    except BrokenPipeError:
        # What is still in the buffer goes nowhere: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        parser.error(str(error))


def _write(out: Path | None, changes: Sequence[Change], *, as_csv: bool) -> None:
    if out is None:
        write_changes(sys.stdout, changes, as_csv=as_csv)
        sys.stdout.flush()
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        write_changes(file, changes, as_csv=as_csv)
    print(f"{out}: {len(changes)} changes")


if __name__ == "__main__":
    main()
