"""Derive the table of individual animals from the shelter's outcome records.

`python -m seed_data.animals.derive --outcomes FILE` reads the Austin Animal Center's open outcome records (CSV, one row
an outcome) and writes `seed_data/animals/animals.csv`: cats and dogs that found a home, with what is known of them. It
is run once; the table is what the project ships.

**Nobody who died appears.** An animal is judged by all its records together. One record that tells of a death, of a
disappearance, or of anything that is not known to be harmless leaves the animal out, whatever the other records say
and in whichever order they are.
"""

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lambdas.shared.errors import PayloadError
from seed_data.animals.animal import TABLE, Animal, animal_id, day, group_of, write_animals
from seed_data.animals.texts import animal_colour, animal_name, cleaned

READ = (
    "animal_id",
    "animal_type",
    "breed",
    "color",
    "date_of_birth",
    "datetime",
    "name",
    "outcome_type",
    "sex_upon_outcome",
)
"""The columns that are read; others may be there."""

ADOPTED = frozenset({"Adoption", "Rto-Adopt"})
"""Rto-Adopt: given back to a former owner by adoption."""
HARMLESS = ADOPTED | {"Return to Owner", "Transfer", "Relocate"}
"""The outcomes that an animal of the table may have had. No other word, and no empty one, is taken for harmless."""

_SPECIES = {"Cat": "cat", "Dog": "dog"}
_SEXES = {
    "Neutered Male": ("male", True),
    "Intact Male": ("male", False),
    "Spayed Female": ("female", True),
    "Intact Female": ("female", False),
}
_NAME_WIDTH = 12
"""The longest name of the records, with its `*`: one that is as long may have been cut off (`Peanut Butte`)."""

_LASTING = ("animal_type", "date_of_birth")
"""What is the same in all records of one animal."""


class LeftOutError(Exception):
    """The animal does not come into the table; the message is the reason, as it is counted."""


@dataclass(frozen=True, slots=True)
class Derived:
    """The animals of the table, and how many were left out for each reason."""

    animals: tuple[Animal, ...]
    left_out: Counter[str]


def read_outcomes(path: Path) -> list[dict[str, str]]:
    """The records of an outcomes file, their texts in NFKC and without spaces at the ends.

    Raises ValueError with the line for a file that cannot be read as the table it should be: where a quotation mark is
    not closed, records would be swallowed, and with them the one that tells of a death.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            missing = sorted(set(READ) - set(reader.fieldnames or ()))
            if missing:
                raise ValueError(f"{path.name} has no column {', '.join(missing)}")
            return [_record(row, f"{path.name}, line {reader.line_num}") for row in reader]
        except csv.Error as error:
            raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from error


def _record(row: Mapping[str | None, Any], place: str) -> dict[str, str]:
    if None in row or None in row.values():
        raise ValueError(f"{place}: the record must have one value for each column")
    record = {str(column): cleaned(value) for column, value in row.items() if column in READ}
    for column, value in record.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"{place}, {column}: the value goes over several lines, a quotation mark is not closed")
    return record


def derive(records: Iterable[Mapping[str, str]]) -> Derived:
    """The animals of all records, sorted by id, and the count of those left out by reason."""
    histories: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for record in records:
        histories[record["animal_id"].upper()].append(record)
    animals, left_out = [], Counter[str]()
    for identifier in sorted(histories):
        try:
            animals.append(animal_of(identifier, histories[identifier]))
        except LeftOutError as error:
            left_out[str(error)] += 1
    return Derived(tuple(animals), left_out)


def animal_of(identifier: str, records: Sequence[Mapping[str, str]]) -> Animal:
    """The animal that all records with the id tell of. Raises LeftOutError with the reason."""
    if any(record["animal_type"] not in _SPECIES for record in records):
        raise LeftOutError("not a cat or a dog")
    if any(record["outcome_type"] not in HARMLESS for record in records):
        raise LeftOutError("died, was euthanised, went missing, or the outcome is not known")
    last = _last(records)
    if any(record[column] != last[column] for record in records for column in _LASTING):
        raise LeftOutError("records contradict each other")
    if last["sex_upon_outcome"] not in _SEXES:
        raise LeftOutError("sex is not known")
    sex, neutered = _SEXES[last["sex_upon_outcome"]]
    species = _SPECIES[last["animal_type"]]
    name = _name(last["name"])
    try:
        recorded_on = day(last["datetime"][:10], "datetime")
        birth_date = day(last["date_of_birth"], "birth_date")
        group = group_of(species=species, breed=last["breed"], sex=sex, birth_date=birth_date, on=recorded_on)
        return Animal(
            animal_id=animal_id(identifier),
            name=name,
            species=species,
            breed=last["breed"],
            colour=animal_colour("/".join(dict.fromkeys(last["color"].split("/")))),
            sex=sex,
            neutered=neutered,
            birth_date=birth_date,
            recorded_on=recorded_on,
            group_id=group.item_id,
        )
    except PayloadError as error:
        raise LeftOutError(f"{error.field} is not usable") from error


def _last(records: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """The latest record, if it is an adoption; of several at one moment, all have to be."""
    try:
        times = [datetime.fromisoformat(record["datetime"]).replace(tzinfo=None) for record in records]
    except ValueError as error:
        raise LeftOutError("datetime is not usable") from error
    latest = [record for record, time in zip(records, times, strict=True) if time == max(times)]
    if any(record["outcome_type"] not in ADOPTED for record in latest):
        raise LeftOutError("last outcome is no adoption")
    if any(record != latest[0] for record in latest):
        raise LeftOutError("records contradict each other")
    return latest[0]


def _name(recorded: str) -> str:
    """The name without the `*` that marks those given by the shelter. Raises LeftOutError."""
    name = recorded.strip("* ")
    if not name:
        raise LeftOutError("no name")
    if len(recorded) >= _NAME_WIDTH:
        raise LeftOutError(f"name may be cut off ({_NAME_WIDTH} characters)")
    try:
        return animal_name(name)
    except PayloadError as error:
        raise LeftOutError("name is not usable") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table of individual animals."""
    parser = argparse.ArgumentParser(prog="python -m seed_data.animals.derive", description=main.__doc__)
    parser.add_argument("--outcomes", type=Path, required=True, help="the shelter's outcome records, a CSV file")
    parser.add_argument("--out", type=Path, default=TABLE, help="where to write (default: %(default)s)")
    given = parser.parse_args(arguments)
    try:
        derived = derive(read_outcomes(given.outcomes))
        write_animals(given.out, derived.animals)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{given.out}: {len(derived.animals)} animals; left out:")
    for reason, count in sorted(derived.left_out.items(), key=lambda entry: (-entry[1], entry[0])):
        print(f"{count:6} {reason}")


if __name__ == "__main__":
    main()
