"""The CloudWatch metrics that the dashboard shows and the alarms watch, with their exact dimensions."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import METRIC_NAMESPACE, Function, Names, Role

FIVE_MINUTES = cdk.Duration.minutes(5)
QUARTER = cdk.Duration.minutes(15)
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


def stream_metric(
    names: Names, metric: str, *, statistic: str = "Sum", period: cdk.Duration = FIVE_MINUTES
) -> cloudwatch.Metric:
    """One of the stream's metrics.

    https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
    """
    return cloudwatch.Metric(
        namespace="AWS/Kinesis",
        metric_name=metric,
        dimensions_map={"StreamName": names.stream},
        statistic=statistic,
        period=period,
    )


def delivery_metric(
    names: Names, metric: str, *, statistic: str = "Sum", period: cdk.Duration = FIVE_MINUTES
) -> cloudwatch.Metric:
    """One of Firehose's metrics of the archive's delivery stream.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
    """
    return cloudwatch.Metric(
        namespace="AWS/Firehose",
        metric_name=metric,
        dimensions_map={"DeliveryStreamName": names.delivery_stream},
        statistic=statistic,
        period=period,
    )


def schedule_metric(names: Names, metric: str) -> cloudwatch.Metric:
    """One of EventBridge Scheduler's metrics of the environment's schedule group.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
    """
    return cloudwatch.Metric(
        namespace="AWS/Scheduler",
        metric_name=metric,
        dimensions_map={"ScheduleGroup": names.schedule_group},
        statistic="Sum",
        period=FIVE_MINUTES,
    )


def rule_metric(names: Names, rule: str, metric: str) -> cloudwatch.Metric:
    """One of EventBridge's metrics of a rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name=metric,
        dimensions_map={"RuleName": names.rule(rule)},
        statistic="Sum",
        period=FIVE_MINUTES,
    )


def topic_metric(names: Names, metric: str) -> cloudwatch.Metric:
    """One of SNS's metrics of the topic.

    https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    """
    return cloudwatch.Metric(
        namespace="AWS/SNS",
        metric_name=metric,
        dimensions_map={"TopicName": names.topic},
        statistic="Sum",
        period=FIVE_MINUTES,
    )


def total(label: str, **metrics: cloudwatch.Metric) -> cloudwatch.MathExpression:
    """The sum of metrics any of which may never have been published."""
    # SUM of an array passes over a metric that was never published; a plus sign would hide the others.
    return cloudwatch.MathExpression(
        expression=f"SUM([{', '.join(metrics)}])",
        using_metrics=metrics,
        label=label,
        period=next(iter(metrics.values())).period,
    )


def unhandled(incoming: cloudwatch.Metric, handled: cloudwatch.Metric, *, label: str) -> cloudwatch.MathExpression:
    """1 in each period in which something came in and nothing was handled, else 0.

    What comes in at the very end of a period is handled in the next one: only two such periods in a row are a sign,
    as long as a period is longer than handling may take. Missing datapoints count as 0, and a metric that was never
    published too.
    """
    return cloudwatch.MathExpression(
        expression="IF(FILL(incoming, 0) > 0, IF(SUM([FILL(handled, 0), FILL(incoming, 0) * 0]) > 0, 0, 1), 0)",
        using_metrics={"incoming": incoming, "handled": handled},
        label=label,
        period=incoming.period,
    )


def counted(metric: cloudwatch.Metric, *, label: str) -> cloudwatch.MathExpression:
    """A datapoint in each period in which the metric is above 0, and none in any other: a handler publishes 0 too."""
    return cloudwatch.MathExpression(
        expression="IF(counted > 0, counted)",
        using_metrics={"counted": metric},
        label=label,
        period=metric.period,
    )


def share(part: cloudwatch.Metric, whole: cloudwatch.Metric, *, label: str) -> cloudwatch.MathExpression:
    """`part` over `whole`, 0 where nothing happened."""
    return cloudwatch.MathExpression(
        expression="IF(whole > 0, FILL(part, 0) / whole, 0)",
        using_metrics={"part": part, "whole": whole},
        label=label,
        period=part.period,
    )
