"""The state of an alarm by its definition; the tables are those of the CloudWatch User Guide."""

from collections.abc import Mapping
from typing import Any

import pytest

from local_cloud.emulator.alarms.evaluation import Window, evaluate, judge, problem

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
NOW = 1_800_000_000.0 + 3600 - 1_800_000_000.0 % 3600
"""The beginning of an hour."""


def points(drawn: str) -> list[bool | None]:
    """`0` not breaching, `X` breaching, `-` missing, oldest first as in the guide; newest first as we have them."""
    return [{"0": False, "X": True, "-": None}[mark] for mark in reversed(drawn.split())]


@pytest.mark.parametrize(
    ("drawn", "states"),
    [
        ("0 - X - X", ("OK", "OK", "OK", "OK")),
        ("0 - - - -", ("OK", "OK", "OK", "OK")),
        ("- - - - -", ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        ("0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", ("ALARM", None, "ALARM", "OK")),
    ],
)
def test_three_out_of_three(drawn: str, states: tuple[str | None, ...]) -> None:
    """The guide's first table; None is "Retain current state"."""
    assert states == tuple(judge(points(drawn), 3, 3, missing) for missing in TREATMENTS)


@pytest.mark.parametrize(
    ("drawn", "states"),
    [
        ("0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", ("ALARM", None, "ALARM", "OK")),
    ],
)
def test_two_out_of_three(drawn: str, states: tuple[str | None, ...]) -> None:
    """The guide's second table."""
    assert states == tuple(judge(points(drawn), 3, 2, missing) for missing in TREATMENTS)


def alarm(**changes: Any) -> dict[str, Any]:
    return {
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "D", "Value": "v"}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    } | changes


def reader(*found: tuple[str, float, float]):
    """A metric's values at times: (name, seconds before NOW, value); Sum, and Maximum for every other statistic."""

    def read(window: Window) -> float | None:
        values = [v for name, ago, v in found if name == window.metric and window.start <= NOW - ago < window.end]
        assert {"D": "v"} == window.dimensions
        return (sum(values) if window.statistic == "Sum" else max(values)) if values else None

    return read


def test_a_period_ends_with_the_last_full_minute() -> None:
    """What was measured in this minute does not count yet, what is five minutes old no longer."""
    assert "ALARM" == evaluate(alarm(), reader(("M", 30, 10)), NOW + 59).state
    assert "OK" == evaluate(alarm(), reader(("M", -30, 10)), NOW + 59).state
    assert "OK" == evaluate(alarm(), reader(("M", 901, 10)), NOW).state


def test_an_alarm_that_looks_back_further_than_a_day_is_judged_by_the_hour() -> None:
    """Its last period ends with the last full hour."""
    daily = alarm(Period=86_400, EvaluationPeriods=7, DatapointsToAlarm=1)
    assert "OK" == evaluate(daily, reader(("M", -60, 10)), NOW + 3599).state
    assert "ALARM" == evaluate(daily, reader(("M", -60, 10)), NOW + 3600).state


def test_older_datapoints_stand_in_for_missing_ones() -> None:
    """Two periods further back than the evaluation periods, no more."""
    assert "ALARM" == evaluate(alarm(), reader(("M", 800, 10)), NOW).state
    assert "OK" == evaluate(alarm(), reader(("M", 901, 10)), NOW).state


def test_extended_statistics_are_asked_for_by_their_name() -> None:
    """A percentile is the reader's to calculate."""
    asked = []

    def read(window: Window) -> float | None:
        asked.append(window.statistic)
        return 11.0

    assert "ALARM" == evaluate(alarm(Statistic=None, ExtendedStatistic="p99"), read, NOW).state
    assert {"p99"} == set(asked)


@pytest.mark.parametrize(
    ("comparison", "state"),
    [
        ("GreaterThanThreshold", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
    ],
)
def test_the_threshold_itself(comparison: str, state: str) -> None:
    """Breaches where the comparison says "or equal"."""
    assert state == evaluate(alarm(ComparisonOperator=comparison), reader(("M", 60, 10)), NOW).state


def share(**changes: Any) -> Mapping[str, Any]:
    """The share of failures, as infra/stacks/monitoring/metrics.py writes it."""
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": name, "Dimensions": [{"Name": "D", "Value": "v"}]},
                "Period": 300,
                "Stat": "Sum",
            },
            "ReturnData": False,
        }
        for name in ("part", "whole")
    ]
    expression = {"Id": "share", "Expression": "IF(whole > 0, FILL(part, 0) / whole, 0)"}
    math = {key: value for key, value in alarm().items() if key not in ("Namespace", "MetricName", "Dimensions")}
    return math | {"Metrics": [expression, *queries], "Threshold": 0.1} | changes


def test_metric_math_is_evaluated_by_period() -> None:
    """One of ten is a tenth; none of ten is nothing; nothing of nothing is missing."""
    assert "ALARM" == evaluate(share(), reader(("part", 60, 1), ("whole", 60, 10)), NOW).state
    assert "OK" == evaluate(share(), reader(("whole", 60, 10)), NOW).state
    assert "OK" == evaluate(share(), reader(), NOW).state
    assert "ALARM" == evaluate(share(TreatMissingData="breaching"), reader(), NOW).state


def test_what_cannot_be_judged_is_said() -> None:
    """An unknown comparison, an unknown function."""
    assert problem(alarm()) is None
    assert "LessThanLowerThreshold" in (problem(alarm(ComparisonOperator="LessThanLowerThreshold")) or "")
    strange = share(Metrics=[{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"}])
    assert "not understood" in (problem(strange) or "")


def test_the_reason_says_what_was_seen() -> None:
    """Datapoints, comparison and threshold, for the message."""
    reason = evaluate(alarm(), reader(("M", 60, 12)), NOW).reason
    assert "[12, no data, no data]" in reason
    assert "GreaterThanOrEqualToThreshold 10" in reason
