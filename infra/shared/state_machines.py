"""A state machine with its log and its role, and what every one of them may do."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.definitions import definition_text
from infra.naming import Names
from infra.settings import Settings
from infra.shared.functions import LOG_RETENTION


def allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """A statement that allows these actions on these resources."""
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources))


def log_group(scope: Construct, machine: str, *, settings: Settings, key: kms.IKey) -> logs.LogGroup:
    """Where the state machine of this name logs."""
    return logs.LogGroup(
        scope,
        "Logs",
        # Step Functions' log groups need this prefix: with others the account's one log policy outgrows its limit.
        log_group_name=f"/aws/vendedlogs/states/{machine}",
        retention=LOG_RETENTION[settings.retention.log_days],
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def machine_role(
    scope: Construct,
    names: Names,
    *,
    name: str,
    machine_arn: str,
    description: str,
    policies: Mapping[str, list[iam.PolicyStatement]],
) -> iam.Role:
    """The role that only this state machine of this account assumes."""
    return iam.Role(
        scope,
        "Role",
        role_name=name,
        description=description,
        assumed_by=iam.ServicePrincipal(
            "states.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": names.account},
                "ArnLike": {"aws:SourceArn": machine_arn},
            },
        ),
        inline_policies={policy: iam.PolicyDocument(statements=statements) for policy, statements in policies.items()},
    )


def state_machine(
    scope: Construct,
    *,
    name: str,
    definition: str,
    substitutions: Mapping[str, str],
    role: iam.Role,
    log_group: logs.LogGroup,
) -> sfn.CfnStateMachine:
    """The state machine of the definition with this name, logged whole and traced."""
    return sfn.CfnStateMachine(
        scope,
        "StateMachine",
        state_machine_name=name,
        # As text, so that the validators see it.
        definition_string=definition_text(definition),
        definition_substitutions=substitutions,
        role_arn=role.role_arn,
        logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
            level="ALL",
            include_execution_data=True,
            destinations=[
                sfn.CfnStateMachine.LogDestinationProperty(
                    cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                        log_group_arn=log_group.log_group_arn
                    )
                )
            ],
        ),
        tracing_configuration=sfn.CfnStateMachine.TracingConfigurationProperty(enabled=True),
    )


def lock_statements(names: Names, holders: Sequence[str]) -> list[iam.PolicyStatement]:
    """Taking the lock, and asking whether one of the executions that can hold it still works."""
    return [
        # Nothing on the lock of before, a parameter: an execution of an earlier definition cannot take it any more.
        allow("Lock", ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], [names.lock_table_arn]),
        allow("SeeWhetherTheHolderRuns", ["states:DescribeExecution"], holders),
    ]


def message_statements(topic_arn: str, keys: Sequence[kms.IKey]) -> list[iam.PolicyStatement]:
    """Telling it to the topic, with the keys of all that a state machine reads and writes."""
    return [
        allow("Tell", ["sns:Publish"], [topic_arn]),
        allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn for key in keys]),
    ]


def service_statements(names: Names, key: kms.IKey) -> list[iam.PolicyStatement]:
    """The lock's encryption, logs and traces."""
    return [
        # The table's key is used for whoever calls DynamoDB, with these and those of UseKeys:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        iam.PolicyStatement(
            sid="UseKeyForLock",
            actions=["kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{names.region}.amazonaws.com"}},
        ),
        # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html: these know no resources.
        allow(
            "DeliverLogs",
            [
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            ["*"],
        ),
        allow(
            "Trace",
            ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"],
            ["*"],
        ),
    ]


def schedule_role(scope: Construct, names: Names, *, name: str, machine_arn: str, description: str) -> iam.Role:
    """The role with which schedules start the state machine."""
    return iam.Role(
        scope,
        "ScheduleRole",
        role_name=name,
        description=description,
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": names.account}}
        ),
        inline_policies={
            "start": iam.PolicyDocument(statements=[allow("Start", ["states:StartExecution"], [machine_arn])])
        },
    )
