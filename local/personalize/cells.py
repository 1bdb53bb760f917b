"""Numbers as cells, properties and filters write them, without the loss of a digit."""

import math
import re
from decimal import Decimal

LEAST, MOST = -(2**63), 2**63 - 1
"""The range of Avro's `long` (https://avro.apache.org/docs/1.12.0/specification/#primitive-types)."""
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")


def exact(text: str) -> int | float | None:
    """The number that the text says: an int when it is whole and below 2**64; None for no finite number."""
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        nearest = float(text)
    except ValueError:
        return None
    if not math.isfinite(nearest):
        return None
    if nearest.is_integer() and abs(nearest) < 2**64:
        precise = Decimal(text.strip())
        whole = precise.to_integral_value()
        if whole == precise:
            return int(whole)
    return nearest


def integer(given: str | float) -> int | None:
    """The 64-bit integer that a text or a number is; None for others."""
    number = exact(given) if isinstance(given, str) else given
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if isinstance(number, int) and LEAST <= number <= MOST else None
