"""Which of their rights the roles of a running local cloud have used, and what they were refused."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.identity.decisions import Decision

_TOOLKIT = "cdk-"
"""What the names of the roles begin with that `cdk bootstrap` makes."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One action on one resource pattern that a role's own policies allow."""

    role: str
    action: str
    resource: str
    condition: str = ""
    """The condition's operators and keys, e.g. `StringEquals cloudwatch:namespace`."""


def rights_of(role: str, policy: Mapping[str, Any]) -> Iterator[Right]:
    """What a policy document allows a role; denials grant nothing."""
    for statement in _many(policy["Statement"]):
        if statement["Effect"] == "Allow":
            condition = ", ".join(
                f"{operator} {key}" for operator, keys in statement.get("Condition", {}).items() for key in keys
            )
            for action in _many(statement["Action"]):
                for resource in _many(statement["Resource"]):
                    yield Right(role, str(action), str(resource), condition)


def granted(iam: Any) -> list[Right]:
    """The rights that a boto3 IAM client reads in the roles' inline policies, in order; not the CDK toolkit's."""
    found: set[Right] = set()
    roles = [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    for role in (name for name in roles if not name.startswith(_TOOLKIT)):
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            found.update(rights_of(role, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]))
    return sorted(found)


def used(rights: Iterable[Right], decisions: Iterable[Decision]) -> dict[Right, bool]:
    """Whether a call of the run needed each right."""
    exercised = {(one.role, one.action, one.granted_by) for one in decisions if one.allowed}
    return {
        right: any(
            role == right.role
            and pattern == right.resource
            and fnmatch.fnmatchcase(action.lower(), right.action.lower())
            for role, action, pattern in exercised
        )
        for right in rights
    }


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
