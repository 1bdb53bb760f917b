"""Readers of single fields: what they take, what they refuse and how they say so."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import identifier, instant, number, parse_json, text, whole_number
from tests.refusal import refusal

NOW = 1_700_000_000.0


@pytest.mark.parametrize("value", ["a", "Löwchen", "domestic short hair", "x" * 256, "Кошка", "鯛", "a@b.example"])
def test_text_is_kept_as_it_is(value):
    """A printable text of at most 256 characters passes unchanged."""
    assert value == text(value, "field")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "must not be empty"),
        ("x" * 257, "must have at most 256 characters, has 257"),
        ("a\x00b", "must hold printable characters only"),
        ("a\nb", "must hold printable characters only"),
        ("\u202eabc", "must hold printable characters only"),
        ("a\u200bb", "must hold printable characters only"),
        ("\ud800", "must hold printable characters only"),
        (" a", "must not begin or end with a space"),
        ("a ", "must not begin or end with a space"),
        ("\uff11\uff12", "must write its digits as 0 to 9"),
        ("user-\u0663", "must write its digits as 0 to 9"),
        ("x\u00b2", "must write its digits as 0 to 9"),
        ("\ufb01sh", "must be in Unicode normal form NFKC"),
        ("Lo\u0308wchen", "must be in Unicode normal form NFKC"),
        ("\u0412eagle", "must not mix letters of scripts that look alike"),
        (12, "must be a text"),
        (None, "must be a text"),
    ],
)
def test_text_refuses_what_could_be_mistaken(value, problem):
    """Empty, overlong, invisible and look-alike texts are refused with the reason, the field and the value."""
    with pytest.raises(PayloadError) as refused:
        text(value, "field")

    assert ("field", value, problem) == (refused.value.field, refused.value.value, refused.value.message)


@pytest.mark.parametrize(("value", "expected"), [("12", "12"), (12, "12"), (-1, "-1")])
def test_identifiers_may_be_numbers(value, expected):
    """An id is the same whether given as a text or as a whole number."""
    assert expected == identifier(value, "field")


@pytest.mark.parametrize("value", [True, 1.5, 10**30, [], {}, None])
def test_identifiers_are_nothing_else(value):
    """Truth values, fractions, huge numbers and containers are no ids."""
    with pytest.raises(PayloadError):
        identifier(value, "field")


@pytest.mark.parametrize("value", [True, "1", math.nan, math.inf, -math.inf, 1e400, 1e39, 10**400, None])
def test_numbers_are_finite(value):
    """NaN, infinities and what a 32-bit float cannot hold never pass."""
    with pytest.raises(PayloadError):
        number(value, "field")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_32_bit_float_passes(value):
    """Every number that Personalize can store is taken unchanged."""
    assert value == number(value, "field")


@pytest.mark.parametrize(
    ("value", "passes"), [(1, True), (500, True), (0, False), (501, False), (True, False), ("5", False), (5.0, False)]
)
def test_whole_numbers_have_bounds(value, passes):
    """Both bounds belong to the range; truth values, texts and fractions are no whole numbers."""
    if passes:
        assert value == whole_number(value, "field", 1, 500)
    else:
        with pytest.raises(PayloadError):
            whole_number(value, "field", 1, 500)


@pytest.mark.parametrize(
    "value",
    [
        1_699_999_999,
        1_699_999_999.0,
        "1699999999",
        "2023-11-14T22:13:19Z",
        "2023-11-14T23:13:19+01:00",
        "20231114T221319Z",
    ],
)
def test_instants_in_every_form_are_the_same_second(value):
    """Epoch seconds as number or text and ISO 8601 in any zone name the same moment."""
    assert 1_699_999_999.0 == instant(value, "timestamp", latest=NOW)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (1_699_999_999_000, "milliseconds"),
        ("1699999999000", "milliseconds"),
        (0, "between the year 2000"),
        (-5, "between the year 2000"),
        (NOW + 1, "between the year 2000"),
        ("2023-11-14T22:13:19", "zone"),
        ("yesterday", "ISO 8601"),
        ("\uff11\uff16\uff19\uff19\uff19\uff19\uff19\uff19\uff19\uff19", "ISO 8601"),
        ("9999-12-31T23:59:59-23:59", "milliseconds|between|ISO 8601"),
        (True, "ISO 8601"),
        (math.nan, "finite"),
        (10**400, "finite"),
        ({}, "ISO 8601"),
    ],
)
def test_implausible_instants_are_refused(value, problem):
    """A wrong unit, a missing zone, a clock never set and a clock ahead are told apart."""
    with pytest.raises(PayloadError, match=problem):
        instant(value, "timestamp", latest=NOW)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "must be JSON"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "Infinity is not a number"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b"[" * 60_000, "nested"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "too long"),
        (b" " * 70_000, "at most 65536 bytes"),
    ],
)
def test_doubtful_json_is_refused(data, problem):
    """What is not JSON, or what readers of JSON read differently, is refused with a reason."""
    with pytest.raises(PayloadError, match=problem):
        parse_json(data, "record", longest=65_536)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_has_a_limit_that_no_interpreter_sets(opening, closing):
    """Sixteen levels pass, seventeen are refused; brackets in texts are no levels."""
    texts = '["' + "[{" * 100 + '"]'

    assert parse_json(opening * 16 + "1" + closing * 16, "record", longest=65_536)
    assert ["[{" * 100] == parse_json(texts, "record", longest=65_536)
    with pytest.raises(PayloadError, match="must not be nested deeper than 16 levels"):
        parse_json(opening * 17 + "1" + closing * 17, "record", longest=65_536)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(data):
    """Bytes never cause another error than PayloadError, and what they are read as can be written and read again."""
    read: list[object] = []
    refused = refusal(PayloadError, lambda: read.append(parse_json(data, "record", longest=65_536)))
    assert read == json.loads(json.dumps(read))
    assert bool(refused) != bool(read)
