"""The CloudWatch metrics of event source mappings, gathered in the delivery process and published together.

- `AWS/Lambda` IteratorAge by `FunctionName`: milliseconds from a batch's last record's arrival in the stream to the
  batch's being sent to the function;
- `AWS/Lambda` OnFailureDestinationDeliveredEventCount and DroppedEventCount by `EventSourceMappingUUID`, where the
  mapping's `MetricsConfig` asks for event counts.

Source: Lambda Developer Guide, "Types of metrics for Lambda functions" and "Event source mapping metrics".
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("delivery")

_MOST_DATA = 500
"""Of one PutMetricData; what is more waits for the next."""


class Measurements:
    """What mappings have measured since it was published last. Safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ages: dict[str, list[float]] = defaultdict(list)
        self._counts: dict[tuple[str, str], int] = defaultdict(int)

    def sent(self, function: str, age_seconds: float) -> None:
        """A batch goes to the function whose last record arrived this long ago."""
        with self._lock:
            self._ages[function].append(max(0.0, age_seconds) * 1000)

    def given_up(self, mapping: str, events: int, *, stored: bool) -> None:
        """Events of a mapping are in its failure destination, or gone."""
        with self._lock:
            self._counts[mapping, "OnFailureDestinationDeliveredEventCount" if stored else "DroppedEventCount"] += (
                events
            )

    def publish(self, cloudwatch: Callable[[], Any]) -> None:
        """Sends what there is with the client that `cloudwatch` gives; what cannot be sent is lost, as it is on AWS."""
        data = self._taken()
        for start in range(0, len(data), _MOST_DATA):
            try:
                cloudwatch().put_metric_data(Namespace="AWS/Lambda", MetricData=data[start : start + _MOST_DATA])
            except (BotoCoreError, ClientError) as error:
                log.warning("the metrics of mappings could not be published: %s", error)

    def _taken(self) -> list[dict[str, Any]]:
        with self._lock:
            ages, counts = self._ages, self._counts
            self._ages, self._counts = defaultdict(list), defaultdict(int)
        return [
            *(_statistics("FunctionName", function, found) for function, found in ages.items()),
            *(_datum("EventSourceMappingUUID", uuid, name, count) for (uuid, name), count in counts.items()),
        ]


def _statistics(dimension: str, value: str, milliseconds: list[float]) -> dict[str, Any]:
    return {
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": dimension, "Value": value}],
        "Unit": "Milliseconds",
        "StatisticValues": {
            "SampleCount": len(milliseconds),
            "Sum": sum(milliseconds),
            "Minimum": min(milliseconds),
            "Maximum": max(milliseconds),
        },
    }


def _datum(dimension: str, value: str, name: str, count: int) -> dict[str, Any]:
    dimensions = [{"Name": dimension, "Value": value}]
    return {"MetricName": name, "Dimensions": dimensions, "Unit": "Count", "Value": float(count)}
