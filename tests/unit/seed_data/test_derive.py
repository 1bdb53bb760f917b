"""From the shelter's outcome records to groups."""

import csv
from pathlib import Path

import pytest

from lambdas.shared.animal import AnimalGroup
from seed_data import derive
from seed_data.derive import groups_of, parents, read_breeds

BREEDS = read_breeds()


def outcome(species: str, breed: str, *, weeks: float = 100, sex: str = "Unknown") -> dict[str, str]:
    return {"animal_type": species, "breed": breed, "age_upon_outcome_in_weeks": str(weeks), "sex_upon_outcome": sex}


@pytest.mark.parametrize(
    ("recorded", "names"),
    [
        ("Pit Bull Mix", ["Pit Bull"]),
        ("Boxer/Pit Bull", ["Boxer", "Pit Bull"]),
        ("Black/Tan Hound Mix", ["Black-and-Tan Coonhound"]),
        ("Black/Tan Hound/Boxer", ["Black-and-Tan Coonhound", "Boxer"]),
        ("Boxer/Black/Tan Hound", ["Boxer", "Black-and-Tan Coonhound"]),
        ("St. Bernard Smooth Coat", ["Saint Bernard"]),
    ],
)
def test_records_name_one_or_two_breeds(recorded: str, names: list[str]) -> None:
    """`Mix` is dropped, a slash separates parents unless it belongs to the name."""
    assert names == [breed.name for breed in parents(recorded, "2", BREEDS)]


def test_an_unknown_breed_is_an_error() -> None:
    """A record that the table does not know stops the derivation and names the breed."""
    with pytest.raises(ValueError, match="'Gryphon' of 'Boxer/Gryphon' is not in breed_weights"):
        parents("Boxer/Gryphon", "2", BREEDS)


@pytest.mark.parametrize(("weeks", "age"), [(2, "1"), (26, "2"), (77, "2"), (78, "3"), (182, "4"), (417, "5")])
def test_age_bands(weeks: float, age: str) -> None:
    """The bands are cut at half a year, one and a half, three and a half, and eight years."""
    assert {AnimalGroup("1", "Siamese", "2", age)} == groups_of(outcome("Cat", "Siamese", weeks=weeks), BREEDS)


def test_size_follows_from_breed_sex_and_cross() -> None:
    """A male Labrador is larger than a female; a cross has the mean of both and is listed under both."""
    sizes = {
        sex: {group.size for group in groups_of(outcome("Dog", "Labrador Retriever", sex=sex), BREEDS)}
        for sex in ("Intact Male", "Spayed Female")
    }
    assert {"Intact Male": {"5"}, "Spayed Female": {"4"}} == sizes
    assert {
        AnimalGroup("2", "Labrador Retriever", "3", "3"),
        AnimalGroup("2", "Short-Haired Chihuahua", "3", "3"),
    } == groups_of(outcome("Dog", "Labrador Retriever/Chihuahua Shorthair"), BREEDS)


@pytest.mark.parametrize("record", [outcome("Bird", "Parrot Mix"), outcome("Dog", "Unknown Mix")])
def test_other_records_are_left_out(record: dict[str, str]) -> None:
    """No birds, and nothing whose breed nobody knows."""
    assert set() == groups_of(record, BREEDS)


def test_the_command_writes_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a group with its number of listings, in order."""
    records = [outcome("Cat", "Siamese"), outcome("Cat", "Siamese Mix"), outcome("Dog", "Boxer/Pit Bull", weeks=10)]
    with (tmp_path / "outcomes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    monkeypatch.setattr(
        "sys.argv", ["derive", "--outcomes", str(tmp_path / "outcomes.csv"), "--out", str(tmp_path / "groups.csv")]
    )
    derive.main()
    assert [
        "species,breed,size,age,listings",
        "1,Siamese,2,3,2",
        "2,Boxer,4,1,1",
        "2,Pit Bull,4,1,1",
    ] == (tmp_path / "groups.csv").read_text(encoding="utf-8").splitlines()


def test_the_table_that_is_shipped_is_sound() -> None:
    """885 groups, none twice, all of breeds that the weights name."""
    with derive.GROUPS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = {AnimalGroup(row["species"], row["breed"], row["size"], row["age"]) for row in rows}
    assert (885, 885) == (len(rows), len(groups))
    assert {(group.species, group.breed) for group in groups} <= {
        (species, breed.name) for (species, _), breed in BREEDS.items()
    }
    assert all(int(row["listings"]) > 0 for row in rows)
