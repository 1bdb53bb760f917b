"""What a breed may be: the one part of a group's id that visitors write freely and other visitors read."""

import re
from collections.abc import Iterable
from functools import lru_cache

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import identifier, text
from lambdas.shared.scripts import ANY_MARKS, LETTERS, MARKS

LONGEST_BREED = 80
"""Bytes in UTF-8."""

MOST_MARKS = 4
"""On one letter: what the scripts of South and South-East Asia need. Of the marks that fit every script, two."""

_PUNCTUATION = "-_.'()&,/"
_KEPT = 4096
"""Breeds whose judgement is kept; a catalogue has some hundreds."""

_ADDRESS = re.compile(
    r"""
    \. [^\W\d_] [^\s.,()&'/]                # a dot and a name right after it: example.com, www.example
    | [0-9] \. [0-9]+ \. [0-9]              # 192.0.2.1
    | // | \.\. | ^/                        # //example, ../example, /example
    | (?: [0-9] [-_.'()&,/ ]* ){7}          # 555-123-4567
    """,
    re.VERBOSE,
)
"""What browsers, mail programs and telephones make into links. `St. Bernard`, `D.S.H.` and `Chihuahua/Mix` are not."""
_REFERENCE = re.compile(r"&(?! |$)|[^ ]&")
"""What could be a character reference of HTML, which needs no semicolon: `&lt`. `Black & Tan` is none."""


class Breeds:
    """Judges breeds that are written in the given scripts (`scripts.py`).

    A breed holds letters and marks of these scripts, digits from 0 to 9, spaces, and `-_.'()&,/`, at most 80 bytes in
    NFKC. So it holds no markup, no character that is not seen, and no address. Raises ValueError for an unknown script.
    """

    def __init__(self, scripts: Iterable[str]) -> None:
        self.scripts = tuple(scripts)
        unknown = [script for script in self.scripts if script not in LETTERS]
        if unknown or not self.scripts:
            raise ValueError(
                f"no scripts of breeds: {', '.join(unknown) or 'none given'}; there are {', '.join(LETTERS)}"
            )
        letters = _characters(LETTERS[script] for script in self.scripts)
        marks = _characters([ANY_MARKS, *(MARKS[script] for script in self.scripts)])
        self._foreign = re.compile(f"[^0-9 {letters}{marks}{re.escape(_PUNCTUATION)}]")
        self._base = re.compile(f"[0-9{letters}]")
        self._form = re.compile(f"(?:[0-9{letters}][{marks}]{{0,{MOST_MARKS}}}|[{re.escape(_PUNCTUATION)}]| (?! ))+")
        self._problem = lru_cache(_KEPT)(self._judged)

    @classmethod
    def named(cls, scripts: str) -> "Breeds":
        """The judge of the scripts in a text such as `Latin,Greek`."""
        return cls(part.strip() for part in scripts.split(","))

    def breed(self, value: object, field: str) -> str:
        """The breed, from a text or a whole number. Raises PayloadError."""
        if not isinstance(value, str):
            return identifier(value, field)
        problem = self._problem(value) if len(value) <= LONGEST_BREED else _TOO_LONG
        if problem is not None:
            raise PayloadError(field, value, problem)
        return value

    def _judged(self, value: str) -> str | None:
        """What is wrong with the text; None when nothing is."""
        try:
            text(value, "breed", longest=LONGEST_BREED)
        except PayloadError as error:
            return error.message
        if len(value.encode()) > LONGEST_BREED:
            return _TOO_LONG
        foreign = self._foreign.search(value)
        if foreign is not None:
            return (
                f"must hold letters ({', '.join(self.scripts)}), digits from 0 to 9, spaces and {_PUNCTUATION} only,"
                f" not U+{ord(foreign[0]):04X}"
            )
        if not self._base.search(value):
            return "must hold a letter or a digit"
        if not self._form.fullmatch(value):
            if "  " in value:
                return "must not hold two spaces in a row"
            return f"must have its marks on letters, at most {MOST_MARKS} on each"
        if _PILE.search(value):
            return "must not pile marks on a letter"
        if _ADDRESS.search(value):
            return "must not look like an address or a telephone number: write a space after a full stop"
        if _REFERENCE.search(value):
            return "must have a space on both sides of &"
        return None


def _characters(tables: Iterable[str]) -> str:
    """The inside of a regular expression's character class, from ranges in hexadecimal."""
    parts = [part.partition("-") for table in tables for part in table.split()]
    return "".join(f"\\U{int(first, 16):08x}-\\U{int(last or first, 16):08x}" for first, _, last in parts)


_PILE = re.compile("[\\u0300-\\u036f]{3}")
_TOO_LONG = f"must have at most {LONGEST_BREED} bytes in UTF-8"

LATIN = Breeds(("Latin",))
"""What environments have whose config names no scripts."""
