"""Policies against AWS's service authorization reference (as Policy Sentry's pinned copy has it), right by right."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from tests.infra.synthesis import Synthesis, as_list

VARIANTS = ("dev", "prod", "with_first_recipes", "in_vpc")

WILDCARD_ACTIONS = {
    "kms:*": "the account's own administration of its key: "
    "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
}
"""In allowing statements."""

NETWORK = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"
WIDER_THAN_THE_REFERENCE = {
    # What Lambda asks for; it makes the interfaces before anybody knows their names.
    **dict.fromkeys(
        (
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ),
        NETWORK,
    ),
    # Step Functions asks for it so: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    "logs:DescribeLogGroups": "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
}
"""Actions on `*` that the reference gives a resource type: what asks for them."""

BESIDE_THE_REFERENCE = {
    ("personalize:GetRecommendations", "filter"): "the reference names the campaign alone; whether the filter of a"
    " request is judged as well is not documented",
    ("personalize:UpdateCampaign", "solution"): "newer editions of the reference name the solution too",
}
"""(action, resource type) that this edition does not pair, and why it is granted."""


@cache
def formats(action: str) -> frozenset[str]:
    """The ARN formats of the resource types of an action, `*` where it has none; empty for an unknown action."""
    service, _, name = action.partition(":")
    data = get_action_data(service, name)
    return frozenset(row["resource_arn_format"] for row in data[service]) if data else frozenset()


@cache
def condition_keys(action: str) -> frozenset[str]:
    service, _, name = action.partition(":")
    return frozenset(key for row in get_action_data(service, name)[service] for key in row["condition_keys"])


def matches(arn: str, arn_format: str) -> bool:
    """Whether an ARN, or a pattern of ARNs, is of a resource type."""
    pattern = ".+".join(re.escape(part) for part in re.split(r"\$\{.*?\}", arn_format))
    return re.fullmatch(pattern, arn) is not None


def identity_statements(synthesis: Synthesis) -> Iterator[tuple[str, Any]]:
    return ((where, statement) for where, statement in synthesis.statements() if "Principal" not in statement)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Synthesis:
    """Each shape of the app that has rights of its own."""
    synthesis: Synthesis = request.getfixturevalue(request.param)
    return synthesis


def test_every_action_is_one_that_the_reference_knows(variant: Synthesis) -> None:
    """A misspelt action grants nothing, and no deployment says so."""
    actions = {action for _, statement in variant.statements() for action in as_list(statement["Action"])}
    assert len(actions) > 40
    assert set() == {
        action for action in actions if "*" not in action and action != "sts:AssumeRole" and not formats(action)
    }


def test_wildcard_actions_are_listed(variant: Synthesis) -> None:
    """No allowing statement names `s3:*`, `s3:GetObject*` or the like, resource policies included."""
    found = {
        action
        for _, statement in variant.statements()
        for action in as_list(statement["Action"])
        if "*" in action and statement["Effect"] == "Allow"
    }
    assert set(WILDCARD_ACTIONS) == found
    assert [] == [
        statement for _, statement in variant.statements() if "NotAction" in statement or "NotResource" in statement
    ]


def test_everything_is_the_resource_only_where_the_reference_has_no_type(variant: Synthesis) -> None:
    """Or where the service that needs the right asks for it so."""
    anywhere = {
        action
        for _, statement in identity_statements(variant)
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    assert "personalize:PutEvents" in anywhere
    assert set() == {action for action in anywhere if formats(action) != {"*"}} - set(WIDER_THAN_THE_REFERENCE)


def test_named_resources_are_of_a_type_that_the_action_takes(variant: Synthesis) -> None:
    """An action on another kind of resource could never be allowed; ARNs that only a deployment knows are left out."""
    mistaken = set()
    for _, statement in identity_statements(variant):
        for resource in (one for one in as_list(statement["Resource"]) if isinstance(one, str) and one != "*"):
            kind = resource.split(":", 5)[5].partition("/")[0]
            for action in as_list(statement["Action"]):
                if not any(matches(resource, one) for one in formats(action)):
                    mistaken.add((action, kind))
    assert set() == mistaken - set(BESIDE_THE_REFERENCE)


def test_conditions_compare_what_the_action_has(variant: Synthesis) -> None:
    """A key that a request never carries makes an allowing statement grant nothing."""
    unknown = {
        (action, key)
        for _, statement in identity_statements(variant)
        for keys in statement.get("Condition", {}).values()
        for key in keys
        for action in as_list(statement["Action"])
        if not key.startswith("aws:") and key.lower() not in {known.lower() for known in condition_keys(action)}
    }
    assert set() == unknown
