"""The state of a CloudWatch alarm by its definition: dimensions, period, statistic, M of N, missing data, metric math.

Sources: CloudWatch User Guide, "Evaluating an alarm" (a window that ends with the last full minute, or with the last
full hour where the alarm looks back further than a day) and "Configuring how alarms treat missing data" (the two tables
of which the tests have every row).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local_cloud.emulator.alarms.expressions import Expression, ExpressionError

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

EXTRA_PERIODS = 2
"""Further back than the evaluation periods; AWS gives no number but shows 5 for 3."""

_A_DAY = 86_400
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one metric."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    start: float
    end: float


Reader = Callable[[Window], float | None]
"""The statistic of a metric in a window; None where there is no data."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an alarm is now, None where it stays as it is, and why."""

    state: State | None
    reason: str


def problem(alarm: Mapping[str, Any]) -> str | None:
    """What of a definition cannot be judged here; None for nothing."""
    if alarm.get("ComparisonOperator") not in _COMPARISONS:
        return f"the comparison {alarm.get('ComparisonOperator')!r} is not judged here"
    try:
        _expressions(alarm)
    except ExpressionError as error:
        return str(error)
    return None


def evaluate(alarm: Mapping[str, Any], read: Reader, now: float) -> Evaluation:
    """The alarm's state at `now` (epoch seconds) by what `read` finds."""
    period, periods = _period(alarm), int(alarm["EvaluationPeriods"])
    step = 3600 if period * periods > _A_DAY else 60
    end = math.floor(now / step) * step
    grid = [end - period * (1 + back) for back in range(periods + EXTRA_PERIODS)]
    values = _values(alarm, read, period, grid)
    datapoints = [values.get(start) for start in grid]
    breaches = _COMPARISONS[alarm["ComparisonOperator"]]
    judged = [None if value is None else breaches(value, float(alarm["Threshold"])) for value in datapoints]
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    missing = alarm.get("TreatMissingData") or "missing"
    state = judge(judged, periods, needed, missing)
    shown = ", ".join("no data" if value is None else f"{value:g}" for value in datapoints)
    return Evaluation(
        state,
        f"{needed} out of {periods} datapoints of [{shown}] (newest first, the latest that there are) must be"
        f" {alarm['ComparisonOperator']} {float(alarm['Threshold']):g}; missing data: {missing}",
    )


def judge(datapoints: Sequence[bool | None], periods: int, needed: int, missing: str) -> State | None:
    """The state by datapoints, newest first: breaching, not breaching, or missing (None).

    `needed` of `periods` datapoints must breach. There may be more of them than periods: older real ones stand in for
    missing ones. None: the alarm stays as it is.
    """
    real = [point for point in datapoints if point is not None]
    if len(real) >= periods:
        return "ALARM" if sum(real[:periods]) >= needed else "OK"
    breaching = sum(real)
    if missing == "breaching":
        return "ALARM" if breaching + periods - len(real) >= needed else "OK"
    if breaching >= needed:
        return "ALARM"
    if missing == "notBreaching":
        return "OK"
    if len(real) > breaching:
        return "OK"
    if missing == "ignore":
        return None
    # Nothing but breaching and missing ones: an alarm as soon as the oldest breaching one is old enough.
    oldest = max((place for place, point in enumerate(datapoints, 1) if point), default=0)
    return "ALARM" if oldest >= needed else "INSUFFICIENT_DATA"


def _period(alarm: Mapping[str, Any]) -> int:
    if "Metrics" not in alarm:
        return int(alarm["Period"])
    stats = [query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query]
    return int(max(stats, default=60))


def _values(alarm: Mapping[str, Any], read: Reader, period: int, grid: Sequence[float]) -> Mapping[float, float]:
    if "Metrics" not in alarm:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _series(alarm, statistic, read, period, grid)
    found: dict[str, Mapping[float, float]] = {}
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            found[query["Id"]] = _series(stat["Metric"], stat["Stat"], read, period, grid)
    for query_id, expression in _expressions(alarm):
        found[query_id] = expression.evaluate(found, period, grid)
    returned = [query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True)]
    return found[returned[0]]


def _series(
    metric: Mapping[str, Any], statistic: str, read: Reader, period: int, grid: Sequence[float]
) -> Mapping[float, float]:
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
    values = {
        start: read(Window(metric["Namespace"], metric["MetricName"], dimensions, statistic, start, start + period))
        for start in grid
    }
    return {start: value for start, value in values.items() if value is not None}


def _expressions(alarm: Mapping[str, Any]) -> list[tuple[str, Expression]]:
    """The expressions in an order in which each has what it needs: as they are written, metrics first."""
    queries = alarm.get("Metrics") or []
    known = [query["Id"] for query in queries if "MetricStat" in query]
    found = []
    waiting = [query for query in queries if "Expression" in query]
    while waiting:
        ready = [query for query in waiting if _understood(query["Expression"], known)]
        if not ready:
            Expression.parse(waiting[0]["Expression"], known)
        for query in ready:
            found.append((query["Id"], Expression.parse(query["Expression"], known)))
            known.append(query["Id"])
        waiting = [query for query in waiting if query not in ready]
    return found


def _understood(text: str, ids: Sequence[str]) -> bool:
    try:
        Expression.parse(text, ids)
    except ExpressionError:
        return False
    return True
