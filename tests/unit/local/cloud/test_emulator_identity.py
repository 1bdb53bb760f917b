"""Calls that are no requests, judged inside MiniStack: schedules, rules."""

import json
import uuid
from typing import Any

import pytest

ACCOUNT = "000000000000"


@pytest.fixture
def name() -> str:
    return f"i{uuid.uuid4().hex[:12]}"


@pytest.fixture
def started(emulator, monkeypatch) -> list[str]:
    """The state machines that were started."""
    from ministack.services import eventbridge

    found: list[str] = []
    monkeypatch.setattr(eventbridge, "_dispatch_to_stepfunctions", lambda arn, payload: found.append(arn))
    return found


def make_role(name: str, service: str, statements: list[dict[str, Any]]) -> str:
    from ministack.services import iam

    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    iam._roles[name] = {
        "RoleName": name,
        "Arn": arn,
        "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
        "InlinePolicies": {"own": json.dumps({"Statement": statements})},
        "AttachedPolicies": [],
    }
    return arn


def fire(machine: str, role: str) -> None:
    from ministack.services import eventbridge

    event = {
        "EventId": "e", "Source": "aws.scheduler", "DetailType": "Scheduled Event", "Detail": "{}", "Time": 0,
        "Resources": [], "Account": ACCOUNT, "Region": "us-east-1",
    }  # fmt: skip
    eventbridge._invoke_target({"Arn": machine, "RoleArn": role, "Input": "{}"}, event, {"Name": "schedule"})


def test_a_schedule_starts_what_its_role_may_start(started, name) -> None:
    """And nothing else; a role that trusts another service starts nothing, one that was never made is not judged."""
    own, other = (f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}-{which}" for which in ("own", "other"))
    allow = [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": own}]
    role = make_role(name, "scheduler", allow)
    stranger = make_role(f"{name}-stranger", "lambda", allow)
    for machine, acting in ((own, role), (other, role), (own, stranger), (other, f"arn:aws:iam::{ACCOUNT}:role/none")):
        fire(machine, acting)
    assert [own, other] == started


def test_a_rule_tells_only_a_topic_that_lets_it(emulator, name, monkeypatch) -> None:
    """By the topic's own policy, with the rule as its source."""
    from ministack.services import eventbridge, sns

    told: list[str] = []
    monkeypatch.setattr(eventbridge, "_dispatch_to_sns", lambda arn, payload: told.append(arn))
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    let = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/allowed"}},
    }
    monkeypatch.setitem(sns._topics, topic, {"arn": topic, "attributes": {"Policy": json.dumps({"Statement": [let]})}})
    event = {
        "EventId": "e", "Source": "any", "DetailType": "any", "Detail": "{}", "Time": 0, "Resources": [],
        "Account": ACCOUNT, "Region": "us-east-1",
    }  # fmt: skip
    for rule in ("other", "allowed"):
        eventbridge._invoke_target({"Arn": topic}, event, {"Name": rule})
    assert [topic] == told
