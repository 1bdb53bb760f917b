"""What an animal's name and colour may hold: what one person wrote in a record is shown to others.

Built on the rule for breeds (`lambdas/shared/breeds.py`): Latin letters, no markup, no address, nothing invisible.
"""

import re
import unicodedata

from lambdas.shared.breeds import LATIN
from lambdas.shared.errors import PayloadError

_NO_NAMES = re.compile(r"[0-9_()&,/]")
"""What a breed may hold and a name may not: `Pup 2`, `Jax (Obi)` and `A746874` are entries of a record, not names."""

_COLOURS = """
    Agouti Apricot Black Blue Brindle Brown Buff Calico Chocolate Cream Fawn Flame Gold Gray Lilac Liver Lynx
    Merle Orange Point Red Sable Seal Silver Smoke Tabby Tan Tick Tiger Torbie Tortie Tricolor White Yellow
"""
COLOUR_WORDS = frozenset(_COLOURS.split())
"""All words that the records of the table describe colours with."""


def cleaned(value: str) -> str:
    """The text in NFKC, without spaces at its ends and with one space where there are several."""
    return re.sub(" {2,}", " ", unicodedata.normalize("NFKC", value).strip(" "))


def animal_name(value: str, field: str = "name") -> str:
    """`value` when it can be shown as a name: letters, marks, spaces and `-.'`. Raises PayloadError."""
    LATIN.breed(value, field)
    refused = _NO_NAMES.search(value)
    if refused is not None:
        raise PayloadError(field, value, f"must hold letters, spaces and -.' only, not {refused[0]}")
    if not value[0].isalpha() or sum(character.isalpha() for character in value) < 2:
        raise PayloadError(field, value, "must begin with a letter and hold two or more")
    return value


def animal_colour(value: str, field: str = "colour") -> str:
    """`value` when it is one or two different colours, e.g. `Black` or `Brown Tabby/White`. Raises PayloadError."""
    colours = value.split("/")
    if any(word not in COLOUR_WORDS for colour in colours for word in colour.split(" ")):
        raise PayloadError(field, value, "must be made of the words that the records describe colours with")
    if len(colours) > 2 or len(set(colours)) < len(colours):
        raise PayloadError(field, value, "must be one colour, or two different ones with a slash between them")
    return value
