"""CloudWatch alarms in the emulator: kept whole, metric math included, and judged by nobody.

MiniStack refuses metric math in templates and drops it from PutMetricAlarm. Its evaluator ignores dimensions, missing
data and "M of N", so that one function's latency would raise another's alarm: it is switched off. An alarm keeps the
state that it was created with (INSUFFICIENT_DATA) or that SetAlarmState gave it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud.emulator_calls import InnerService
from local.cloud.emulator_resources import ResourceError, tags_of

CREATE_ONLY = ("AlarmName",)
_METRIC_MATH = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile")
_SINGLE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@dataclass(frozen=True, slots=True)
class Alarms:
    """AWS::CloudWatch::Alarm by way of the CloudWatch API; the physical id is the alarm's name."""

    cloudwatch: InnerService
    arn_prefix: str
    """`arn:aws:cloudwatch:REGION:ACCOUNT:alarm:`"""

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        """Raises ResourceError when there is an alarm of that name or its definition is refused."""
        name = str(properties.get("AlarmName") or f"{stack}-{logical_id}"[:255])
        if self.cloudwatch.call("DescribeAlarms", {"AlarmNames": [name]})["MetricAlarms"]:
            raise ResourceError(f"Alarm {name} already exists", "AlreadyExists")
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        self.cloudwatch.call("PutMetricAlarm", {**properties, "AlarmName": name, "Tags": tags})
        return name, {"Arn": f"{self.arn_prefix}{name}"}

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, str]]:
        untagged = {key: value for key, value in new.items() if key != "Tags"}
        self.cloudwatch.call("PutMetricAlarm", {**untagged, "AlarmName": physical_id})
        arn, before, after = f"{self.arn_prefix}{physical_id}", tags_of(old), tags_of(new)
        if gone := [key for key in before if key not in after]:
            self.cloudwatch.call("UntagResource", {"ResourceARN": arn, "TagKeys": gone})
        if after:
            tags = [{"Key": key, "Value": value} for key, value in after.items()]
            self.cloudwatch.call("TagResource", {"ResourceARN": arn, "Tags": tags})
        return physical_id, {"Arn": arn}

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        self.cloudwatch.call("DeleteAlarms", {"AlarmNames": [physical_id]})


def install() -> None:
    """Lets MiniStack's CloudWatch keep metric math, and stops it from judging alarms."""
    from ministack.services import cloudwatch

    put = cloudwatch._put_metric_alarm

    def put_metric_alarm(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        answer = put(params, data, is_cbor, is_json)
        if answer[0] < 400 and data.get("Metrics"):
            alarm = cloudwatch._alarms[data["AlarmName"]]
            kept = {key: value for key, value in alarm.items() if key not in _SINGLE_METRIC}
            cloudwatch._alarms[data["AlarmName"]] = kept | {k: data[k] for k in _METRIC_MATH if k in data}
        return answer

    cloudwatch._put_metric_alarm = put_metric_alarm
    cloudwatch._evaluate_alarm = lambda alarm: None
