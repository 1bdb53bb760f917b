"""The properties of a mapping: defaults, ranges, and no silent omission."""

from typing import Any

import pytest

from local_cloud.delivery.mapping.settings import ConfigurationError, EventSourceMapping

LEAST: dict[str, Any] = {"EventSourceArn": "arn:stream", "FunctionName": "forward", "StartingPosition": "TRIM_HORIZON"}


def test_defaults_are_those_of_lambda() -> None:
    """What a template leaves out is what AWS documents."""
    assert EventSourceMapping(
        uuid="u",
        stream_arn="arn:stream",
        function="forward",
        batch_size=100,
        window_seconds=0,
        lanes=1,
        starting_position="TRIM_HORIZON",
        starting_timestamp=None,
        reports_item_failures=False,
        bisects=False,
        retry_attempts=-1,
        record_age_seconds=-1,
        destination_arn=None,
        enabled=True,
    ) == EventSourceMapping.from_properties("u", LEAST)


def test_every_property_is_read() -> None:
    """Texts, as CloudFormation parameters give them, are numbers and truth values."""
    mapping = EventSourceMapping.from_properties(
        "u",
        {
            "EventSourceArn": "arn:stream",
            "FunctionName": "forward:live",
            "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": 1700000000,
            "BatchSize": "500",
            "MaximumBatchingWindowInSeconds": 5,
            "ParallelizationFactor": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": "true",
            "MaximumRetryAttempts": 0,
            "MaximumRecordAgeInSeconds": 60,
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}},
            "Enabled": "false",
            "Tags": [{"Key": "a", "Value": "b"}],
            "TumblingWindowInSeconds": 0,
        },
    )

    assert (
        EventSourceMapping(
            uuid="u",
            stream_arn="arn:stream",
            function="forward:live",
            batch_size=500,
            window_seconds=5,
            lanes=10,
            starting_position="AT_TIMESTAMP",
            starting_timestamp=1700000000.0,
            reports_item_failures=True,
            bisects=True,
            retry_attempts=0,
            record_age_seconds=60,
            destination_arn="arn:aws:s3:::bucket",
            enabled=False,
        )
        == mapping
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"FunctionName": ""}, "FunctionName: missing"),
        ({"BatchSize": 0}, "BatchSize: a whole number from 1 to 10000, not 0"),
        ({"BatchSize": True}, "BatchSize"),
        ({"BatchSize": "many"}, "BatchSize"),
        ({"ParallelizationFactor": 11}, "ParallelizationFactor"),
        ({"MaximumBatchingWindowInSeconds": 301}, "MaximumBatchingWindowInSeconds"),
        ({"MaximumRecordAgeInSeconds": 59}, "MaximumRecordAgeInSeconds: -1 or 60 to 604800, not 59"),
        ({"MaximumRetryAttempts": -2}, "MaximumRetryAttempts"),
        ({"StartingPosition": "NOW"}, "StartingPosition"),
        ({"StartingPositionTimestamp": 1.0}, "StartingPositionTimestamp"),
        ({"FunctionResponseTypes": ["Everything"]}, "FunctionResponseTypes"),
        ({"BisectBatchOnFunctionError": "maybe"}, "BisectBatchOnFunctionError: true or false, not 'maybe'"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "kafka://topic"}}}, "DestinationConfig"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria: the local mapping does not carry out"),
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    """A mapping never does less than its template says without saying so."""
    with pytest.raises(ConfigurationError, match=complaint):
        EventSourceMapping.from_properties("u", LEAST | change)
