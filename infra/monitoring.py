"""The monitoring stack: one dashboard, the alarms and the monthly budget, each to the environment's topic.

`docs/operations.md` says of each alarm what it means and what to do.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra import metrics
from infra.dashboard import dashboard_widgets
from infra.generations import Generation
from infra.metrics import FIVE_MINUTES, HOUR
from infra.naming import Function, Role
from infra.prices import idle_campaign_dollars
from infra.settings import Settings

ERROR_SHARE = 0.01
"""Share of failed invocations that raises the alarm: callers' mistakes are no errors, each one is a bug or a limit."""
UTILIZATION_FLOOR = 0.5
"""A campaign that never uses half of what is provisioned is over-provisioned."""
BUDGET_PERCENTAGES = ((80, "ACTUAL"), (100, "FORECASTED"))

_SERVING: dict[Role, Function] = {"recommendation": "recommend", "reranking": "rerank"}
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
_SILENCE_IS_BAD = cloudwatch.TreatMissingData.BREACHING
_KEEP = cloudwatch.TreatMissingData.IGNORE


class MonitoringStack(cdk.Stack):
    """Alarms of ingestion, serving, training and cost; the generation is the one that serves."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        generations: Sequence[Generation],
        serving: Generation,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        self._settings = settings
        self._names = settings.names
        self._topic = sns.Topic.from_topic_arn(self, "Topic", self._names.topic_arn)
        self._mapping_id = ssm.StringParameter.value_for_string_parameter(self, self._names.mapping_id_parameter)
        self._functions: list[Function] = ["forward_events", "evaluate_version", *(_SERVING[r] for r in serving.roles)]
        self._ingestion_alarms()
        for function in self._functions:
            self._error_alarm(function)
        for role in serving.roles:
            self._serving_alarms(role)
        self._training_alarms(serving)
        for generation in generations:
            for role in generation.roles:
                self._campaign_alarms(role, generation)
        self._budget()
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._names.dashboard,
            widgets=dashboard_widgets(self._names, serving),
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        description: str,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator = _AT_LEAST,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = _QUIET,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._names.alarm(name),
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _ingestion_alarms(self) -> None:
        names, alarms = self._names, self._settings.alarms
        self._alarm(
            "iterator-age",
            metrics.lambda_metric(names, "forward_events", "IteratorAge", statistic="Maximum"),
            description="Events wait longer than alarms.iteratorAgeSeconds before they are forwarded.",
            threshold=alarms.iterator_age_seconds * 1000,
            periods=2,
        )
        self._alarm(
            "quarantine",
            metrics.handler_metric(names, "forward_events", "EventsQuarantined", period=HOUR),
            description="More events than alarms.quarantinedPerHour could not be used; the queue says why.",
            threshold=alarms.quarantined_per_hour,
        )
        self._alarm(
            "failure-destination",
            cloudwatch.MathExpression(
                # SUM of an array passes over a metric that was never published; a plus sign would hide the other.
                expression="SUM([delivered, dropped])",
                using_metrics={
                    "delivered": metrics.mapping_metric(self._mapping_id, "OnFailureDestinationDeliveredEventCount"),
                    "dropped": metrics.mapping_metric(self._mapping_id, "DroppedEventCount"),
                },
                label="Events given up",
                period=FIVE_MINUTES,
            ),
            description="Lambda gave up on events after all retries; they lie in the quarantine bucket.",
            threshold=1,
        )
        self._alarm(
            "forward-failures",
            metrics.handler_metric(names, "forward_events", "EventsFailed"),
            description="Personalize does not take events now; they are being retried.",
            threshold=alarms.forward_failures_per_five_minutes,
        )

    def _error_alarm(self, function: Function) -> None:
        names = self._names
        self._alarm(
            f"{function.replace('_', '-')}-errors",
            metrics.share(
                metrics.lambda_metric(names, function, "Errors"),
                metrics.lambda_metric(names, function, "Invocations"),
                label="Share of failed invocations",
            ),
            description=f"{function} fails in more than {ERROR_SHARE:.0%} of its invocations.",
            threshold=ERROR_SHARE,
            comparison=_ABOVE,
        )

    def _serving_alarms(self, role: Role) -> None:
        names, alarms = self._names, self._settings.alarms
        function = _SERVING[role]
        self._alarm(
            f"{function}-fallbacks",
            metrics.share(
                metrics.handler_metric(names, function, "Fallbacks"),
                metrics.handler_metric(names, function, "Requests"),
                label="Share of fallback answers",
            ),
            description="More than alarms.fallbackShare of the answers are the popular list: Personalize fails.",
            threshold=alarms.fallback_share,
            comparison=_ABOVE,
            periods=2,
        )
        self._alarm(
            f"{function}-latency",
            metrics.lambda_metric(names, function, "Duration", statistic="p99"),
            description="One answer in a hundred takes longer than alarms.latencyP99Milliseconds.",
            threshold=alarms.latency_p99_milliseconds,
            comparison=_ABOVE,
            periods=3,
        )

    def _training_alarms(self, serving: Generation) -> None:
        names, settings = self._names, self._settings
        self._alarm(
            "training-failed",
            cloudwatch.MathExpression(
                expression="SUM([failed, aborted, expired])",
                using_metrics={
                    "failed": metrics.execution_metric(names, "ExecutionsFailed"),
                    "aborted": metrics.execution_metric(names, "ExecutionsAborted"),
                    "expired": metrics.execution_metric(names, "ExecutionsTimedOut"),
                },
                label="Training runs that did not succeed",
                period=FIVE_MINUTES,
            ),
            description="A training run failed, was aborted or timed out; the execution shows at which state.",
            threshold=1,
        )
        self._alarm(
            "notification-failed",
            metrics.training_metric(names, "NotificationFailed", statistic="Sum", period=FIVE_MINUTES),
            description="A training run could not send its message; look at the execution instead.",
            threshold=1,
        )
        # CloudWatch looks back seven days at most. Where runs come further apart than that allows, silence between
        # two runs is normal, and the alarm keeps its state instead.
        often = settings.days_between_runs is not None and settings.days_between_runs <= 3
        for role in serving.roles:
            self._alarm(
                f"{role}-stale",
                metrics.training_metric(names, "DaysSincePromotion", role=role),
                description="No model was promoted for alarms.daysSincePromotion days, or no run reported at all.",
                threshold=settings.alarms.days_since_promotion,
                comparison=_ABOVE,
                periods=7 if often else 1,
                missing=_SILENCE_IS_BAD if often else _KEEP,
            )

    def _campaign_alarms(self, role: Role, generation: Generation) -> None:
        names, settings = self._names, self._settings
        number = generation.number
        suffix = "" if number == 1 else f"-g{number}"
        hours = settings.alarms.campaign_idle_hours
        provisioned = settings.min_tps(role)
        dollars = idle_campaign_dollars(settings.region, generation.recipe(role), provisioned)
        self._alarm(
            f"{role}-campaign-idle{suffix}",
            metrics.campaign_requests(names, role, number),
            description=f"Nobody asked the {role} campaign for {hours} hours; it bills all the same, about"
            f" ${dollars:,.0f} a month (infra/prices.yaml).",
            threshold=1,
            comparison=_BELOW,
            periods=hours,
            missing=_SILENCE_IS_BAD,
        )
        # One transaction a second is the least that can be provisioned: there would be nothing to lower.
        if provisioned > 1:
            self._alarm(
                f"{role}-campaign-overprovisioned{suffix}",
                cloudwatch.MathExpression(
                    expression=f"FILL(requests, 0) / PERIOD(requests) / {provisioned}",
                    using_metrics={"requests": metrics.campaign_requests(names, role, number)},
                    label="Share of the provisioned transactions a second in use",
                    period=HOUR,
                ),
                description=f"The {role} campaign used less than half of what is provisioned for {hours} hours; each"
                f" transaction a second is about ${dollars / provisioned:,.0f} a month (infra/prices.yaml).",
                threshold=UTILIZATION_FLOOR,
                comparison=_BELOW,
                periods=hours,
                missing=_SILENCE_IS_BAD,
            )

    def _budget(self) -> None:
        """Of the whole account: Personalize resources carry no tags by which an environment's share could be told."""
        properties = budgets.CfnBudget
        properties(
            self,
            "Budget",
            budget=properties.BudgetDataProperty(
                budget_name=self._names.budget,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=properties.SpendProperty(amount=self._settings.monthly_budget_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                properties.NotificationWithSubscribersProperty(
                    notification=properties.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=percentage,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[properties.SubscriberProperty(subscription_type="SNS", address=self._names.topic_arn)],
                )
                for percentage, kind in BUDGET_PERCENTAGES
            ],
        )
