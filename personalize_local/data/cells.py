"""Numbers as cells, properties and filters write them, without the loss of a digit."""

import math
import re
from decimal import Decimal

LEAST, MOST = -(2**63), 2**63 - 1
"""The range of Avro's `long` (https://avro.apache.org/docs/1.12.0/specification/#primitive-types)."""
_WHOLE_FLOATS = 2.0**53
"""From here on every float is whole, whatever was written."""
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
"""A number as CSV and JSON have it: no `1_000`, no digits of other scripts, as Python would take them."""


def exact(text: str) -> int | float | None:
    """The number that the text says: an int when it is whole and below 2**64; None for no finite number."""
    if _DIGITS.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        return None
    nearest = float(text)
    if not math.isfinite(nearest):
        return None
    if nearest.is_integer() and abs(nearest) < 2**64:
        precise = Decimal(text.strip())
        whole = precise.to_integral_value()
        if whole == precise:
            return int(whole)
    return nearest


def literal(text: str) -> int | float | Decimal | None:
    """As `exact`; a number with a fraction that the nearest double has lost is a Decimal with all its digits."""
    number = exact(text)
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**64:
        return Decimal(text.strip())
    return number


def fraction(text: str) -> int | float:
    """The value of a JSON number that is written with a fraction or an exponent: an int where a float would lose it."""
    nearest = float(text)
    number = exact(text) if abs(nearest) >= _WHOLE_FLOATS else nearest
    return nearest if number is None else number


def integer(given: str | float) -> int | None:
    """The 64-bit integer that a text or a number is; None for others."""
    if isinstance(given, str):
        # A float here is what is nearest to a fraction, and may be whole though the text is not.
        number = exact(given)
        return number if isinstance(number, int) and LEAST <= number <= MOST else None
    number = given
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if isinstance(number, int) and LEAST <= number <= MOST else None
