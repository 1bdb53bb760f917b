"""Event times: texts in two forms of ISO 8601, or fractional seconds of the Unix epoch; inside, whole microseconds.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html (EventTimeFeatureName):
`yyyy-MM-dd'T'HH:mm:ssZ` and `yyyy-MM-dd'T'HH:mm:ss.SSSZ` for a String, in which T and Z are constants, Unix seconds for
a Fractional.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,20})?([eE][+-]?\d{1,2})?", re.ASCII)

FeatureType = Literal["String", "Fractional"]


class EventTimeError(ValueError):
    """A text that is no event time of its type."""


def microseconds(text: str, feature_type: str) -> int:
    """An event time as microseconds of the Unix epoch. Raises EventTimeError."""
    if feature_type == "String":
        return _of_iso(text)
    if not _SECONDS.fullmatch(text):
        raise EventTimeError(f"{text[:64]!r} is no Unix time in seconds")
    found = int(Decimal(text) * MICROSECONDS)
    if found > _LAST:
        raise EventTimeError(f"{text[:64]!r} is later than the year 9999")
    return found


def _of_iso(text: str) -> int:
    wrong = f"{text[:64]!r} is neither yyyy-MM-dd'T'HH:mm:ssZ nor yyyy-MM-dd'T'HH:mm:ss.SSSZ"
    if not _ISO.fullmatch(text):
        raise EventTimeError(wrong)
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except ValueError as error:
        raise EventTimeError(wrong) from error


def moment(value: int) -> datetime:
    """The time of a number of microseconds, in UTC; the last one there is where it would be later."""
    return _EPOCH + timedelta(microseconds=min(value, _LAST))


def iso(value: int) -> str:
    """A time in ISO 8601, to the millisecond."""
    return moment(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
