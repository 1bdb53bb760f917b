"""The function of a mapping: what an invocation's answer means."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local_cloud.delivery.mapping.function import Function
from local_cloud.delivery.mapping.outcome import Delivered, Failed, NotInvoked
from local_cloud.delivery.mapping.settings import EventSourceMapping
from tests.unit.local_cloud.delivery.fakes import STREAM, client_error, record

MAPPING = EventSourceMapping.from_properties(
    "mapping",
    {
        "EventSourceArn": STREAM,
        "FunctionName": "forward:live",
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    },
)
BATCH = [record(5), record(6)]


class FakeAws:
    """A Lambda and an S3 client in one; `answer` is what an invocation gives or raises."""

    def __init__(self, answer: Callable[[], dict[str, Any]]) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []
        self.looked_up = 0
        self.waited_for = 0.0
        self.stored: list[dict[str, Any]] = []
        self.bucket_faults: list[Exception] = []

    def client(self, service: str, *, answer_seconds: float = 0.0) -> "FakeAws":
        self.waited_for = answer_seconds
        return self

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - AWS's own names
        self.looked_up += 1
        return {"FunctionArn": f"arn:function:{FunctionName}", "Role": "arn:role", "Timeout": 120}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's own names
        self.events.append(json.loads(Payload))
        return self.answer()

    def put_object(self, **request: Any) -> None:
        if self.bucket_faults:
            raise self.bucket_faults.pop(0)
        self.stored.append(request)


def answered(payload: bytes, **more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "Payload": io.BytesIO(payload),
        "ExecutedVersion": "7",
        "ResponseMetadata": {"RequestId": "request"},
        **more,
    }


def raising(error: Exception) -> Callable[[], dict[str, Any]]:
    def raise_it() -> dict[str, Any]:
        raise error

    return raise_it


def test_accepted_batch() -> None:
    """An empty list is a success; the event names the function's role, looked up once."""
    aws = FakeAws(answered(b'{"batchItemFailures": []}'))
    function = Function(MAPPING, aws)

    assert [Delivered(), Delivered()] == [function.invoke(BATCH), function.invoke(BATCH)]
    assert 1 == aws.looked_up
    assert {"arn:role"} == {r["invokeIdentityArn"] for r in aws.events[0]["Records"]}
    assert "OK" == function.last_result


def test_an_answer_is_waited_for_a_little_longer_than_the_function_may_take() -> None:
    """A request whose answer got lost does not hold up the lane for ever."""
    aws = FakeAws(answered(b""))
    Function(MAPPING, aws).invoke(BATCH)
    assert 120 < aws.waited_for < 150


def test_reported_items() -> None:
    """A reported record fails the batch from there on, without a function error."""
    function = Function(MAPPING, FakeAws(answered(b'{"batchItemFailures": [{"itemIdentifier": "6"}]}')))
    assert Failed(1, None, "7", "request") == function.invoke(BATCH)
    assert "PROBLEM: items reported: 1 records to try again" == function.last_result


def test_reports_count_only_where_the_mapping_asks_for_them() -> None:
    """Without ReportBatchItemFailures a returned list means nothing, as on AWS."""
    aws = FakeAws(answered(b'{"batchItemFailures": [{"itemIdentifier": "6"}]}'))
    assert Delivered() == Function(replace(MAPPING, reports_item_failures=False), aws).invoke(BATCH)


def test_function_error_fails_the_whole_batch() -> None:
    """A raised exception comes back as status 200 with a header: it is a failure, whatever the payload says."""
    aws = FakeAws(answered(b'{"batchItemFailures": []}', FunctionError="Unhandled"))
    assert Failed(0, "Unhandled", "7", "request") == Function(MAPPING, aws).invoke(BATCH)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("TooManyRequestsException"), "TooManyRequestsException"),
        (ConnectionClosedError(endpoint_url="http://127.0.0.1:1"), "ConnectionClosedError"),
    ],
)
def test_function_that_cannot_be_invoked(error: Exception, reason: str) -> None:
    """Throttles and broken connections are no attempts of the batch."""
    function = Function(MAPPING, FakeAws(raising(error)))
    assert NotInvoked(reason) == function.invoke(BATCH)
    assert f"PROBLEM: function not invoked: {reason}" == function.last_result


def test_after_a_lost_answer_the_function_is_looked_up_again() -> None:
    """It may have been given more time since: a wait that is too short would end every invocation."""
    aws = FakeAws(raising(ReadTimeoutError(endpoint_url="http://127.0.0.1:1")))
    function = Function(MAPPING, aws)
    assert [NotInvoked("ReadTimeoutError")] * 2 == [function.invoke(BATCH), function.invoke(BATCH)]
    assert 2 == aws.looked_up


def test_discarded_batch_waits_for_its_destination() -> None:
    """A bucket that cannot be reached holds the lane; the batch is checkpointed only when it is stored."""
    aws = FakeAws(answered(b"", FunctionError="Unhandled"))
    aws.bucket_faults = [client_error("SlowDown"), client_error("SlowDown")]
    done: list[int] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        assert done == []
        pauses.append(seconds)

    Function(MAPPING, aws).deliver(BATCH, lambda r: done.append(r.order), pause)

    assert (1, [6], 2) == (len(aws.stored), done, len(pauses))
    assert "arn:function:forward:live" in aws.stored[0]["Body"].decode()
