"""The CloudWatch metrics of the emulator's streams, by `StreamName`, gathered as calls succeed.

- `AWS/Kinesis` IncomingRecords and IncomingBytes: what each PutRecord or PutRecords put, bytes of data without keys;
- `AWS/Kinesis` WriteProvisionedThroughputExceeded and PutRecords.ThrottledRecords: records that a limit refused
  (`emulator_stream_limits`), of either call and of PutRecords alone;
- `AWS/Kinesis` GetRecords.Records: what each GetRecords gave;
- `AWS/Kinesis` GetRecords.IteratorAgeMilliseconds: how old the last record of each GetRecords was, 0 for a reader that
  has caught up.

A value is one call's, so that SampleCount is the number of calls. They are published at every evaluation of the alarms,
as one statistic set each: a call costs a few additions. Source: Kinesis Data Streams Developer Guide, "Monitor the
Amazon Kinesis Data Streams Service with Amazon CloudWatch", "Basic stream-level metrics".
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[[dict[str, Any]], Answer]

NAMESPACE = "AWS/Kinesis"
_UNITS = {
    "IncomingRecords": "Count",
    "IncomingBytes": "Bytes",
    "WriteProvisionedThroughputExceeded": "Count",
    "PutRecords.ThrottledRecords": "Count",
    "GetRecords.Records": "Count",
    "GetRecords.IteratorAgeMilliseconds": "Milliseconds",
}
_MOST_RECORDS = 10_000
"""Of one GetRecords that says no limit."""


class StreamMeasurements:
    """What the calls of each stream have measured since it was published last. Safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statistics: dict[tuple[str, str], dict[str, float]] = {}

    def put(self, stream: str, records: list[Mapping[str, str]]) -> None:
        """A call put these records (`Data` in base64)."""
        self._add(stream, IncomingRecords=len(records), IncomingBytes=sum(_bytes(record) for record in records))

    def refuse(self, stream: str, records: int, *, together: bool) -> None:
        """A limit refused so many records of one call, which put many `together` or one."""
        self._add(stream, WriteProvisionedThroughputExceeded=records)
        if together:
            self._add(stream, **{"PutRecords.ThrottledRecords": records})

    def read(self, stream: str, records: int, age_seconds: float) -> None:
        """A call gave so many records, the last of which arrived so long ago."""
        age = max(0.0, age_seconds) * 1000
        self._add(stream, **{"GetRecords.Records": records, "GetRecords.IteratorAgeMilliseconds": age})

    def _add(self, stream: str, **values: float) -> None:
        with self._lock:
            for metric, value in values.items():
                known = self._statistics.get((stream, metric))
                if known is None:
                    self._statistics[stream, metric] = {
                        "SampleCount": 1.0, "Sum": value, "Minimum": value, "Maximum": value,
                    }  # fmt: skip
                else:
                    known["SampleCount"] += 1
                    known["Sum"] += value
                    known["Minimum"] = min(known["Minimum"], value)
                    known["Maximum"] = max(known["Maximum"], value)

    def taken(self) -> list[dict[str, Any]]:
        """`MetricData` of PutMetricData for all that was measured, which is forgotten."""
        with self._lock:
            found, self._statistics = self._statistics, {}
        return [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "StreamName", "Value": stream}],
                "Unit": _UNITS[metric],
                "StatisticValues": statistics,
            }
            for (stream, metric), statistics in found.items()
        ]


MEASURED = StreamMeasurements()
"""Of this process's streams."""


def install(measured: StreamMeasurements = MEASURED) -> None:
    """Lets MiniStack's Kinesis be measured."""
    from ministack.services import kinesis

    kinesis._put_record = _measuring_puts(kinesis, kinesis._put_record, measured, lambda request: [request])
    kinesis._put_records = _measuring_puts(kinesis, kinesis._put_records, measured, lambda request: request["Records"])
    kinesis._get_records = _measuring_reads(kinesis, kinesis._get_records, measured)


def _measuring_puts(
    kinesis: Any,
    put: Handler,
    measured: StreamMeasurements,
    records: Callable[[dict[str, Any]], list[Mapping[str, str]]],
) -> Handler:
    def handler(request: dict[str, Any]) -> Answer:
        answer = put(request)
        if answer[0] == 200:
            measured.put(kinesis._resolve_stream(request)[0], records(request))
        return answer

    return handler


def _measuring_reads(kinesis: Any, read: Handler, measured: StreamMeasurements) -> Handler:
    def handler(request: dict[str, Any]) -> Answer:
        answer = read(request)
        if answer[0] == 200:
            # What was read is told by the places in the shard: the answer is text by now.
            state = kinesis._shard_iterators[request["ShardIterator"]]
            records = kinesis._streams[state["stream"]]["shards"][state["shard_id"]]["records"]
            start = min(state["position"], len(records))
            end = min(start + min(request.get("Limit", _MOST_RECORDS), _MOST_RECORDS), len(records))
            behind = end > start and end < len(records)
            age = time.time() - records[end - 1]["ApproximateArrivalTimestamp"] if behind else 0.0
            measured.read(state["stream"], end - start, age)
        return answer

    return handler


def publish(measured: StreamMeasurements = MEASURED) -> None:
    """Give CloudWatch what was measured since the last time."""
    from ministack.services import cloudwatch

    if found := measured.taken():
        cloudwatch._put_metric_data({}, {"Namespace": NAMESPACE, "MetricData": found}, False, True)


def _bytes(record: Mapping[str, str]) -> int:
    """How many bytes a record's base64 stands for."""
    text = record.get("Data", "")
    return len(text) // 4 * 3 - text.count("=", -2)
