"""Metric math over series with gaps."""

import pytest

from local_cloud.emulator.alarms.expressions import Expression, ExpressionError, Series

GRID = (300.0, 200.0, 100.0)
A: Series = {100.0: 1.0, 200.0: 4.0}
B: Series = {100.0: 2.0, 300.0: 8.0}
NOTHING: Series = {}


def value(text: str) -> Series:
    metrics = {"a": A, "b": B, "none": NOTHING}
    return Expression.parse(text, list(metrics)).evaluate(metrics, 100, GRID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", {100.0: 3.0}),
        ("a / b * 10", {100.0: 5.0}),
        ("-a", {100.0: -1.0, 200.0: -4.0}),
        ("a / (a - 1)", {200.0: 4 / 3}),
        ("SUM([a, b])", {100.0: 3.0, 200.0: 4.0, 300.0: 8.0}),
        ("SUM([a, none])", A),
        ("MAX([a, b])", {100.0: 2.0, 200.0: 4.0, 300.0: 8.0}),
        ("AVG([a, b])", {100.0: 1.5, 200.0: 4.0, 300.0: 8.0}),
        ("SUM(METRICS())", {100.0: 3.0, 200.0: 4.0, 300.0: 8.0}),
        ("SUM(a)", dict.fromkeys(GRID, 5.0)),
        ("FILL(a, 0)", {100.0: 1.0, 200.0: 4.0, 300.0: 0.0}),
        ("FILL(none, 0)", dict.fromkeys(GRID, 0.0)),
        ("FILL(a, b)", {100.0: 1.0, 200.0: 4.0, 300.0: 8.0}),
        ("a / PERIOD(a)", {100.0: 0.01, 200.0: 0.04}),
        ("IF(a > 2, a, 0)", {100.0: 0.0, 200.0: 4.0}),
        ("IF(a > 2, b)", {}),
        ("IF(a <= 1, b, 7)", {100.0: 2.0, 200.0: 7.0}),
        ("a == 1", {100.0: 1.0, 200.0: 0.0}),
        ("3", dict.fromkeys(GRID, 3.0)),
    ],
)
def test_values(text: str, expected: Series) -> None:
    """By period, where both sides have one; a list's functions pass over what is missing."""
    assert expected == value(text)


@pytest.mark.parametrize(
    "text",
    [
        "c + 1",
        "RATE(a)",
        "a.real",
        "__import__('os')",
        "a if b else a",
        "FILL(a)",
        "IF(a)",
        "a +",
        "[a, b]",
        "[a, b] + 1",
        "1 < a < 2",
        "'text'",
    ],
)
def test_what_is_no_metric_math_is_refused(text: str) -> None:
    """Names that no metric has, functions that are not known, and everything else that Python could do."""
    with pytest.raises(ExpressionError):
        value(text)
