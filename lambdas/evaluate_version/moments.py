"""Times as state machines hold them (ISO 8601 text), which the states language cannot calculate with."""

from datetime import UTC, datetime, timedelta

_SECONDS_A_DAY = 86_400


def later(moment: str, seconds: float) -> str:
    """The time `seconds` after `moment`."""
    return as_text(_parse(moment) + timedelta(seconds=seconds))


def days_between(earlier: str, moment: str) -> float:
    """Days from `earlier` to `moment`, never negative."""
    return max(0.0, (_parse(moment) - _parse(earlier)).total_seconds() / _SECONDS_A_DAY)


def as_text(moment: datetime) -> str:
    """`2026-11-22T08:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
