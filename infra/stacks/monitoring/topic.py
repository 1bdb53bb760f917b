"""Who may publish to the environment's topic, and the key that its messages are encrypted with.

The key is the topic's own: whoever disables the key of the data, or breaks its policy, is to be told of it by alarms.
Each condition here is one that AWS documents for the service that publishes; docs/operate/security.md has the sources.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.naming import Names


class TopicKey(Construct):
    """The key of the topic. Nothing that is kept is encrypted with it: it goes with its stack."""

    key: kms.Key

    def __init__(self, scope: Construct, id_: str, *, names: Names) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key(
            self,
            "Key",
            alias=names.topic_key_alias.removeprefix("alias/"),
            description=f"Messages of the {names.environment} animal recommender's topic",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        for statement in _users(names):
            self.key.add_to_resource_policy(statement)


def publishers(names: Names) -> list[iam.PolicyStatement]:
    """The services that publish of themselves; the state machine does so with its role."""
    return [
        # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
        _publishes("cloudwatch", names, {"ArnLike": {"aws:SourceArn": names.alarm_arn("*")}}),
        # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
        _publishes(
            "budgets",
            names,
            {
                "StringEquals": {"aws:SourceAccount": names.account},
                "ArnLike": {"aws:SourceArn": f"arn:{names.partition}:budgets::{names.account}:*"},
            },
        ),
        # "You can't use Condition blocks in Amazon SNS topic policies for EventBridge":
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
        _publishes("events", names, None),
    ]


def _publishes(service: str, names: Names, conditions: dict[str, dict[str, str]] | None) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=f"{service.capitalize()}Publishes",
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
        actions=["sns:Publish"],
        resources=[names.topic_arn],
        conditions=conditions,
    )


def _users(names: Names) -> list[iam.PolicyStatement]:
    """Without these an encrypted topic drops what the services publish, and says nothing.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [
        iam.PolicyStatement(
            sid="AlarmsAndBudgets",
            principals=[
                iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                iam.ServicePrincipal("budgets.amazonaws.com"),
            ],
            actions=actions,
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": names.account}},
        ),
        # The same page: a source condition "is not supported for EventBridge-to-encrypted topics".
        iam.PolicyStatement(
            sid="Events",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=actions,
            resources=["*"],
        ),
    ]
