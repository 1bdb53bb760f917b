"""The table of docs/operate/security.md against the templates."""

import re
from collections.abc import Iterator
from typing import Any

from tests.infra.security_page import justified, purpose
from tests.infra.synthesis import ROOT, Synthesis, as_list

_CONDITION_ROW = re.compile(
    r"^\| `(?P<policy>(?:role|bucket|topic|key)[a-z -]*)` \| `(?P<service>[a-z0-9.]+)` \| (?P<conditions>[^|]+) \| (?P<source>[^|]+) \|$",
    re.M,
)


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


def _policies(synthesis: Synthesis) -> Iterator[tuple[str, Any]]:
    """(how the page calls it, its document) of each policy that admits services."""
    for stack in synthesis.templates:
        for role in synthesis.resources(stack, "AWS::IAM::Role").values():
            yield f"role {purpose(role['RoleName'])}", role["AssumeRolePolicyDocument"]
        for policy in synthesis.resources(stack, "AWS::SNS::TopicPolicy").values():
            yield "topic", policy["PolicyDocument"]
        for key in synthesis.resources(stack, "AWS::KMS::Key").values():
            yield {"data": "key of the data", "training": "key of the topic"}[stack], key["KeyPolicy"]
        buckets = {id_: b["BucketName"] for id_, b in synthesis.resources(stack, "AWS::S3::Bucket").items()}
        for policy in synthesis.resources(stack, "AWS::S3::BucketPolicy").values():
            name = buckets[policy["Bucket"]["Ref"]].removeprefix("dev-recommender-").partition("-1234")[0]
            yield f"bucket {name}", policy["PolicyDocument"]


def test_each_condition_on_a_service_has_its_source(dev: Synthesis) -> None:
    """The page has a row with a page of AWS's for each service that a policy admits, with the conditions that it sets."""
    found: dict[tuple[str, str], set[str]] = {}
    for policy, document in _policies(dev):
        for statement in document["Statement"]:
            principal = statement.get("Principal", {})
            services = as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
            for service in services if statement["Effect"] == "Allow" else []:
                name = re.sub(r"(\.us-east-1)?\.amazonaws\.com$", "", service)
                keys = {key for values in statement.get("Condition", {}).values() for key in values}
                found.setdefault((policy, name), set()).update(keys)
    rows: dict[tuple[str, str], set[str]] = {}
    last = ""
    for row in _CONDITION_ROW.finditer((ROOT / "docs" / "operate" / "security.md").read_text(encoding="utf-8")):
        said = row["conditions"].strip()
        rows[row["policy"], row["service"]] = set() if said == "none" else set(re.findall(r"`([^`]+)`", said))
        # "the same" stands below a row that has the page.
        last = row["source"] if "https://docs.aws.amazon.com/" in row["source"] else last
        assert last, row["source"]
        assert "https://" in row["source"] or row["source"].startswith("the same"), row["source"]
    assert rows == found
