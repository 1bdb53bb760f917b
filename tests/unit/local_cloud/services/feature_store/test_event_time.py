"""Event times in their two forms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.services.feature_store.event_time import EventTimeError, iso, microseconds


@given(at=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_times_keep_their_order_in_both_forms(at: datetime) -> None:
    """A text and the seconds of the same moment are the same."""
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = microseconds(text, "String")
    seconds, rest = divmod(found, 1_000_000)
    assert found == microseconds(f"{seconds}.{rest:06}", "Fractional")
    assert text == iso(found)


@pytest.mark.parametrize("text", ["2026-12-01T10:00:00Z", "2026-12-01T10:00:00.000Z"])
def test_both_texts_are_the_same_moment(text: str) -> None:
    """With and without milliseconds."""
    assert 1_796_119_200_000_000 == microseconds(text, "String")


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-12-01", "2026-12-01T10:00:00", "2026-12-01t10:00:00z", "2026-12-01T10:00:00.1Z", "2026-02-30T10:00:00Z",
     "2026-12-01T25:00:00Z", "2026-12-01T10:00:00+00:00", " 2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z\n", "0000-01-01T00:00:00Z",
     "\uff12\uff10\uff12\uff16-12-01T10:00:00Z"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    """As String."""
    with pytest.raises(EventTimeError):
        microseconds(text, "String")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "inf",
        "-1",
        "+1",
        "1_0",
        "1e99",
        "1e12",
        "9" * 13,
        "1.",
        ".5",
        "0x10",
        " 1",
        "1\n",
        "\u0661",
        "9" * 100_000,
    ],
)
def test_other_numbers_are_refused(text: str) -> None:
    """As Fractional; also those after the year 9999."""
    with pytest.raises(EventTimeError):
        microseconds(text, "Fractional")
