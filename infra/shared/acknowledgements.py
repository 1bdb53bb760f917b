"""How a finding of the security checks is acknowledged: on the construct it concerns, with the reason beside it."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledge each finding (`rule id -> reason`) for `construct` and what it holds.

    Wildcard findings are named one by one, `AwsSolutions-IAM5[Resource::*]`, so that a new one is never covered.
    """
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=finding, reason=reason) for finding, reason in findings.items())
    )
