"""Derive the catalogue's table of real animals from the shelter's outcome records.

`python -m seed_data.derive --outcomes FILE` reads the Austin Animal Center's open outcome records (CSV, one row an
outcome) and writes `seed_data/groups.csv`: species, breed, size, age band and how many outcomes had them. It is run
once; the table is what the project ships.

The records hold species, breed, age and sex, but no size. Size is **assumed**: from the adult weights that
`breed_weights.csv` declares (a written table, by breed), the mean of both for a cross, a little more for males and less
for females, cut into five bands.
"""

import argparse
import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lambdas.shared.animal import AnimalGroup

FOLDER = Path(__file__).resolve().parent
GROUPS = FOLDER / "groups.csv"
WEIGHTS = FOLDER / "breed_weights.csv"

SPECIES = {"Cat": "1", "Dog": "2"}
AGE_LIMITS_WEEKS = (26, 78, 182, 417)
"""Bands 1..5: under half a year, a year and a half, three and a half, eight years, and older."""
SIZE_LIMITS_KILOGRAMS = {"1": (3.5, 4.25, 5.0, 6.0), "2": (5.0, 11.0, 20.0, 32.0)}
"""Bands 1..5, cats and dogs apart."""
_SEX_FACTOR = {"Male": 1.08, "Female": 0.92}


class Breed(NamedTuple):
    """A breed as the site names it, with the adult weight assumed for it."""

    name: str
    kilograms: float


def read_breeds(path: Path = WEIGHTS) -> dict[tuple[str, str], Breed]:
    """The breeds by species and the name that the records give them."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["species"], row["recorded"]): Breed(row["breed"], float(row["kilograms"]))
            for row in csv.DictReader(file)
        }


def parents(recorded: str, species: str, breeds: Mapping[tuple[str, str], Breed]) -> list[Breed]:
    """The breeds that a record names: one, or both of a cross (`Boxer/Pit Bull`); ValueError for an unknown one.

    A slash may also be part of a name (`Black/Tan Hound`): the longest known name wins.
    """
    rest = recorded.removesuffix(" Mix")
    found: list[Breed] = []
    while rest:
        names = [name for kind, name in breeds if kind == species and (rest == name or rest.startswith(f"{name}/"))]
        if not names:
            raise ValueError(f"breed {rest!r} of {recorded!r} is not in {WEIGHTS.name}")
        name = max(names, key=len)
        found.append(breeds[species, name])
        rest = rest[len(name) + 1 :]
    return found


def size_band(species: str, of_animal: Sequence[Breed], sex: str) -> int:
    """The assumed size, 1 to 5, of an animal with these parents; `sex` is Male, Female or anything else."""
    kilograms = sum(breed.kilograms for breed in of_animal) / len(of_animal)
    kilograms *= _SEX_FACTOR.get(sex, 1.0)
    return 1 + bisect_right(SIZE_LIMITS_KILOGRAMS[species], kilograms)


def age_band(weeks: float) -> int:
    """The age band, 1 to 5, of an animal of so many weeks."""
    return 1 + bisect_right(AGE_LIMITS_WEEKS, weeks)


def groups_of(record: Mapping[str, str], breeds: Mapping[tuple[str, str], Breed]) -> set[AnimalGroup]:
    """The groups under which a site lists the animal of one outcome: a cross is found under both its breeds.

    Empty for species other than cats and dogs, and for records whose breed is not known.
    """
    species = SPECIES.get(record["animal_type"])
    if species is None or "Unknown" in record["breed"]:
        return set()
    of_animal = parents(record["breed"], species, breeds)
    size = size_band(species, of_animal, record["sex_upon_outcome"].split(" ")[-1])
    age = age_band(float(record["age_upon_outcome_in_weeks"]))
    return {AnimalGroup(species, breed.name, str(size), str(age)) for breed in of_animal}


def count_groups(records: Iterable[Mapping[str, str]]) -> Counter[AnimalGroup]:
    """How many listings each group had."""
    breeds = read_breeds()
    return Counter(group for record in records for group in groups_of(record, breeds))


def main() -> None:
    """Write the table of real animals."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--outcomes", type=Path, required=True, help="the shelter's outcome records, a CSV file")
    parser.add_argument("--out", type=Path, default=GROUPS, help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        with arguments.outcomes.open(encoding="utf-8", newline="") as file:
            counts = count_groups(csv.DictReader(file))
        with arguments.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("species", "breed", "size", "age", "listings"))
            writer.writerows(sorted((each.species, each.breed, each.size, each.age, n) for each, n in counts.items()))
    except OSError as error:
        parser.error(str(error))
    print(f"{arguments.out}: {len(counts)} groups, {sum(counts.values())} listings")


if __name__ == "__main__":
    main()
