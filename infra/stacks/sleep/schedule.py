"""Sleeping and waking by schedule: a small state machine that does what `./deploy.sh ENV --sleep` and `--wake` do.

Only where the config has a time for it. Its role can write one parameter and the lock, and begin updates of three
stacks with the templates that they have. CloudFormation updates them with the role that they were deployed with
(`RoleARN` of https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html).
"""

import json
from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.definitions import SLEEP
from infra.naming import ASLEEP, AWAKE, LOCK_ID, SLEEPING_STACKS, Names
from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
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


class SleepSchedule(Construct):
    """The state machine and a schedule for each time that the config has."""

    state_machine: sfn.CfnStateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        key: kms.IKey,
        topic_key: kms.IKey,
        topic: sns.ITopic,
        group: scheduler.CfnScheduleGroup,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._names = settings.names
        self.state_machine = self._state_machine(key, topic_key, topic)
        self._schedules(group)

    def _state_machine(self, key: kms.IKey, topic_key: kms.IKey, topic: sns.ITopic) -> sfn.CfnStateMachine:
        names = self._names
        log = log_group(self, names.sleep_machine, settings=self._settings, key=key)
        role = machine_role(
            self,
            names,
            name=names.role("sleep"),
            machine_arn=names.sleep_machine_arn,
            description="Puts the environment to sleep and wakes it",
            policies={"sleep": _statements(names, key, topic_key, topic)},
        )
        executions = "Whether another run that holds the lock still works; their names are not known before."
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "Log delivery and X-Ray know no resources.",
                **{f"AwsSolutions-IAM5[Resource::{arn}]": executions for arn in _executions(names)},
                **{
                    f"AwsSolutions-IAM5[Resource::{arn}]": "CloudFormation gives the stack of this one name its id."
                    for arn in _stacks(names)
                },
            },
        )
        return state_machine(
            self,
            name=names.sleep_machine,
            definition=SLEEP,
            substitutions=substitutions(self._settings, topic.topic_arn),
            role=role,
            log_group=log,
        )

    def _schedules(self, group: scheduler.CfnScheduleGroup) -> None:
        names, sleep = self._names, self._settings.sleep
        role = schedule_role(
            self,
            names,
            name=names.role("sleep-trigger"),
            machine_arn=names.sleep_machine_arn,
            description="Starts the state machine that puts the environment to sleep and wakes it",
        )
        for name, moment, asleep in (("sleep", sleep.sleep_at, ASLEEP), ("wake", sleep.wake_at, AWAKE)):
            if moment is None:
                continue
            scheduler.CfnSchedule(
                self,
                name.capitalize(),
                name=names.sleep_schedule(name),
                group_name=group.ref,
                description=f"When the environment is to {name}",
                schedule_expression=moment,
                schedule_expression_timezone=sleep.timezone,
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=self.state_machine.attr_arn,
                    role_arn=role.role_arn,
                    input=json.dumps({"asleep": asleep}),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                    ),
                ),
            )


def substitutions(settings: Settings, topic_arn: str) -> Mapping[str, str]:
    """What the definition's `${...}` stand for."""
    names = settings.names
    return {
        "Environment": settings.environment,
        "TopicArn": topic_arn,
        "LockTable": names.lock_table,
        "LockId": LOCK_ID,
        "AsleepParameter": names.asleep,
        **{f"{stack.capitalize()}Stack": names.stack(stack) for stack in SLEEPING_STACKS},
    }


def _executions(names: Names) -> list[str]:
    return [names.execution_arn("*"), names.sleep_execution_arn("*")]


def _stacks(names: Names) -> list[str]:
    return [names.stack_arn(stack) for stack in SLEEPING_STACKS]


def _statements(names: Names, key: kms.IKey, topic_key: kms.IKey, topic: sns.ITopic) -> list[iam.PolicyStatement]:
    return [
        allow("Say", ["ssm:PutParameter"], [names.parameter_arn(names.asleep)]),
        allow("Update", ["cloudformation:DescribeStacks", "cloudformation:UpdateStack"], _stacks(names)),
        *lock_statements(names, _executions(names)),
        *message_statements(topic.topic_arn, (key, topic_key)),
        *service_statements(names, key),
    ]
