"""From outcome records to animals: who comes into the table, and above all who does not."""

import csv
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pytest

from seed_data.animals import derive as module
from seed_data.animals.animal import read_animals
from seed_data.animals.derive import READ, derive, read_outcomes

DEAD = "died, was euthanised, went missing, or the outcome is not known"
CONTRADICT = "records contradict each other"


def outcome(animal_id: str = "A700001", outcome_type: str = "Adoption", **changes: str) -> dict[str, str]:
    return {
        "animal_id": animal_id,
        "animal_type": "Dog",
        "breed": "Boxer/Pit Bull",
        "color": "Brown/White",
        "date_of_birth": "2015-03-01",
        "datetime": "2017-03-01 18:11:00",
        "name": "*Bella",
        "outcome_type": outcome_type,
        "sex_upon_outcome": "Spayed Female",
    } | changes


def as_text(records: Iterable[dict[str, str]], end: str = "\n") -> str:
    file = StringIO()
    writer = csv.DictWriter(file, READ, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


def left_out(*records: dict[str, str]) -> dict[str, int]:
    derived = derive(records)
    assert () == derived.animals
    return dict(derived.left_out)


def test_an_adopted_animal_has_the_facts_of_its_last_record() -> None:
    """Without the shelter's mark, in the group of its first breed; the same colour twice is one colour."""
    records = [
        outcome(datetime="2017-03-01 18:11:00", color="Black/Black", name="*Bella"),
        outcome(
            outcome_type="Transfer",
            datetime="2016-01-01 09:00:00",
            name="Dolly",
            color="Tan",
            sex_upon_outcome="Intact Female",
        ),
    ]
    for order in (records, records[::-1]):
        (animal,) = derive(order).animals
        assert {
            "id": "A700001",
            "name": "Bella",
            "species": "dog",
            "breed": "Boxer/Pit Bull",
            "colour": "Black",
            "sex": "female",
            "neutered": "yes",
            "birth_date": "2015-03-01",
            "recorded_on": "2017-03-01",
            "group_id": "2-Boxer-4-3",
        } == animal.as_row()


@pytest.mark.parametrize(
    "outcome_type", ["Died", "Euthanasia", "Missing", "Disposal", "", "EUTHANASIA", "Lost", "NULL"]
)
@pytest.mark.parametrize("moment", ["2016-01-01 09:00:00", "2017-03-01 18:11:00", "2018-01-01 09:00:00", "", "unknown"])
@pytest.mark.parametrize("animal_id", ["A700001", " a700001 ", "\uff21700001"])
def test_nobody_who_died_or_went_missing_comes_in(outcome_type: str, moment: str, animal_id: str) -> None:
    """One such record is enough: later, earlier, at the same moment, at no moment, under the id written otherwise."""
    text = as_text([outcome(), outcome(animal_id, outcome_type, datetime=moment)])
    with StringIO(text) as file:
        records = [module._record(row, "here") for row in csv.DictReader(file)]
    assert {DEAD: 1} == left_out(*records)
    assert {DEAD: 1} == left_out(*records[::-1])


@pytest.mark.parametrize("outcome_type", ["Transfer", "Return to Owner", "Relocate"])
@pytest.mark.parametrize("moment", ["2017-03-01 18:11:00", "2017-06-01 09:00:00"])
def test_the_last_outcome_is_an_adoption(outcome_type: str, moment: str) -> None:
    """Whoever came back and left otherwise, or left otherwise at the same moment, is not in."""
    assert {"last outcome is no adoption": 1} == left_out(
        outcome(), outcome(outcome_type=outcome_type, datetime=moment)
    )


def test_a_former_owner_may_adopt() -> None:
    """Rto-Adopt is an adoption."""
    assert 1 == len(derive([outcome(outcome_type="Rto-Adopt")]).animals)


def test_a_record_twice_is_one_animal() -> None:
    """The same row again changes nothing."""
    assert derive([outcome()]) == derive([outcome(), outcome()])


@pytest.mark.parametrize(
    "change",
    [{"date_of_birth": "2014-03-01"}, {"name": "Dolly"}, {"color": "Tan"}, {"sex_upon_outcome": "Intact Male"}],
)
def test_two_records_of_one_moment_agree(change: dict[str, str]) -> None:
    """Nobody knows which is right."""
    assert {CONTRADICT: 1} == left_out(outcome(), outcome(**change))


def test_an_id_of_two_animals_is_not_used() -> None:
    """A birth date that changes is another animal, so is a species."""
    later = {"datetime": "2018-01-01 09:00:00"}
    assert {CONTRADICT: 1} == left_out(outcome(), outcome(date_of_birth="2016-01-01", **later))
    assert {CONTRADICT: 1} == left_out(outcome(), outcome(animal_type="Cat", breed="Siamese", **later))
    assert {"not a cat or a dog": 1} == left_out(outcome(), outcome(animal_type="Bird", **later))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"date_of_birth": "2017-03-02"}, "birth_date is not usable"),
        ({"date_of_birth": "2017-03-01", "datetime": "2015-03-01 18:11:00"}, "birth_date is not usable"),
        ({"date_of_birth": "1970-01-01"}, "birth_date is not usable"),
        ({"date_of_birth": ""}, "birth_date is not usable"),
        ({"datetime": "sometime"}, "datetime is not usable"),
        ({"datetime": ""}, "datetime is not usable"),
        ({"animal_id": "700001"}, "id is not usable"),
        ({"animal_id": ""}, "id is not usable"),
        ({"breed": "Unknown Mix"}, "breed is not usable"),
        ({"breed": "<script>"}, "breed is not usable"),
        ({"breed": ""}, "breed is not usable"),
        ({"color": "Black<br>"}, "colour is not usable"),
        ({"color": ""}, "colour is not usable"),
        ({"sex_upon_outcome": "Unknown"}, "sex is not known"),
        ({"sex_upon_outcome": "NULL"}, "sex is not known"),
        ({"name": ""}, "no name"),
        ({"name": "*"}, "no name"),
        ({"name": "<b>Rex</b>"}, "name is not usable"),
        ({"name": "Pup 2"}, "name is not usable"),
        ({"name": "A700001"}, "name is not usable"),
        ({"name": "Re\x1bx"}, "name is not usable"),
        ({"name": "Re*x"}, "name is not usable"),
        ({"name": "Peanut Butte"}, "name may be cut off (12 characters)"),
        ({"name": "*Mr. Cuddles"}, "name may be cut off (12 characters)"),
    ],
)
def test_unusable_records_are_counted_by_reason(change: dict[str, str], reason: str) -> None:
    """Nothing is repaired, nothing is left out silently."""
    assert {reason: 1} == left_out(outcome(**change))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_file_may_have_been_through_another_program(tmp_path: Path, end: str, encoding: str) -> None:
    """A byte order mark, CRLF, quotation marks around and inside values, further columns, spaces."""
    path = tmp_path / "outcomes.csv"
    records = [outcome(name=' "Bella"'), outcome("A700002", name=" *Rex "), outcome("A700002", "Died", name="Rex")]
    records.append(outcome("A700003", name="*Fido"))
    path.write_bytes(as_text(records, end).encode(encoding))
    derived = derive(read_outcomes(path))
    assert ["Fido"] == [animal.name for animal in derived.animals]
    assert Counter({DEAD: 1, "name is not usable": 1}) == derived.left_out


