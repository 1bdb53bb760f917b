"""The monitoring stack: one dashboard, the alarms and the monthly budget, each to the environment's topic.

`docs/operate/operations.md` says of each alarm what it means and what to do.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.naming import Function
from infra.settings import Settings
from infra.shared.generations import Generation
from infra.stacks.monitoring.alarms import Alarms
from infra.stacks.monitoring.dashboard import dashboard_widgets
from infra.stacks.monitoring.ingestion import archive_alarms, ingestion_alarms
from infra.stacks.monitoring.serving import SERVING, campaign_alarms, function_alarms, serving_alarms
from infra.stacks.monitoring.training import model_alarms, training_alarms
from infra.stacks.sleep.sleeping import awake_condition, only_awake

BUDGET_PERCENTAGES = ((80, "ACTUAL"), (100, "FORECASTED"))


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
        alarms = Alarms(self, self._names)
        mapping_id = ssm.StringParameter.value_for_string_parameter(self, self._names.mapping_id_parameter)
        functions: list[Function] = ["forward_events", "evaluate_version", *(SERVING[role] for role in serving.roles)]
        ingestion_alarms(alarms, settings, mapping_id)
        archive_alarms(alarms, settings)
        for function in functions:
            function_alarms(alarms, function)
        training_alarms(alarms, settings)
        for role in serving.roles:
            serving_alarms(alarms, settings, role)
            model_alarms(alarms, settings, role)
        for generation in generations:
            for role in generation.roles:
                campaign_alarms(alarms, settings, role, generation)
        only_awake(self, awake_condition(self, self._names))
        self._budget()
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._names.dashboard,
            widgets=dashboard_widgets(self._names, serving),
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
