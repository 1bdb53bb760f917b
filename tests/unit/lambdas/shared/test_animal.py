"""The group id and its parts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.errors import PayloadError

MOST_DIGITS = 6
"""Between two letters: seven digits look like a telephone number."""


def is_a_breed(text: str) -> bool:
    """One space at most between words, a letter or a digit, and nothing that looks like a telephone number."""
    digits = [sum(map(str.isdigit, part)) for part in re.split("[a-zA-Z]", text)]
    return text == " ".join(text.split()) and any(map(str.isalnum, text)) and max(digits) <= MOST_DIGITS


BREEDS = st.text(st.sampled_from("abcXYZ -_'0123456789"), min_size=1, max_size=40).filter(is_a_breed)


def metadata(
    species: object = "2", breed: object = "Saint_Bernard", size: object = "3", age: object = "2"
) -> dict[str, object]:
    return {
        "animal_species_id": species,
        "animal_primary_breed_id": breed,
        "animal_size_id": size,
        "animal_age_id": age,
    }


def test_the_id_is_species_breed_size_age():
    """The documented id comes out of the documented metadata."""
    assert "2-Saint_Bernard-3-2" == AnimalGroup.from_metadata(metadata()).item_id


def test_d08_whole_numbers_and_texts_give_the_same_group():
    """Ids may come as numbers, size included."""
    assert AnimalGroup.from_metadata(metadata()) == AnimalGroup.from_metadata(metadata(species=2, size=3, age=2))


@given(st.sampled_from("12"), BREEDS, st.sampled_from("12345"), st.sampled_from("12345"))
def test_d10_breeds_with_spaces_and_hyphens_survive(species, breed, size, age):
    """Every group is read back from its id, whatever its breed holds."""
    group = AnimalGroup(species, breed, size, age)

    assert group == AnimalGroup.parse(group.item_id)
    assert group == AnimalGroup.from_metadata(metadata(species, breed, size, age))
    assert metadata(species, breed, size, age) == group.metadata


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"species": "3"}, "animal_species_id"),
        ({"species": "\uff11"}, "animal_species_id"),
        ({"species": True}, "animal_species_id"),
        ({"species": None}, "animal_species_id"),
        ({"species": 1.0}, "animal_species_id"),
        ({"size": 0}, "animal_size_id"),
        ({"size": "6"}, "animal_size_id"),
        ({"size": 10**400}, "animal_size_id"),
        ({"age": " 1"}, "animal_age_id"),
        ({"age": []}, "animal_age_id"),
        ({"breed": ""}, "animal_primary_breed_id"),
        ({"breed": None}, "animal_primary_breed_id"),
        ({"breed": "x" * 81}, "animal_primary_breed_id"),
        ({"breed": "<b>Pug</b>"}, "animal_primary_breed_id"),
        ({"breed": "a\x00"}, "animal_primary_breed_id"),
        ({"breed": {}}, "animal_primary_breed_id"),
    ],
)
def test_d10_wrong_parts_are_named(changes, field):
    """A species, breed, size or age that cannot be is refused by the name of its member."""
    with pytest.raises(PayloadError) as refused:
        AnimalGroup.from_metadata(metadata(**changes))

    assert f"animalMetadata.{field}" == refused.value.field


def test_the_longest_breed_has_80_bytes():
    """The id has six characters more."""
    assert 86 == len(AnimalGroup.from_metadata(metadata(breed="x" * 80)).item_id)


def test_the_parts_of_an_id_are_told_without_being_judged():
    """Whoever shows a group to people shows also one that no site could send."""
    assert AnimalGroup("7", "a-b", "9", "0") == AnimalGroup.split("7-a-b-9-0")
    with pytest.raises(PayloadError, match="must be species-breed-size-age"):
        AnimalGroup.split("7-a-9")


@pytest.mark.parametrize(
    "item_id",
    [
        "",
        "1",
        "1-2-3",
        "3-Beagle-1-1",
        "1--1-1",
        "1-Beagle-6-1",
        "1-Beagle-1-0",
        5,
        None,
        "2- x-1-1",
        "2-<b>-1-1",
        "2-www.example-1-1",
        "1-" + "x" * 300 + "-1-1",
    ],
)
def test_ids_that_are_no_groups_are_refused(item_id):
    """An id that no group can have is refused."""
    with pytest.raises(PayloadError):
        AnimalGroup.parse(item_id)
