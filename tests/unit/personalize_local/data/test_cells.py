"""Numbers in texts: whole ones keep every digit, and what is no number is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_local.data.cells import LEAST, MOST, exact, fraction, integer


@given(st.integers(LEAST, MOST))
def test_integers_keep_every_digit(number: int) -> None:
    """However a 64-bit integer is written, it is read as itself."""
    for text in (str(number), f"{number}.0", f"{number}.000", f" {number} ", f"{number}e0"):
        assert number == integer(text)
        assert isinstance(exact(text), int)
    assert number == integer(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_other_numbers_are_the_nearest_double(number: float) -> None:
    """A number with a fraction, or a huge one, is what float reads."""
    read = exact(repr(number))
    assert read is not None
    assert number == float(read)


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "1e999", "-Infinity", "0x10", "1.2.3", "true", "1_000", "\uff11\uff12", "\u0663"]
)
def test_what_is_no_number(text: str) -> None:
    """Words, empty texts and what is not finite are no numbers."""
    assert exact(text) is None
    assert integer(text) is None


@pytest.mark.parametrize(
    "given",
    [
        "1.5",
        1.5,
        "123456789012345678.5",
        "9007199254740992.9",
        "1e-400",
        str(MOST + 1),
        MOST + 1,
        LEAST - 1,
        "9223372036854775808.0",
        1e300,
    ],
)
def test_what_is_no_64_bit_integer(given: str | float) -> None:
    """Fractions, and whole numbers beyond 64 bits."""
    assert integer(given) is None


def test_far_exponents_cost_nothing() -> None:
    """A number of a billion digits is not written out."""
    assert 0 == exact("1e-999999999")
    assert exact("1e999999999") is None


@pytest.mark.parametrize(
    ("text", "value"), [("1.0", 1.0), ("0.25", 0.25), ("9007199254740993.0", 9007199254740993), ("1e300", 1e300)]
)
def test_a_json_number_keeps_what_a_float_would_lose(text: str, value: float) -> None:
    """A whole number that is written with a point; all others are floats."""
    read = fraction(text)
    assert (value, type(value)) == (read, type(read))
