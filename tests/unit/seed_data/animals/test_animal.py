"""The table of animals: reading it, and what the shipped one says."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from lambdas.shared.animal import AnimalGroup
from seed_data.animals.animal import COLUMNS, TABLE, Animal, RowError, read_animals, write_animals
from seed_data.animals.texts import animal_name
from seed_data.derive import AGE_LIMITS_WEEKS, GROUPS
from seed_data.generate import FOLDER
from seed_data.world import build_world

ROW = {
    "id": "A700001",
    "name": "Bella",
    "species": "dog",
    "breed": "Boxer/Pit Bull",
    "colour": "Brown/White",
    "sex": "female",
    "neutered": "yes",
    "birth_date": "2015-03-01",
    "recorded_on": "2017-03-01",
    "group_id": "2-Boxer-4-3",
}


def write_rows(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def shipped() -> tuple[Animal, ...]:
    return read_animals()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The shipped table as plain texts: what it says without our reading function."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_is_an_animal(tmp_path: Path) -> None:
    """Every fact with its type; written again, the row is the same."""
    animals = read_animals(write_rows(tmp_path / "a.csv", ROW))
    expected = Animal(
        animal_id="A700001",
        name="Bella",
        species="dog",
        breed="Boxer/Pit Bull",
        colour="Brown/White",
        sex="female",
        neutered=True,
        birth_date=date(2015, 3, 1),
        recorded_on=date(2017, 3, 1),
        group_id="2-Boxer-4-3",
    )
    assert (expected,) == animals
    assert ROW == expected.as_row()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "746874"),
        ("id", "A74687\u0664"),
        ("id", ""),
        ("name", "*Bella"),
        ("name", "Bella\u0007"),
        ("species", "bird"),
        ("breed", "Gryphon Mix"),
        ("breed", "<b>"),
        ("colour", "Invisible"),
        ("sex", "unknown"),
        ("neutered", "true"),
        ("birth_date", "2018-03-01"),
        ("birth_date", "1980-03-01"),
        ("birth_date", "20150301"),
        ("birth_date", "2015-02-30"),
        ("recorded_on", "yesterday"),
        ("group_id", "2-Boxer-4-2"),
        ("group_id", "2-Pit Bull-4-3"),
        ("group_id", "2-Boxer-9-3"),
        ("group_id", "Boxer"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, field: str, value: str) -> None:
    """The line of the file and the field, among rows that are right."""
    path = write_rows(tmp_path / "a.csv", ROW, ROW | {"id": "A700002", field: value})
    with pytest.raises(RowError, match=rf"a\.csv, line 3, {field}: ") as refused:
        read_animals(path)
    assert (3, field) == (refused.value.line, refused.value.field)


def test_an_id_twice_is_named(tmp_path: Path) -> None:
    """Both lines are said."""
    with pytest.raises(RowError, match=r"line 4, id: A700001 is on line 2 already"):
        read_animals(write_rows(tmp_path / "a.csv", ROW, ROW | {"id": "A700002"}, ROW))


def test_other_columns_are_no_table(tmp_path: Path) -> None:
    """The columns are the contract."""
    with pytest.raises(RowError, match="line 1, columns"):
        read_animals(write_rows(tmp_path / "a.csv", columns=(*COLUMNS, "size")))


@pytest.mark.parametrize(("line", "field"), [("A700001,Bella", "species"), (",".join(ROW.values()) + ",more", "row")])
def test_a_row_of_another_length_is_named(tmp_path: Path, line: str, field: str) -> None:
    """Too few values, or too many."""
    path = tmp_path / "a.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{line}\n", encoding="utf-8")
    with pytest.raises(RowError, match=f"line 2, {field}"):
        read_animals(path)


# --- the shipped table


def test_the_shipped_table_is_sorted_and_written_as_it_is_read(shipped: tuple[Animal, ...], tmp_path: Path) -> None:
    """3,428 animals, byte for byte what `write_animals` makes of them in any order."""
    assert 3428 == len(shipped)
    write_animals(tmp_path / "again.csv", reversed(shipped))
    assert TABLE.read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_the_shipped_values_are_plain(rows: list[dict[str, str]]) -> None:
    """Ids once, no mark of the shelter's, closed sets of values, names and breeds without markup."""
    assert len(rows) == len({row["id"] for row in rows})
    assert {"cat", "dog"} == {row["species"] for row in rows}
    assert {"female", "male"} == {row["sex"] for row in rows}
    assert {"yes", "no"} == {row["neutered"] for row in rows}
    assert not [value for row in rows for value in row.values() if "*" in value or not value.isprintable()]
    assert [row["name"] for row in rows] == [animal_name(row["name"]) for row in rows]
    assert max(len(row["name"]) for row in rows) < 12, "a longer name may have been cut off"


def test_no_word_of_the_shipped_table_tells_of_size_or_health(rows: list[dict[str, str]]) -> None:
    """The columns are facts; the assumed size is in the group id only."""
    assert COLUMNS == tuple(rows[0])
    breeds_and_colours = " ".join(row["breed"] + " " + row["colour"] for row in rows).lower().replace("/", " ").split()
    assert not {"small", "large", "big", "tiny", "sick", "injured", "aggressive"} & set(breeds_and_colours)


def test_the_age_band_fits_the_birth_date_at_the_record(rows: list[dict[str, str]]) -> None:
    """Counted here anew, from the dates and the limits alone."""
    for row in rows:
        days = (date.fromisoformat(row["recorded_on"]) - date.fromisoformat(row["birth_date"])).days
        assert days >= 0, row
        group = AnimalGroup.parse(row["group_id"])
        assert 1 + sum(days >= 7 * weeks for weeks in AGE_LIMITS_WEEKS) == int(group.age), row
        assert {"cat": "1", "dog": "2"}[row["species"]] == group.species, row


def test_the_groups_are_those_of_the_catalogue(shipped: tuple[Animal, ...]) -> None:
    """All are real groups; of 502, 499 are in the catalogue, three appear in the days after the seed."""
    with GROUPS.open(encoding="utf-8", newline="") as file:
        real = {"-".join((row["species"], row["breed"], row["size"], row["age"])) for row in csv.DictReader(file)}
    with (FOLDER / "items" / "items.csv").open(encoding="utf-8", newline="") as file:
        catalogue = {row["ITEM_ID"] for row in csv.DictReader(file)}
    animals = Counter(animal.group_id for animal in shipped)
    later = set(animals) - catalogue
    world = build_world()
    assert (502, 499) == (len(animals), len(set(animals) & catalogue))
    assert set(animals) <= real
    assert later <= set(world.item_ids[world.listed(0) :])
    assert 4 == sum(animals[group] for group in later)
