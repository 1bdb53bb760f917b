"""The training stack: the state machine that trains, judges and promotes, its schedule, and who hears of it."""

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.definitions import TRAIN
from infra.naming import LOCK_ID, METRIC_NAMESPACE, ROLES, Names, Role
from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
from infra.shared.functions import HandlerFunction
from infra.shared.state_machines import (
    allow,
    lock_statements,
    log_group,
    machine_role,
    message_statements,
    schedule_role,
    service_statements,
    state_machine,
)
from infra.stacks.data import imported_key
from infra.stacks.monitoring.topic import TopicKey, publishers
from infra.stacks.sleep.schedule import SleepSchedule
from infra.stacks.sleep.sleeping import awake_condition

MARKER = "AnimalRecommender."
"""What the error of a run begins with that has told its story itself."""
_CANARY: dict[Role, str] = {
    "recommendation": "personalize:GetRecommendations",
    "reranking": "personalize:GetPersonalizedRanking",
}


class TrainingStack(cdk.Stack):
    """State machine, gate, schedule, topic with subscriptions, and the rule for runs that ended without a word."""

    state_machine: sfn.CfnStateMachine
    topic: sns.Topic
    gate: HandlerFunction

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, env: cdk.Environment) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        self._settings = settings
        self._names = settings.names
        self._awake = awake_condition(self, self._names)
        key = imported_key(self, self._names)
        self._topic_key = TopicKey(self, "TopicKey", names=self._names)
        self.topic = self._topic(self._topic_key.key)
        self.gate = HandlerFunction(
            self,
            "Gate",
            handler="evaluate_version",
            settings=settings,
            key=key,
            description="Decides whether to train and whether to promote, and writes the report of a training run",
            environment={
                "PROMOTION_THRESHOLD": str(settings.promotion_threshold),
                "REGRESSION_TOLERANCE": str(settings.regression_tolerance),
                "COVERAGE_FLOOR": str(settings.coverage_floor),
                "MIN_NEW_EVENTS": str(settings.min_new_events),
            },
            statements=[],
            timeout_seconds=30,
            memory_megabytes=256,
        )
        self.state_machine = self._state_machine(key)
        group = self._schedule()
        if settings.sleep.is_scheduled:
            SleepSchedule(
                self,
                "Sleep",
                settings=settings,
                key=key,
                topic_key=self._topic_key.key,
                topic=self.topic,
                group=group,
            )
        self._rule_for_silent_ends()

    # --- who hears of it

    def _topic(self, key: kms.IKey) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=self._names.topic,
            display_name=f"Animal recommender {self._settings.environment}",
            master_key=key,
            enforce_ssl=True,
        )
        for statement in publishers(self._names):
            topic.add_to_resource_policy(statement)
        for number, address in enumerate(self._settings.notification_emails):
            sns.CfnSubscription(self, f"Email{number}", topic_arn=topic.topic_arn, protocol="email", endpoint=address)
        return topic

    # --- the state machine

    def _state_machine(self, key: kms.IKey) -> sfn.CfnStateMachine:
        names = self._names
        log = log_group(self, names.state_machine, settings=self._settings, key=key)
        role = machine_role(
            self,
            names,
            name=names.role("statemachine"),
            machine_arn=names.state_machine_arn,
            description="Trains the solutions, judges their versions and updates the campaigns",
            policies={"train": self._statements(key)},
        )
        self._acknowledge_wildcards(role)
        return state_machine(
            self,
            name=names.state_machine,
            definition=TRAIN,
            substitutions=self.substitutions(),
            role=role,
            log_group=log,
        )

    def substitutions(self) -> Mapping[str, str]:
        """What the definition's `${...}` stand for."""
        names, generation = self._names, self._settings.generation
        values = {
            "Environment": self._settings.environment,
            "MetricNamespace": METRIC_NAMESPACE,
            "EvaluateFunctionArn": self.gate.alias.function_arn,
            "TopicArn": self.topic.topic_arn,
            "LockTable": names.lock_table,
            "LockId": LOCK_ID,
            "SeedBucket": names.bucket("seed"),
            "PopularKey": names.popular_key(generation),
            "RerankingEnabled": str(self._settings.reranking_enabled).lower(),
            "BaselineEnabled": str(self._settings.popularity_baseline).lower(),
            "BaselineSolutionArn": self._baseline_solution_arn,
        }
        for role in ROLES:
            values[f"{role.capitalize()}SolutionArn"] = names.solution_arn(role, generation)
            values[f"{role.capitalize()}CampaignArn"] = names.campaign_arn(role, generation)
            values[f"{role.capitalize()}Ledger"] = names.ledger(role, generation)
            values[f"{role.capitalize()}Judged"] = names.judged(role, generation)
        return values

    @property
    def _holders(self) -> list[str]:
        """The executions that can hold the lock."""
        names = self._names
        return [names.execution_arn("*"), *([names.sleep_execution_arn("*")] * self._settings.sleep.is_scheduled)]

    @property
    def _baseline_solution_arn(self) -> str:
        name = self._names.baseline_solution(self._settings.generation)
        return self._names.personalize_arn(f"solution/{name}")

    def _statements(self, key: kms.IKey) -> list[iam.PolicyStatement]:
        """The calls of the definition, each on what it is for; a test holds the two against each other."""
        names, settings = self._names, self._settings
        generation = settings.generation
        solutions = [names.solution_arn(role, generation) for role in settings.roles]
        if settings.popularity_baseline:
            solutions.append(self._baseline_solution_arn)
        versions = [f"{arn}/*" for arn in solutions]
        campaigns = [names.campaign_arn(role, generation) for role in settings.roles]
        ledgers = [
            names.parameter_arn(parameter(role, generation))
            for role in settings.roles
            for parameter in (names.ledger, names.judged)
        ]
        seed = names.bucket_arn("seed")
        return [
            allow("Train", ["personalize:DescribeSolution", "personalize:CreateSolutionVersion"], solutions),
            allow(
                "Judge",
                ["personalize:DescribeSolutionVersion", "personalize:GetSolutionMetrics"],
                [*solutions, *versions],
            ),
            allow("Promote", ["personalize:DescribeCampaign"], campaigns),
            # The reference lists campaign and solution as its resource types.
            allow("UpdateCampaigns", ["personalize:UpdateCampaign"], [*campaigns, *solutions, *versions]),
            *(
                allow(f"AskCanaryOf{role.capitalize()}", [_CANARY[role]], [names.campaign_arn(role, generation)])
                for role in settings.roles
            ),
            allow("Ledger", ["ssm:GetParameter", "ssm:PutParameter"], ledgers),
            *lock_statements(names, self._holders),
            allow("AskTheGate", ["lambda:InvokeFunction"], [self.gate.alias.function_arn]),
            allow("CountEvents", ["cloudwatch:GetMetricStatistics"], ["*"]),
            iam.PolicyStatement(
                sid="PublishMetrics",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": METRIC_NAMESPACE}},
            ),
            allow("KeepPopularListAndRecords", ["s3:PutObject"], [f"{seed}/popular/*", f"{seed}/{Names.RUNS_PREFIX}*"]),
            *message_statements(self.topic.topic_arn, (key, self._topic_key.key)),
            *service_statements(names, key),
        ]

    def _acknowledge_wildcards(self, role: iam.Role) -> None:
        names, settings = self._names, self._settings
        seed = names.bucket_arn("seed")
        solutions = [names.solution_arn(role_, settings.generation) for role_ in settings.roles]
        if settings.popularity_baseline:
            solutions.append(self._baseline_solution_arn)
        version = "Personalize gives the versions of this one solution their ids; no other name can be known before."
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "CloudWatch's metrics, log delivery and X-Ray know no resources; PutMetricData is held to the"
                    " project's own namespace by a condition."
                ),
                **{
                    f"AwsSolutions-IAM5[Resource::{arn}]": (
                        "The run asks whether another run that holds the lock still works; their names are not known"
                        " before."
                    )
                    for arn in self._holders
                },
                f"AwsSolutions-IAM5[Resource::{seed}/popular/*]": "One object a generation; this role writes it.",
                f"AwsSolutions-IAM5[Resource::{seed}/{Names.RUNS_PREFIX}*]": "One record a run, named after the run.",
                **{f"AwsSolutions-IAM5[Resource::{arn}/*]": version for arn in solutions},
            },
        )

    # --- what starts it, and what speaks when it cannot

    def _schedule(self) -> scheduler.CfnScheduleGroup:
        names = self._names
        role = schedule_role(
            self,
            names,
            name=names.role("trigger"),
            machine_arn=names.state_machine_arn,
            description="Starts the training state machine",
        )
        group = scheduler.CfnScheduleGroup(self, "ScheduleGroup", name=names.schedule_group)
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=names.schedule,
            group_name=group.ref,
            description="Trains when enough has happened since the last training",
            schedule_expression=self._settings.schedule,
            schedule_expression_timezone="UTC",
            state=cdk.Fn.condition_if(self._awake.logical_id, "ENABLED", "DISABLED").to_string(),
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.state_machine.attr_arn,
                role_arn=role.role_arn,
                input=json.dumps({"trigger": "schedule"}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                ),
            ),
        )
        return group

    def _rule_for_silent_ends(self) -> None:
        """Speaks for runs that could not: stopped, timed out, or failed without the marker of the definition."""
        names, machines = self._names, [self._names.state_machine_arn]
        if self._settings.sleep.is_scheduled:
            machines.append(names.sleep_machine_arn)
        ended = {"stateMachineArn": machines}
        events.CfnRule(
            self,
            "SilentEnds",
            name=names.rule("silent-ends"),
            description="Training runs that ended without telling so themselves",
            event_pattern={
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    **ended,
                    "$or": [
                        {"status": ["ABORTED", "TIMED_OUT"]},
                        # A failure without an error name, should there be one, has told nothing either.
                        {
                            "status": ["FAILED"],
                            "error": [None, {"exists": False}, {"anything-but": {"prefix": MARKER}}],
                        },
                    ],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="topic",
                    arn=self.topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={
                            "name": "$.detail.name",
                            "status": "$.detail.status",
                            "arn": "$.detail.executionArn",
                        },
                        input_template=(
                            f'"Training run <name> of environment {self._settings.environment} ended as <status> and'
                            " could not say why. Look at the history of <arn>. What serves is what served before, or"
                            " what the campaigns say; the next run takes its lock over."
                            ' docs/operate/operations.md tells more."'
                        ),
                    ),
                )
            ],
        )
