"""The metrics of delivery streams (`AWS/Firehose` by `DeliveryStreamName`), gathered in the delivery process.

- DataReadFromKinesisStream.Records and DataReadFromKinesisStream.Bytes: what each read gave;
- KinesisMillisBehindLatest: how far behind the stream's end each read was;
- DeliveryToS3.Records and DeliveryToS3.Bytes: what each object held that was written, bytes before compression;
- DeliveryToS3.Success: 1 for an object that was written, 0 for an attempt that failed;
- DeliveryToS3.DataFreshness: age in seconds of the oldest record that was read and is not yet written.

What cannot be read shows in none of them, as on AWS: an alarm has to compare with what came into the stream.
Source: https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("delivery")

NAMESPACE = "AWS/Firehose"
PUBLISH_SECONDS = 5.0
"""How often at most; AWS publishes each minute. A reader that has nothing to do reads every second."""
_MOST_DATA = 500
"""Of one PutMetricData; what is more waits for the next."""
_UNITS = {
    "DataReadFromKinesisStream.Records": "Count",
    "DataReadFromKinesisStream.Bytes": "Bytes",
    "KinesisMillisBehindLatest": "Milliseconds",
    "DeliveryToS3.Records": "Count",
    "DeliveryToS3.Bytes": "Bytes",
    "DeliveryToS3.Success": "Count",
    "DeliveryToS3.DataFreshness": "Seconds",
}


class ArchiveMeasurements:
    """What delivery streams have measured since it was published last. Safe for use by several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._statistics: dict[tuple[str, str], dict[str, float]] = {}
        self._clock = clock
        self._due = 0.0

    def read(self, stream: str, records: int, size: int, milliseconds_behind: float) -> None:
        """A read gave so many records and bytes, and was so far behind the stream's end."""
        self._add(stream, "KinesisMillisBehindLatest", milliseconds_behind)
        if records:
            self._add(stream, "DataReadFromKinesisStream.Records", records)
            self._add(stream, "DataReadFromKinesisStream.Bytes", size)

    def waits(self, stream: str, seconds: float) -> None:
        """The oldest record that is not yet written arrived so long ago."""
        self._add(stream, "DeliveryToS3.DataFreshness", max(0.0, seconds))

    def written(self, stream: str, records: int, size: int) -> None:
        """An object of so many records and bytes was written."""
        self._add(stream, "DeliveryToS3.Records", records)
        self._add(stream, "DeliveryToS3.Bytes", size)
        self._add(stream, "DeliveryToS3.Success", 1)

    def refused(self, stream: str) -> None:
        """An object could not be written; it is tried again."""
        self._add(stream, "DeliveryToS3.Success", 0)

    def publish(self, cloudwatch: Callable[[], Any]) -> None:
        """Sends what there is with the client that `cloudwatch` gives; what cannot be sent is lost, as it is on AWS."""
        if self._clock() < self._due:
            return
        data = self._taken()
        for start in range(0, len(data), _MOST_DATA):
            self._due = self._clock() + PUBLISH_SECONDS
            try:
                cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _MOST_DATA])
            except (BotoCoreError, ClientError) as error:
                log.warning("the metrics of delivery streams could not be published: %s", error)

    def _add(self, stream: str, metric: str, value: float) -> None:
        with self._lock:
            known = self._statistics.setdefault(
                (stream, metric), {"SampleCount": 0.0, "Sum": 0.0, "Minimum": value, "Maximum": value}
            )
            known["SampleCount"] += 1
            known["Sum"] += value
            known["Minimum"] = min(known["Minimum"], value)
            known["Maximum"] = max(known["Maximum"], value)

    def _taken(self) -> list[dict[str, Any]]:
        with self._lock:
            found, self._statistics = self._statistics, {}
        return [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "DeliveryStreamName", "Value": stream}],
                "Unit": _UNITS[metric],
                "StatisticValues": statistics,
            }
            for (stream, metric), statistics in found.items()
        ]
