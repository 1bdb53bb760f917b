"""What an event source mapping is told: the properties of `AWS::Lambda::EventSourceMapping` for a Kinesis stream.

Defaults and ranges: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html. A property that
would change what is delivered and is not carried out here is refused by name: a mapping never does less in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

MAX_EVENT_BYTES = 6 * 1024 * 1024
"""Payload limit of a synchronous invocation; a batch ends before it."""

_WITHOUT_EFFECT_HERE = {"Tags", "KmsKeyArn", "LoggingConfig", "ProvisionedPollerConfig"}
_READ = {
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "EventSourceArn",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
}


class ConfigurationError(ValueError):
    """A resource whose properties cannot be carried out; the message names property, value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceMapping:
    """One mapping from a stream to a function. -1 in `retry_attempts` and `record_age_seconds` means without limit."""

    uuid: str
    stream_arn: str
    function: str
    batch_size: int
    window_seconds: int
    lanes: int
    starting_position: StartingPosition
    starting_timestamp: float | None
    reports_item_failures: bool
    bisects: bool
    retry_attempts: int
    record_age_seconds: int
    destination_arn: str | None
    enabled: bool
    counts_events: bool = False

    @property
    def function_name(self) -> str:
        """The function's name without account, version and alias."""
        parts = self.function.split(":")
        return parts[parts.index("function") + 1] if "function" in parts else parts[0]

    @classmethod
    def from_properties(cls, uuid: str, properties: Mapping[str, Any]) -> "EventSourceMapping":
        """The mapping that resolved CloudFormation properties describe; raises `ConfigurationError`."""
        for name, value in properties.items():
            if name not in _READ | _WITHOUT_EFFECT_HERE and value not in (0, None, {}, []):
                raise ConfigurationError(
                    f"{name}: the local mapping does not carry out this property (value {value!r})"
                )
        for name in ("EventSourceArn", "FunctionName"):
            if not properties.get(name):
                raise ConfigurationError(f"{name}: missing")
        position = properties.get("StartingPosition")
        if position not in ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"):
            raise ConfigurationError(f"StartingPosition: TRIM_HORIZON, LATEST or AT_TIMESTAMP, not {position!r}")
        if (position == "AT_TIMESTAMP") != ("StartingPositionTimestamp" in properties):
            raise ConfigurationError(
                "StartingPositionTimestamp: goes with StartingPosition AT_TIMESTAMP, and only then"
            )
        responses = properties.get("FunctionResponseTypes") or []
        if set(responses) - {"ReportBatchItemFailures"}:
            raise ConfigurationError(
                f"FunctionResponseTypes: only ReportBatchItemFailures is allowed, not {responses!r}"
            )
        batch_size = _integer(properties, "BatchSize", 100, 1, 10_000)
        window = _integer(properties, "MaximumBatchingWindowInSeconds", 0, 0, 300)
        age = _integer(properties, "MaximumRecordAgeInSeconds", -1, -1, 604_800)
        if 0 <= age < 60:
            raise ConfigurationError(f"MaximumRecordAgeInSeconds: -1 or 60 to 604800, not {age}")
        return cls(
            uuid=uuid,
            stream_arn=properties["EventSourceArn"],
            function=properties["FunctionName"],
            batch_size=batch_size,
            window_seconds=window,
            lanes=_integer(properties, "ParallelizationFactor", 1, 1, 10),
            starting_position=position,
            starting_timestamp=float(properties["StartingPositionTimestamp"]) if position == "AT_TIMESTAMP" else None,
            reports_item_failures=bool(responses),
            bisects=_boolean(properties, "BisectBatchOnFunctionError", False),
            retry_attempts=_integer(properties, "MaximumRetryAttempts", -1, -1, 10_000),
            record_age_seconds=age,
            destination_arn=_destination(properties.get("DestinationConfig") or {}),
            enabled=_boolean(properties, "Enabled", True),
            counts_events="EventCount" in ((properties.get("MetricsConfig") or {}).get("Metrics") or ()),
        )


def _integer(properties: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = properties.get(name, default)
    try:
        number = int(value)  # CloudFormation parameters arrive as text
    except (TypeError, ValueError):
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise ConfigurationError(f"{name}: a whole number from {low} to {high}, not {value!r}")
    return number


def _boolean(properties: Mapping[str, Any], name: str, default: bool) -> bool:
    value = properties.get(name, default)
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ConfigurationError(f"{name}: true or false, not {value!r}")


def _destination(config: Mapping[str, Any]) -> str | None:
    arn = (config.get("OnFailure") or {}).get("Destination")
    if arn is None:
        return None
    if not isinstance(arn, str) or arn.split(":")[2:3] not in (["s3"], ["sqs"], ["sns"]):
        raise ConfigurationError(
            f"DestinationConfig.OnFailure.Destination: the ARN of a bucket, queue or topic, not {arn!r}"
        )
    return arn