def test_a_quotation_mark_that_swallows_records_stops_the_derivation(tmp_path: Path) -> None:
    """The swallowed record could be the one that tells of a death."""
    path = tmp_path / "outcomes.csv"
    plain = [",".join(READ), *(",".join(record.values()) for record in (outcome(), outcome(outcome_type="Died")))]
    opened = plain[1].replace("*Bella", '"*Bella')
    path.write_text("\n".join([plain[0], opened, plain[2]]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"outcomes\.csv, line "):
        read_outcomes(path)
    closed_later = plain[2].replace("*Bella", '*Bella"')
    path.write_text("\n".join([plain[0], opened, closed_later]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"outcomes\.csv, line "):
        read_outcomes(path)


@pytest.mark.parametrize("line", ["A700001,Dog", ",".join([*outcome().values(), "more"])])
def test_a_record_of_another_length_stops_the_derivation(tmp_path: Path, line: str) -> None:
    """Its values may stand under the wrong columns."""
    path = tmp_path / "outcomes.csv"
    path.write_text(f"{','.join(READ)}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"outcomes\.csv, line 2: the record must have one value for each column"):
        read_outcomes(path)


def test_the_command_writes_a_table_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sorted by id whatever the order of the records; it says how many were left out and why."""
    records = [outcome("A700003"), outcome("A700001", name="Rex"), outcome("A700002", name="Pup 2")]
    (tmp_path / "outcomes.csv").write_text(as_text(records), encoding="utf-8")
    module.main(["--outcomes", str(tmp_path / "outcomes.csv"), "--out", str(tmp_path / "animals.csv")])
    assert ["Rex", "Bella"] == [animal.name for animal in read_animals(tmp_path / "animals.csv")]
    shown = capsys.readouterr().out
    assert "2 animals; left out:\n" in shown
    assert "1 name is not usable" in shown


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column that is missing, by its name."""
    (tmp_path / "outcomes.csv").write_text("animal_id,name\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        module.main(["--outcomes", str(tmp_path / "outcomes.csv"), "--out", str(tmp_path / "animals.csv")])
    assert "outcomes.csv has no column animal_type, breed" in capsys.readouterr().err
    assert not (tmp_path / "animals.csv").exists()
