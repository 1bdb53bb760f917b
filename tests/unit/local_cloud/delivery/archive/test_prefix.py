"""Prefix expressions of Firehose."""

from datetime import UTC, datetime

import pytest

from local_cloud.delivery.archive.prefix import check, evaluate, java_time
from local_cloud.delivery.mapping.settings import ConfigurationError
from tests.refusal import refusal

MOMENT = datetime(2026, 3, 9, 7, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("events/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/", "events/dt=2026-03-09/hour=07/"),
        ("!{timestamp:yyyyMMdd'T'HHmmss}", "20260309T070502"),
        ("raw/", "raw/2026/03/09/07/"),
        ("", "2026/03/09/07/"),
        ("x/!{firehose:random-string}/!{timestamp:mm}-", "x/aaaaaaaaaaa/05-"),
    ],
)
def test_expressions_are_replaced(prefix: str, expected: str) -> None:
    """d17: timestamps are evaluated; without one Firehose adds its default."""
    assert expected == evaluate(prefix, MOMENT, choose=lambda letters: letters[0])


def test_error_prefix_names_the_kind_of_error_and_gets_no_default_timestamp() -> None:
    """d20: the error prefix is dated by its own expressions."""
    prefix = "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    assert "errors/processing-failed/dt=2026-03-09/" == evaluate(prefix, MOMENT, error_type="processing-failed")


@pytest.mark.parametrize(
    ("pattern", "expected"), [("''yyyy''", "'2026'"), ("'it''s' HH", "it's 07"), ("", ""), ("/:.", "/:.")]
)
def test_quotes_of_java_patterns(pattern: str, expected: str) -> None:
    """Quoted text stays as it is."""
    assert expected == java_time(pattern, MOMENT)


@pytest.mark.parametrize("pattern", ["YYYY", "DD", "yy", "'open"])
def test_patterns_that_mean_something_else_are_refused(pattern: str) -> None:
    """d17: the capital forms are another year and another day; no pattern is passed through as letters."""
    with pytest.raises(ConfigurationError, match="timestamp pattern"):
        java_time(pattern, MOMENT)


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "complaint"),
    [
        ("a/!{firehose:error-output-type}/", "e/", "ErrorOutputPrefix only"),
        ("a/!{timestamp:yyyy}/", None, "ErrorOutputPrefix: needed"),
        ("a/", "e/!{timestamp:yyyy}/", "must hold !"),
        ("a/!{timestamp:YYYY}/", "e/", "Prefix: timestamp pattern 'YYYY'"),
        ("a/!{partitionKeyFromQuery:x}/", "e/", "no such expression"),
        ("a/!{timestamp}/", "e/", "an expression is"),
        ("a" * 513, None, "longer than 512"),
    ],
)
def test_what_firehose_refuses_is_refused(prefix: str, error_prefix: str | None, complaint: str) -> None:
    """The documented rules are held when the delivery stream is configured, not when the first object is due."""
    with pytest.raises(ConfigurationError, match=complaint):
        check(prefix, error_prefix)


def test_good_prefixes_pass() -> None:
    """The rules admit what the archive uses, and a stream without any prefix."""
    for given in (("", None), ("events/dt=!{timestamp:yyyy-MM-dd}/", "errors/!{firehose:error-output-type}/")):
        assert "" == refusal(ConfigurationError, check, *given)
