"""What the delivery process tells CloudWatch about delivery streams."""

from typing import Any

from botocore.exceptions import EndpointConnectionError

from local_cloud.delivery.archive.metrics import PUBLISH_SECONDS, ArchiveMeasurements


class CloudWatch:
    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        assert "AWS/Firehose" == Namespace
        self.data += MetricData

    def statistics(self, metric: str) -> list[tuple[float, float, float]]:
        """(how many, sum, maximum) of each datum."""
        found = [datum["StatisticValues"] for datum in self.data if datum["MetricName"] == metric]
        return [(each["SampleCount"], each["Sum"], each["Maximum"]) for each in found]


def test_what_is_read_and_written_is_told_by_stream() -> None:
    """Under the names that AWS documents, with the delivery stream as the only dimension."""
    measured, cloudwatch = ArchiveMeasurements(), CloudWatch()
    measured.read("archive", 3, 30, 1500)
    measured.read("archive", 0, 0, 0)
    measured.waits("archive", 2.5)
    measured.refused("archive")
    measured.written("archive", 3, 30)
    measured.publish(lambda: cloudwatch)
    assert {(("DeliveryStreamName", "archive"),)} == {
        tuple((each["Name"], each["Value"]) for each in datum["Dimensions"]) for datum in cloudwatch.data
    }
    assert [(1, 3, 3)] == cloudwatch.statistics("DataReadFromKinesisStream.Records")
    assert [(2, 1500, 1500)] == cloudwatch.statistics("KinesisMillisBehindLatest")
    assert [(1, 2.5, 2.5)] == cloudwatch.statistics("DeliveryToS3.DataFreshness")
    assert [(1, 3, 3)] == cloudwatch.statistics("DeliveryToS3.Records")
    assert [(2, 1, 1)] == cloudwatch.statistics("DeliveryToS3.Success")


def test_it_is_told_now_and_then_and_never_twice() -> None:
    """A reader that reads each second is told every few seconds, together; nothing is told of nothing."""
    now = [100.0]
    measured, cloudwatch = ArchiveMeasurements(clock=lambda: now[0]), CloudWatch()
    for seconds in (0.0, PUBLISH_SECONDS / 2, PUBLISH_SECONDS, 2 * PUBLISH_SECONDS):
        now[0] = 100.0 + seconds
        measured.written("archive", 1, 10)
        measured.publish(lambda: cloudwatch)
    assert [(1, 1, 1), (2, 2, 1), (1, 1, 1)] == cloudwatch.statistics("DeliveryToS3.Records")
    now[0] += PUBLISH_SECONDS
    measured.publish(lambda: (_ for _ in ()).throw(AssertionError("a client was asked for")))


def test_a_cloud_watch_that_is_away_stops_nobody() -> None:
    """Metrics are lost then; delivery goes on."""

    class Away:
        def put_metric_data(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    now = [100.0]
    measured, cloudwatch = ArchiveMeasurements(clock=lambda: now[0]), CloudWatch()
    measured.refused("archive")
    measured.publish(lambda: Away())
    now[0] += PUBLISH_SECONDS
    measured.written("archive", 3, 30)
    measured.publish(lambda: cloudwatch)
    assert [(1, 1, 1)] == cloudwatch.statistics("DeliveryToS3.Success")
