"""CloudWatch alarms in the emulator: kept whole, metric math included, and judged by their own definitions.

MiniStack refuses metric math in templates and drops it from PutMetricAlarm. Its evaluator ignores dimensions, missing
data and "M of N", so that one function's latency would raise another's alarm: `evaluation.py` takes its place,
once a minute as in AWS. Composite alarms are MiniStack's own: it evaluates their rules as their parts change.
`POST /_local/alarms` evaluates at once; with `{"pass": SECONDS}` after everything measured so far has become that much
older, so that what takes hours on AWS can be seen in a moment.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from local_cloud.emulator.alarms.evaluation import Window, evaluate, problem
from local_cloud.emulator.cloudformation.calls import InnerService
from local_cloud.emulator.cloudformation.resources import ResourceError, tags_of

logger = logging.getLogger("emulator")

CREATE_ONLY = ("AlarmName",)
EVALUATION_SECONDS = 60.0
PATH = "/_local/alarms"
_METRIC_MATH = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile")
_SINGLE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@dataclass(frozen=True, slots=True)
class Alarms:
    """AWS::CloudWatch::Alarm and CompositeAlarm by way of the CloudWatch API; the physical id is the alarm's name."""

    cloudwatch: InnerService
    arn_prefix: str
    """`arn:aws:cloudwatch:REGION:ACCOUNT:alarm:`"""
    kind: Literal["MetricAlarm", "CompositeAlarm"] = "MetricAlarm"

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        """Raises ResourceError when there is an alarm of that name or its definition is refused."""
        name = str(properties.get("AlarmName") or f"{stack}-{logical_id}"[:255])
        both = ["MetricAlarm", "CompositeAlarm"]
        there = self.cloudwatch.call("DescribeAlarms", {"AlarmNames": [name], "AlarmTypes": both})
        if there.get("MetricAlarms") or there.get("CompositeAlarms"):
            raise ResourceError(f"Alarm {name} already exists", "AlreadyExists")
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        self.cloudwatch.call(f"Put{self.kind}", {**properties, "AlarmName": name, "Tags": tags})
        return name, {"Arn": f"{self.arn_prefix}{name}"}

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, str]]:
        untagged = {key: value for key, value in new.items() if key != "Tags"}
        self.cloudwatch.call(f"Put{self.kind}", {**untagged, "AlarmName": physical_id})
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
    """Lets MiniStack's CloudWatch keep metric math, refuse what cannot be judged, and leave the judging to us."""
    from ministack.services import cloudwatch

    put = cloudwatch._put_metric_alarm

    def put_metric_alarm(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        if (is_cbor or is_json) and (wrong := problem(data)):
            return cloudwatch._error("ValidationError", wrong, 400, use_json=is_json, use_cbor=is_cbor)
        answer = put(params, data, is_cbor, is_json)
        if answer[0] < 400 and data.get("Metrics"):
            alarm = cloudwatch._alarms[data["AlarmName"]]
            kept = {key: value for key, value in alarm.items() if key not in _SINGLE_METRIC}
            cloudwatch._alarms[data["AlarmName"]] = kept | {k: data[k] for k in _METRIC_MATH if k in data}
        return answer

    cloudwatch._put_metric_alarm = put_metric_alarm
    cloudwatch._evaluate_all_alarms = lambda: None
    cloudwatch._evaluate_alarm = lambda alarm: None


class AlarmClock:
    """Evaluates all alarms, after `collect` has brought in what is measured by looking (queues, Personalize)."""

    def __init__(self, collect: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        from ministack.services import cloudwatch

        self._cloudwatch = cloudwatch
        self._collect = collect
        self._now = now

    async def tick(self, passed: float = 0.0) -> dict[str, str]:
        """The states of all alarms by name, evaluated now; what was measured is `passed` seconds older before."""
        await asyncio.to_thread(self._collect)
        for points in list(self._cloudwatch._metrics.values()) if passed else ():
            for point in points:
                point["Timestamp"] -= passed
        now = self._now()
        for name, alarm in list(self._cloudwatch._alarms.items()):
            found = evaluate(alarm, self._read, now)
            if found.state not in (None, alarm["StateValue"]):
                told = {"AlarmName": name, "StateValue": found.state, "StateReason": found.reason}
                self._cloudwatch._set_alarm_state({}, told, False, True)
        # Composite alarms were judged by the emulator whenever one of their parts changed its state.
        both = (self._cloudwatch._alarms, self._cloudwatch._composite_alarms)
        return {name: str(alarm["StateValue"]) for alarms in both for name, alarm in alarms.items()}

    async def run(self) -> None:
        """Evaluates once a minute, for good."""
        while True:
            await asyncio.sleep(EVALUATION_SECONDS)
            try:
                await self.tick()
            except Exception:  # a defect here must not leave the emulator without alarms for the rest of its life
                logger.exception("the alarms could not be evaluated")

    def _read(self, window: Window) -> float | None:
        key = (window.namespace, window.metric, self._cloudwatch._dims_key(dict(window.dimensions)))
        points = [
            point
            for point in self._cloudwatch._metrics.get(key) or ()
            if window.start <= point["Timestamp"] < window.end
        ]
        if not points:
            return None
        value = self._cloudwatch._stat_value(self._cloudwatch._calc_stats(points), window.statistic, points)
        return None if value is None else float(value)


class AlarmRoute:
    """The emulator's ASGI application behind `POST /_local/alarms`: `{"pass": SECONDS}` or nothing, states back."""

    def __init__(self, app: Any, clock: AlarmClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", PATH):
            await self._app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, answer = await self._answer(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, body: bytes) -> tuple[int, bytes]:
        try:
            passed = json.loads(body or b"{}").get("pass", 0)
        except (ValueError, AttributeError):
            passed = None
        if isinstance(passed, bool) or not isinstance(passed, int | float) or not 0 <= passed < 1e8:
            return 400, json.dumps({"message": "pass: seconds, from 0 to 100000000"}).encode()
        return 200, json.dumps(await self._clock.tick(float(passed))).encode()
