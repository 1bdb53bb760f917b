"""What an environment that sleeps does without: its campaigns, its schedule, and the alarms that would miss them.

One SSM parameter (`Names.asleep`) says whether it sleeps. The stacks read it as campaigns read their ledgers, through a
parameter of type `AWS::SSM::Parameter::Value<String>`: CloudFormation takes its latest value at every update
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/systems-manager-parameter-types.html).
"""

import re

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import ASLEEP, SLEEP_PARAMETER, Names

_ALARMS_OF_CAMPAIGNS = re.compile(r"(recommendation|reranking)-(campaign-|idle|stale|outdated)")
"""Alarms that ring where a campaign is not asked, or where no training reports: asleep, both are as they should be."""


def awake_condition(stack: cdk.Stack, names: Names) -> cdk.CfnCondition:
    """The stack's condition that its environment is awake."""
    asleep = cdk.CfnParameter(
        stack,
        SLEEP_PARAMETER,
        type="AWS::SSM::Parameter::Value<String>",
        default=names.asleep,
        description=f"Whether the environment sleeps: {ASLEEP}, or anything else",
    )
    return cdk.CfnCondition(
        stack,
        "Awake",
        expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(asleep.value_as_string, ASLEEP)),
    )


def only_awake(stack: cdk.Stack, awake: cdk.CfnCondition) -> None:
    """Keeps the stack's alarms on campaigns and models only while `awake` holds."""
    for construct in stack.node.find_all():
        if isinstance(construct, cloudwatch.CfnAlarm | cloudwatch.CfnCompositeAlarm) and _ALARMS_OF_CAMPAIGNS.match(
            construct.node.scope.node.id if construct.node.scope else ""
        ):
            construct.cfn_options.condition = awake
