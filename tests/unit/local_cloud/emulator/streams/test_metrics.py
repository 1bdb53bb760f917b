"""What a stream's calls measure, on a stand-in for MiniStack's modules."""

import base64
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from local_cloud.emulator.streams import metrics
from local_cloud.emulator.streams.metrics import StreamMeasurements

NOW = 1_700_000_000.0


class FakeKinesis(ModuleType):
    """What is used of MiniStack's module; `status` is what calls answer."""

    def __init__(self) -> None:
        super().__init__("ministack.services.kinesis")
        self.status = 200
        records = [{"ApproximateArrivalTimestamp": NOW - age} for age in (50.0, 40.0, 30.0)]
        self._streams = {"events": {"shards": {"a": {"records": records}}}}
        self._shard_iterators = {
            str(position): {"stream": "events", "shard_id": "a", "position": position} for position in (0, 1, 3)
        }

    def _resolve_stream(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "events", self._streams["events"]

    def _put_record(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return self.status, {}, b""

    _put_records = _get_records = _put_record


class FakeCloudWatch(ModuleType):
    def __init__(self) -> None:
        super().__init__("ministack.services.cloudwatch")
        self.put: list[dict[str, Any]] = []

    def _put_metric_data(self, _params: object, data: dict[str, Any], _cbor: bool, _json: bool) -> None:
        self.put.append(data)


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> FakeKinesis:
    fake = FakeKinesis()
    services = ModuleType("ministack.services")
    services.kinesis, services.cloudwatch = fake, FakeCloudWatch()  # type: ignore[attr-defined]
    for name, module in (("ministack", ModuleType("ministack")), (services.__name__, services), (fake.__name__, fake)):
        monkeypatch.setitem(sys.modules, name, module)
    return fake


@pytest.fixture
def measured(kinesis: FakeKinesis, monkeypatch: pytest.MonkeyPatch) -> StreamMeasurements:
    monkeypatch.setattr(metrics, "time", SimpleNamespace(time=lambda: NOW))
    made = StreamMeasurements()
    metrics.install(made)
    return made


def statistics(measured: StreamMeasurements, metric: str) -> dict[str, float]:
    """Of a metric of the stream `events`."""
    (found,) = [one for one in measured.taken() if one["MetricName"] == metric]
    assert [{"Name": "StreamName", "Value": "events"}] == found["Dimensions"]
    return dict(found["StatisticValues"])


def record(data: bytes) -> dict[str, str]:
    return {"Data": base64.b64encode(data).decode(), "PartitionKey": "key"}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("IncomingRecords", {"SampleCount": 2, "Sum": 4, "Minimum": 1, "Maximum": 3}),
        ("IncomingBytes", {"SampleCount": 2, "Sum": 15, "Minimum": 5, "Maximum": 10}),
    ],
)
def test_what_is_put_is_counted_by_the_call(
    kinesis: FakeKinesis, measured: StreamMeasurements, metric: str, expected: dict[str, float]
) -> None:
    """Records, and bytes of data as they were before base64, whatever its padding."""
    kinesis._put_record(record(b"12345"))
    kinesis._put_records({"Records": [record(b"1234"), record(b"123456"), record(b"")]})
    assert expected == statistics(measured, metric)


def test_what_is_read_is_counted_by_the_call(kinesis: FakeKinesis, measured: StreamMeasurements) -> None:
    """As many as the limit allows and the shard holds; a call that gives none counts too."""
    kinesis._get_records({"ShardIterator": "0", "Limit": 1})
    kinesis._get_records({"ShardIterator": "1"})
    kinesis._get_records({"ShardIterator": "3"})
    expected = {"SampleCount": 3, "Sum": 3, "Minimum": 0, "Maximum": 2}
    assert expected == statistics(measured, "GetRecords.Records")


@pytest.mark.parametrize(
    ("iterator", "limit", "age"),
    [("0", 1, 50_000), ("0", 2, 40_000), ("0", 3, 0), ("1", 500, 0), ("3", 1, 0)],
)
def test_the_age_is_that_of_the_last_record_read(
    kinesis: FakeKinesis, measured: StreamMeasurements, iterator: str, limit: int, age: int
) -> None:
    """In milliseconds; 0 where nothing is left to be read."""
    kinesis._get_records({"ShardIterator": iterator, "Limit": limit})
    assert age == statistics(measured, "GetRecords.IteratorAgeMilliseconds")["Maximum"]


def test_a_refused_call_is_not_measured(kinesis: FakeKinesis, measured: StreamMeasurements) -> None:
    """Its records were not put, its iterator may not exist."""
    kinesis.status = 400
    kinesis._put_record({})
    kinesis._put_records({})
    kinesis._get_records({"ShardIterator": "unknown"})
    assert [] == measured.taken()


def test_what_was_measured_is_published_once(kinesis: FakeKinesis, measured: StreamMeasurements) -> None:
    """All metrics of the stream in one call; nothing where nothing was measured."""
    cloudwatch: Any = sys.modules["ministack.services"].cloudwatch
    measured.read("events", 2, 1.5)
    for _ in range(2):
        metrics.publish(measured)
    (put,) = cloudwatch.put
    assert "AWS/Kinesis" == put["Namespace"]
    assert {"GetRecords.Records": 2.0, "GetRecords.IteratorAgeMilliseconds": 1500.0} == {
        one["MetricName"]: one["StatisticValues"]["Sum"] for one in put["MetricData"]
    }
