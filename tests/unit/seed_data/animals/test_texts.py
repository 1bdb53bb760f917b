"""What is shown to others of what somebody wrote: names and colours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.shared.errors import PayloadError
from seed_data.animals.texts import animal_colour, animal_name, cleaned


@pytest.mark.parametrize("name", ["Bo", "Mr. Cat", "T-Rex", "S'Mores", "Lil' Nug", "Zoë", "J Lo"])
def test_names_that_pass(name: str) -> None:
    """Letters with their marks, spaces, and the three signs that names are written with."""
    assert name == animal_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "X",
        "...",
        "-Rex",
        "=SUM",
        "Pup 2",
        "A746874",
        "*Seth",
        "Jax (Obi)",
        "<b>Rex</b>",
        "&lt",
        "{{name}}",
        "[Name]",
        "Rex\n",
        "Re\x00x",
        "Re\u200bx",
        "\u202exeR",
        "R\u0435x",  # a Cyrillic e
        "www.example",
        "rex@example",
        "Rex  Two",
        " Rex",
        "Re\ufb01",  # a ligature, which NFKC writes as two letters
        "R" * 81,
    ],
)
def test_names_that_do_not(name: str) -> None:
    """No markup, no id, no address, nothing that is not seen."""
    with pytest.raises(PayloadError) as refused:
        animal_name(name)
    assert "name" == refused.value.field


@given(st.text())
def test_no_text_passes_that_could_be_anything_but_letters(value: str) -> None:
    """Whatever is written: what passes consists of letters, their marks, spaces and three signs."""
    try:
        name = animal_name(cleaned(value))
    except PayloadError:
        return
    assert all(character.isalpha() or character in " -.'" or "\u0300" <= character <= "\u036f" for character in name)


@pytest.mark.parametrize("colour", ["Black", "Brown Tabby/White", "Silver Lynx Point"])
def test_colours_that_pass(colour: str) -> None:
    """One, or two with a slash."""
    assert colour == animal_colour(colour)


@pytest.mark.parametrize(
    "colour",
    ["", "black", "Black/", "Black/Black", "Black/White/Tan", "Black  White", "Mauve", "<b>Black</b>", "Large"],
)
def test_colours_that_do_not(colour: str) -> None:
    """No word that the records do not describe colours with."""
    with pytest.raises(PayloadError):
        animal_colour(colour)


def test_texts_are_cleaned_before_they_are_judged() -> None:
    """One form for one text: NFKC, no spaces around, one between."""
    assert "Fifi Lou" == cleaned("  \uff26i\ufb01  Lou ")
    assert "Rex\n" == cleaned("Rex\n"), "a control character stays, to be refused"
