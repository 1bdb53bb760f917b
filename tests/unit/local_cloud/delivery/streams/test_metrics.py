"""What the delivery process tells CloudWatch about mappings."""

from typing import Any

from botocore.exceptions import EndpointConnectionError

from local_cloud.delivery.streams.metrics import Measurements


class CloudWatch:
    def __init__(self, *, down: bool = False) -> None:
        self.data: list[dict[str, Any]] = []
        self._down = down

    def put_metric_data(self, **request: Any) -> None:
        if self._down:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
        assert "AWS/Lambda" == request["Namespace"]
        self.data += request["MetricData"]


def test_ages_are_published_together() -> None:
    """One statistic set a function, in milliseconds; a clock that runs behind makes no negative age."""
    measured, cloudwatch = Measurements(), CloudWatch()
    for age in (1.5, 0.5, -3.0):
        measured.sent("forward", age)
    measured.publish(lambda: cloudwatch)
    (datum,) = cloudwatch.data
    assert [{"Name": "FunctionName", "Value": "forward"}] == datum["Dimensions"]
    assert {"SampleCount": 3, "Sum": 2000.0, "Minimum": 0.0, "Maximum": 1500.0} == datum["StatisticValues"]


def test_events_given_up_are_counted_by_what_became_of_them() -> None:
    """Stored in the failure destination, or dropped where there is none."""
    measured, cloudwatch = Measurements(), CloudWatch()
    measured.given_up("uuid", 3, stored=True)
    measured.given_up("uuid", 4, stored=True)
    measured.given_up("uuid", 2, stored=False)
    measured.publish(lambda: cloudwatch)
    assert {"OnFailureDestinationDeliveredEventCount": 7.0, "DroppedEventCount": 2.0} == {
        datum["MetricName"]: datum["Value"] for datum in cloudwatch.data
    }


def test_nothing_is_published_twice_and_nothing_when_there_is_nothing() -> None:
    """A second publication finds nothing; no client is made for it."""
    measured, cloudwatch = Measurements(), CloudWatch()
    measured.sent("forward", 1.0)
    measured.publish(lambda: cloudwatch)
    measured.publish(lambda: (_ for _ in ()).throw(AssertionError("a client was asked for")))
    assert 1 == len(cloudwatch.data)


def test_a_cloud_watch_that_is_away_stops_nobody() -> None:
    """Metrics are lost then; delivery goes on."""
    measured, cloudwatch = Measurements(), CloudWatch()
    measured.sent("forward", 1.0)
    measured.publish(lambda: CloudWatch(down=True))
    measured.sent("forward", 2.0)
    measured.publish(lambda: cloudwatch)
    assert [2000.0] == [datum["StatisticValues"]["Sum"] for datum in cloudwatch.data]
