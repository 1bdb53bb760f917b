"""The alarms of training: runs that fail, that never start, that nobody hears of, and models that grow old."""

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import Role
from infra.settings import Settings
from infra.stacks.monitoring import metrics
from infra.stacks.monitoring.alarms import ABOVE, KEEP, Alarms
from infra.stacks.monitoring.metrics import FIVE_MINUTES

LONGEST_LOOK_BACK_DAYS = 7
"""How far an alarm looks back at most, with periods of an hour or more.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""


def training_alarms(alarms: Alarms, settings: Settings) -> None:
    """Of the state machine, of its schedule, and of its messages."""
    names = settings.names
    alarms.add(
        "training-failed",
        metrics.total(
            "Training runs that did not succeed",
            failed=metrics.execution_metric(names, "ExecutionsFailed"),
            aborted=metrics.execution_metric(names, "ExecutionsAborted"),
            expired=metrics.execution_metric(names, "ExecutionsTimedOut"),
        ),
        description="A training run failed, was aborted or timed out; the execution shows at which state.",
        threshold=1,
    )
    alarms.add(
        "schedule-failed",
        metrics.total(
            "Starts that did not succeed",
            refused=metrics.schedule_metric(names, "TargetErrorCount"),
            dropped=metrics.schedule_metric(names, "InvocationDroppedCount"),
        ),
        description="The schedule could not start a training run: the state machine, the right or the role is gone.",
        threshold=1,
    )
    alarms.add(
        "notification-failed",
        metrics.training_metric(names, "NotificationFailed", statistic="Sum", period=FIVE_MINUTES),
        description="A training run could not send its message; look at the execution instead.",
        threshold=1,
    )
    alarms.add(
        "rule-failed",
        metrics.rule_metric(names, "silent-ends", "FailedInvocations"),
        description="The rule for runs that end without a word could not publish: the topic's or its key's policy.",
        threshold=1,
    )
    alarms.add(
        "messages-undelivered",
        metrics.topic_metric(names, "NumberOfNotificationsFailed"),
        description="A message of the topic did not reach one of its subscribers.",
        threshold=1,
    )


def model_alarms(alarms: Alarms, settings: Settings, role: Role) -> None:
    """Of a model that is older than it should be, or of runs that do not report any more."""
    name, days = f"{role}-outdated", settings.alarms.days_since_promotion
    metric = metrics.training_metric(settings.names, "DaysSincePromotion", role=role)
    description = f"No model was promoted for {days} days (alarms.daysSincePromotion), or no run reported at all."
    # CloudWatch looks back seven days at most. Where runs come further apart than that allows, silence between two runs
    # is normal, and the alarm keeps its state instead.
    often = settings.days_between_runs is not None and settings.days_between_runs <= 3
    age = alarms.part(
        f"{name}-age",
        metric,
        description=f"Whether the last promotion that a run reported is more than {days} days ago.",
        threshold=days,
        comparison=ABOVE,
        periods=1,
        missing=KEEP,
    )
    old = cloudwatch.AlarmRule.from_alarm(age, cloudwatch.AlarmState.ALARM)
    if not often:
        # Composite all the same: an alarm cannot become one of another kind under its name.
        alarms.compose(name, description, old)
        return
    # Before the first run silence says nothing. Both look back equally far, so that they see the first report together.
    never = alarms.absent(
        f"{name}-ever",
        metric,
        description="Whether a run ever reported; it keeps what it knows.",
        periods=LONGEST_LOOK_BACK_DAYS,
        missing=KEEP,
    )
    silent = alarms.absent(
        f"{name}-lately",
        metric,
        description="Whether a run reported lately.",
        periods=LONGEST_LOOK_BACK_DAYS,
    )
    alarms.compose(
        name,
        description,
        cloudwatch.AlarmRule.any_of(old, cloudwatch.AlarmRule.all_of(silent, cloudwatch.AlarmRule.not_(never))),
    )
