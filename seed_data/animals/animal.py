"""One animal of the shipped table: what is known of it, and how a row of `animals.csv` is read."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.errors import PayloadError
from seed_data.animals.texts import animal_colour, animal_name
from seed_data.derive import WEIGHTS, Breed, age_band, parents, read_breeds, size_band

TABLE = Path(__file__).resolve().parent / "animals.csv"
COLUMNS = (
    "id",
    "name",
    "species",
    "breed",
    "colour",
    "sex",
    "neutered",
    "birth_date",
    "recorded_on",
    "group_id",
)
SPECIES_IDS = {"cat": "1", "dog": "2"}
SEXES = ("female", "male")
OLDEST_YEARS = 30
"""A record that makes a cat or a dog older than this has a wrong date."""

_ID = re.compile("A[0-9]{6}", re.ASCII)
_TRUTH = {"yes": True, "no": False}


class RowError(ValueError):
    """A row that is no animal: says the line of the file, the field, and what is wrong with its value."""

    def __init__(self, file: str, line: int, field: str, problem: str) -> None:
        self.line, self.field = line, field
        super().__init__(f"{file}, line {line}, {field}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """What is known of an animal on the day of its record. Its size, temperament and health are not."""

    animal_id: str
    """The id in the shelter's records, e.g. `A746874`."""
    name: str
    species: str
    """`cat` or `dog`."""
    breed: str
    """In the words of the record, e.g. `Boxer/Pit Bull` or `Siamese Mix`."""
    colour: str
    sex: str
    """`female` or `male`."""
    neutered: bool
    birth_date: date
    recorded_on: date
    """The day of the record that the facts are from; the group has the age band of this day."""
    group_id: str
    """The item that stands for the animal: `species-breed-size-age`. Its size is assumed from the breed."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The animal of a row of texts by column. Raises PayloadError that names the field."""
        texts = {column: _text(row, column) for column in COLUMNS}
        if set(row) != set(COLUMNS):
            extra = sorted(str(column) for column in set(row) - set(COLUMNS))
            raise PayloadError("row", ", ".join(extra), f"must have {len(COLUMNS)} values, one for each column")
        animal = cls(
            animal_id=animal_id(texts["id"]),
            name=animal_name(texts["name"]),
            species=_one_of(texts, "species", SPECIES_IDS),
            breed=texts["breed"],
            colour=animal_colour(texts["colour"]),
            sex=_one_of(texts, "sex", SEXES),
            neutered=_TRUTH[_one_of(texts, "neutered", _TRUTH)],
            birth_date=day(texts["birth_date"], "birth_date"),
            recorded_on=day(texts["recorded_on"], "recorded_on"),
            group_id=texts["group_id"],
        )
        AnimalGroup.parse(animal.group_id, "group_id")
        expected = group_of(
            species=animal.species,
            breed=animal.breed,
            sex=animal.sex,
            birth_date=animal.birth_date,
            on=animal.recorded_on,
        ).item_id
        if animal.group_id != expected:
            raise PayloadError("group_id", animal.group_id, f"must be {expected}, as the animal's facts have it")
        return animal

    def as_row(self) -> dict[str, str]:
        """The row of the table that `from_row` reads."""
        return {
            "id": self.animal_id,
            "name": self.name,
            "species": self.species,
            "breed": self.breed,
            "colour": self.colour,
            "sex": self.sex,
            "neutered": "yes" if self.neutered else "no",
            "birth_date": self.birth_date.isoformat(),
            "recorded_on": self.recorded_on.isoformat(),
            "group_id": self.group_id,
        }


def group_of(*, species: str, breed: str, sex: str, birth_date: date, on: date) -> AnimalGroup:
    """The group of an animal on a day, by the rules of `seed_data/derive.py`; a cross is in that of its first breed.

    Raises PayloadError for a breed that `breed_weights.csv` does not know, and for a birth after the day or more than
    30 years before it.
    """
    species_id = SPECIES_IDS[species]
    days = (on - birth_date).days
    if not 0 <= days <= OLDEST_YEARS * 365.25:
        raise PayloadError(
            "birth_date", birth_date.isoformat(), f"must be at most {OLDEST_YEARS} years before {on}, and not after it"
        )
    try:
        of_animal = _parents(breed, species_id)
    except ValueError as error:
        raise PayloadError("breed", breed, f"must be made of breeds that {WEIGHTS.name} knows") from error
    if not of_animal:
        raise PayloadError("breed", breed, "must name a breed")
    size = size_band(species_id, of_animal, sex.capitalize())
    return AnimalGroup(species_id, of_animal[0].name, str(size), str(age_band(days / 7)))


def animal_id(value: str) -> str:
    """`value` when it is an id of the shelter's records. Raises PayloadError."""
    if not _ID.fullmatch(value):
        raise PayloadError("id", value, "must be A and six digits, e.g. A746874")
    return value


def day(value: str, field: str) -> date:
    """The day that `value` writes as YYYY-MM-DD. Raises PayloadError."""
    try:
        found = date.fromisoformat(value)
    except ValueError as error:
        raise PayloadError(field, value, "must be a day, YYYY-MM-DD") from error
    if found.isoformat() != value:
        raise PayloadError(field, value, "must be a day, YYYY-MM-DD")
    return found


def read_animals(path: Path = TABLE) -> tuple[Animal, ...]:
    """The animals of a table, in its order. Raises RowError for the first row that is wrong, or an id twice."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise RowError(path.name, 1, "columns", f"must be {','.join(COLUMNS)}")
        lines: dict[str, int] = {}
        animals = []
        for row in reader:
            try:
                animal = Animal.from_row(row)
            except PayloadError as error:
                raise RowError(path.name, reader.line_num, error.field, f"{error.message}: {error.value!r}") from error
            first = lines.setdefault(animal.animal_id, reader.line_num)
            if first != reader.line_num:
                raise RowError(path.name, reader.line_num, "id", f"{animal.animal_id} is on line {first} already")
            animals.append(animal)
    return tuple(animals)


def write_animals(path: Path, animals: Iterable[Animal]) -> None:
    """Write the table, sorted by id: the same animals make the same bytes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(animal.as_row() for animal in sorted(animals, key=lambda animal: animal.animal_id))


@cache
def _parents(breed: str, species_id: str) -> list[Breed]:
    return parents(breed, species_id, _breeds())


_breeds = cache(read_breeds)


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value:
        raise PayloadError(column, value, "is missing")
    return value


def _one_of(row: Mapping[str, str], field: str, allowed: Iterable[str]) -> str:
    if row[field] not in allowed:
        raise PayloadError(field, row[field], f"must be {' or '.join(allowed)}")
    return row[field]
