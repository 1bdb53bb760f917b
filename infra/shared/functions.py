"""The Lambda function of a handler: its package, layer, role, log group and alias, the same way for all four."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.naming import ALIAS, METRIC_NAMESPACE, Function
from infra.setting_sections import Vpc
from infra.settings import Settings, SettingsError
from infra.shared.acknowledgements import acknowledge

ROOT = Path(__file__).resolve().parents[2]
LAYER_FOLDER = ROOT / "build" / "layer"

_DAYS = logs.RetentionDays
LOG_RETENTION = {
    1: _DAYS.ONE_DAY,
    3: _DAYS.THREE_DAYS,
    5: _DAYS.FIVE_DAYS,
    7: _DAYS.ONE_WEEK,
    14: _DAYS.TWO_WEEKS,
    30: _DAYS.ONE_MONTH,
    60: _DAYS.TWO_MONTHS,
    90: _DAYS.THREE_MONTHS,
    120: _DAYS.FOUR_MONTHS,
    150: _DAYS.FIVE_MONTHS,
    180: _DAYS.SIX_MONTHS,
    365: _DAYS.ONE_YEAR,
    400: _DAYS.THIRTEEN_MONTHS,
    545: _DAYS.EIGHTEEN_MONTHS,
    731: _DAYS.TWO_YEARS,
}
"""`retention.logDays` to what the library calls it."""


class HandlerFunction(Construct):
    """The function `names.function(handler)` with alias `live`, running `lambdas/HANDLER/handler.py`.

    Its role holds the given statements and what every handler needs (its own log group, X-Ray, and network interfaces
    where there is a VPC), all inline, so that the function never runs before it may. Nothing else is added: what the
    library would grant by itself is kept out, because its grants are wider than the handlers' needs.
    """

    RUNTIME: ClassVar[lambda_.Runtime] = lambda_.Runtime.PYTHON_3_13

    function: lambda_.Function
    alias: lambda_.Alias
    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        handler: Function,
        settings: Settings,
        key: kms.IKey,
        description: str,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        timeout_seconds: int,
        memory_megabytes: int = 512,
    ) -> None:
        super().__init__(scope, id_)
        names = settings.names
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=names.function_log_group(handler),
            retention=LOG_RETENTION[settings.retention.log_days],
            encryption_key=key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        log_streams = f"{names.log_group_arn(names.function_log_group(handler))}:log-stream:*"
        self.role = iam.Role(
            self,
            "Role",
            role_name=names.role(handler.replace("_", "-")),
            description=description,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "handler": iam.PolicyDocument(
                    statements=[*statements, *_common_statements(log_streams, in_vpc=settings.vpc is not None)]
                )
            },
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=names.function(handler),
            description=description,
            runtime=self.RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            code=handler_code(handler),
            handler=f"lambdas.{handler}.handler.lambda_handler",
            layers=[_layer(cdk.Stack.of(self))],
            # The role as its ARN alone: the library would add grants of its own, and a dependency that the ARN implies.
            role=iam.Role.from_role_arn(self, "FixedRole", self.role.role_arn, mutable=False),
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=cdk.Duration.seconds(timeout_seconds),
            memory_size=memory_megabytes,
            environment={
                "ENVIRONMENT": settings.environment,
                "LOG_LEVEL": "INFO",
                "POWERTOOLS_METRICS_NAMESPACE": METRIC_NAMESPACE,
                "POWERTOOLS_SERVICE_NAME": handler,
                **environment,
            },
            **_network(self, settings.vpc),
        )
        self.alias = lambda_.Alias(self, "Alias", alias_name=ALIAS, version=self.function.current_version)
        acknowledge(
            self.role,
            {
                f"AwsSolutions-IAM5[Resource::{log_streams}]": (
                    "Lambda names the log streams itself; the wildcard is within the function's own log group."
                ),
                "AwsSolutions-IAM5[Resource::*]": (
                    "X-Ray's write actions, PutEvents and Lambda's network interface actions support no resource"
                    " level; every statement with this resource names actions of that kind alone."
                ),
            },
        )
        acknowledge(
            self.function,
            {
                "AwsSolutions-L1": (
                    "Python 3.13 is supported until 2029 and is what the pinned layer is resolved for; the runtime"
                    " is raised together with the layer, after the tests have run on it."
                )
            },
        )

    @property
    def published_name(self) -> str:
        """`NAME:live`, which Lambda's Invoke takes as the function's name."""
        return f"{self.function.function_name}:{ALIAS}"


def handler_code(handler: Function) -> lambda_.Code:
    """The handler's own package and `lambdas/shared`, nothing else of the repository."""
    return lambda_.Code.from_asset(
        str(ROOT),
        ignore_mode=cdk.IgnoreMode.GIT,
        exclude=[
            "/*",
            "!/lambdas",
            "/lambdas/*",
            "!/lambdas/__init__.py",
            "!/lambdas/shared",
            f"!/lambdas/{handler}",
            "__pycache__",
            "*.pyc",
            "*.md",
        ],
    )


def deadline_timeout(settings: Settings) -> int:
    """Seconds that a serving function gets: its own deadline, and five more to read the fallback after a cold start."""
    return math.ceil(settings.serving_deadline_milliseconds / 1000) + 5


def _common_statements(log_streams: str, *, in_vpc: bool) -> list[iam.PolicyStatement]:
    statements = [
        iam.PolicyStatement(
            sid="WriteLogs", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_streams]
        ),
        iam.PolicyStatement(
            sid="WriteTraces", actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
        ),
    ]
    if in_vpc:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
        statements.append(
            iam.PolicyStatement(
                sid="AttachToVpc",
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                    "ec2:DeleteNetworkInterface",
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                resources=["*"],
            )
        )
    return statements


def _layer(stack: cdk.Stack) -> lambda_.ILayerVersion:
    """The stack's own layer version: a shared one would change its ARN under the stacks that use it."""
    existing = stack.node.try_find_child("HandlerLayer")
    if isinstance(existing, lambda_.LayerVersion):
        return existing
    if not (LAYER_FOLDER / "python").is_dir():
        raise SettingsError("build/layer/python does not exist: run `make setup`, which builds the Lambda layer")
    return lambda_.LayerVersion(
        stack,
        "HandlerLayer",
        description="Powertools for AWS Lambda and what it needs, pure Python",
        code=lambda_.Code.from_asset(
            str(LAYER_FOLDER),
            ignore_mode=cdk.IgnoreMode.GIT,
            exclude=[".*", "__pycache__", "*.pyc", "*.pyi", "*.c", "*-stubs", "*.dist-info"],
        ),
        compatible_runtimes=[HandlerFunction.RUNTIME],
        compatible_architectures=[lambda_.Architecture.ARM_64, lambda_.Architecture.X86_64],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def _network(scope: Construct, vpc: Vpc | None) -> dict[str, Any]:
    """Where the function runs; built from the config's ids, because a look-up would need credentials at synth."""
    if vpc is None:
        return {}
    network = ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id=vpc.vpc_id,
        availability_zones=list(vpc.availability_zones),
        private_subnet_ids=list(vpc.subnet_ids),
    )
    return {
        "vpc": network,
        "vpc_subnets": ec2.SubnetSelection(subnets=network.private_subnets),
        "security_groups": [
            ec2.SecurityGroup.from_security_group_id(scope, f"SecurityGroup{i}", group)
            for i, group in enumerate(vpc.security_group_ids)
        ],
    }
