"""The CloudWatch metrics that the dashboard shows and the alarms watch, with their exact dimensions."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import METRIC_NAMESPACE, Function, Names, Role

FIVE_MINUTES = cdk.Duration.minutes(5)
HOUR = cdk.Duration.hours(1)
DAY = cdk.Duration.days(1)

REQUESTS: dict[Role, str] = {"recommendation": "GetRecommendations", "reranking": "GetPersonalizedRanking"}
"""Personalize's own metrics of successful requests; they support the statistic Sum only."""


def handler_metric(
    names: Names, function: Function, metric: str, *, period: cdk.Duration = FIVE_MINUTES
) -> cloudwatch.Metric:
    """A sum that a handler publishes in the embedded metric format."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=metric,
        dimensions_map={"service": function, "environment": names.environment},
        statistic="Sum",
        period=period,
    )


def training_metric(
    names: Names, metric: str, *, role: Role | None = None, statistic: str = "Maximum", period: cdk.Duration = DAY
) -> cloudwatch.Metric:
    """A value that the training state machine publishes."""
    dimensions = {"environment": names.environment}
    if role is not None:
        dimensions["role"] = role
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE, metric_name=metric, dimensions_map=dimensions, statistic=statistic, period=period
    )


def lambda_metric(
    names: Names, function: Function, metric: str, *, statistic: str = "Sum", period: cdk.Duration = FIVE_MINUTES
) -> cloudwatch.Metric:
    """One of Lambda's own metrics, over all versions and aliases of the function."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=metric,
        dimensions_map={"FunctionName": names.function(function)},
        statistic=statistic,
        period=period,
    )


def mapping_metric(mapping_id: str, metric: str, *, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
    """One of the event source mapping's metrics (`MetricsConfig: EventCount`)."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=metric,
        dimensions_map={"EventSourceMappingUUID": mapping_id},
        statistic="Sum",
        period=period,
    )


def execution_metric(names: Names, metric: str) -> cloudwatch.Metric:
    """One of Step Functions' metrics of the training state machine."""
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=metric,
        dimensions_map={"StateMachineArn": names.state_machine_arn},
        statistic="Sum",
        period=FIVE_MINUTES,
    )


def campaign_requests(names: Names, role: Role, generation: int, *, period: cdk.Duration = HOUR) -> cloudwatch.Metric:
    """Requests that the campaign answered."""
    return cloudwatch.Metric(
        namespace="AWS/Personalize",
        metric_name=REQUESTS[role],
        dimensions_map={"CampaignArn": names.campaign_arn(role, generation)},
        statistic="Sum",
        period=period,
    )


def stream_metric(names: Names, metric: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
    """One of the stream's metrics."""
    return cloudwatch.Metric(
        namespace="AWS/Kinesis",
        metric_name=metric,
        dimensions_map={"StreamName": names.stream},
        statistic=statistic,
        period=FIVE_MINUTES,
    )


def share(part: cloudwatch.Metric, whole: cloudwatch.Metric, *, label: str) -> cloudwatch.MathExpression:
    """`part` over `whole`, 0 where nothing happened."""
    return cloudwatch.MathExpression(
        expression="IF(whole > 0, FILL(part, 0) / whole, 0)",
        using_metrics={"part": part, "whole": whole},
        label=label,
        period=part.period,
    )
