"""The table of docs/security.md against the templates."""

from tests.infra.security_page import justified, purpose
from tests.infra.synthesis import Synthesis, as_list


def test_every_right_of_the_page_is_granted(dev: Synthesis) -> None:
    """A right that was removed leaves the page too."""
    granted = {
        (purpose(role["RoleName"]), action)
        for stack in dev.templates
        for role in dev.resources(stack, "AWS::IAM::Role").values()
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
    }
    (key,) = dev.resources("data", "AWS::IAM::Policy").values()
    granted |= {("personalize", action) for s in key["PolicyDocument"]["Statement"] for action in as_list(s["Action"])}
    assert len(justified()) > 40
    assert set() == justified() - granted
