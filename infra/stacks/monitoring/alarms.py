"""How alarms are made: each tells the environment's topic, and no silence before the first word counts as one.

What happens only now and then leaves no datapoint while it does not happen, so that an alarm on missing data would ring
from its creation on. `silence` rings only for what has been heard before: two alarms without actions see whether there
was something lately and whether there ever was, and a composite alarm puts them together.
"""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.naming import Names

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
KEEP = cloudwatch.TreatMissingData.IGNORE
UNKNOWN = cloudwatch.TreatMissingData.MISSING


class Alarms:
    """Makes the alarms of one stack."""

    def __init__(self, scope: Construct, names: Names) -> None:
        self.scope = scope
        self.names = names
        self._action = actions.SnsAction(sns.Topic.from_topic_arn(scope, "Topic", names.topic_arn))

    def add(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        description: str,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator = AT_LEAST,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = QUIET,
    ) -> None:
        """An alarm that tells the topic."""
        self.part(
            name,
            metric,
            description=description,
            threshold=threshold,
            comparison=comparison,
            periods=periods,
            missing=missing,
        ).add_alarm_action(self._action)

    def part(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        description: str,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator,
        periods: int,
        missing: cloudwatch.TreatMissingData,
    ) -> cloudwatch.Alarm:
        """An alarm that tells nobody: what a composite alarm is made of."""
        return cloudwatch.Alarm(
            self.scope,
            name,
            alarm_name=self.names.alarm(name),
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )

    def silence(self, name: str, metric: cloudwatch.IMetric, *, description: str, periods: int) -> None:
        """An alarm for a metric without a datapoint in all of the last `periods`, although it once had one."""
        self.compose(
            name,
            description,
            cloudwatch.AlarmRule.all_of(
                self.absent(
                    f"{name}-lately", metric, description=f"Whether {name} saw something lately.", periods=periods
                ),
                cloudwatch.AlarmRule.not_(
                    self.absent(
                        f"{name}-ever",
                        metric,
                        description="Whether there ever was something; it keeps what it knows.",
                        # As long a look back as the other's: alarms that look back further than a day are evaluated by
                        # the hour (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html),
                        # and the first word must not be seen by one an hour before the other.
                        periods=periods,
                        missing=KEEP,
                    )
                ),
            ),
        )

    def absent(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        description: str,
        periods: int,
        missing: cloudwatch.TreatMissingData = UNKNOWN,
    ) -> cloudwatch.IAlarmRule:
        """The rule that a metric (never below 0) has no datapoint in the last `periods`; its alarm never rings."""
        alarm = self.part(
            name, metric, description=description, threshold=0, comparison=BELOW, periods=periods, missing=missing
        )
        return cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.INSUFFICIENT_DATA)

    def compose(self, name: str, description: str, rule: cloudwatch.IAlarmRule) -> None:
        """A composite alarm that tells the topic."""
        cloudwatch.CompositeAlarm(
            self.scope,
            name,
            composite_alarm_name=self.names.alarm(name),
            alarm_description=description,
            alarm_rule=rule,
        ).add_alarm_action(self._action)
