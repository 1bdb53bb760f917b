"""Times as state machines hold them (ISO 8601 text), which the states language cannot calculate with."""

from datetime import UTC, datetime, timedelta
from typing import Any

_SECONDS_A_DAY = 86_400


def later(moment: str, seconds: float) -> str:
    """The time `seconds` after `moment`."""
    return as_text(_parse(moment) + timedelta(seconds=seconds))


def days_between(earlier: str, moment: str) -> float:
    """Days from `earlier` to `moment`, never negative."""
    return max(0.0, (_parse(moment) - _parse(earlier)).total_seconds() / _SECONDS_A_DAY)


def moment_of(value: Any) -> datetime | None:
    """The time that the text tells; None where it tells none."""
    if not isinstance(value, str):
        return None
    try:
        return _parse(value)
    except ValueError:
        return None


def as_text(moment: datetime) -> str:
    """`2026-11-22T08:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
