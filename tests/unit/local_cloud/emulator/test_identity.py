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


def let_events_publish(monkeypatch, topic: str, **condition: Any) -> None:
    from ministack.services import sns

    let = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    statement = {**let, "Resource": topic, **condition}
    attributes = {"Policy": json.dumps({"Statement": [statement]})}
    monkeypatch.setitem(sns._topics, topic, {"arn": topic, "attributes": attributes})


def test_a_rule_tells_only_a_topic_that_lets_it(emulator, name, monkeypatch) -> None:
    """By the topic's own policy. EventBridge says nothing of the rule: a condition on it shuts all rules out, as on AWS."""
    from ministack.services import eventbridge

    told: list[str] = []
    monkeypatch.setattr(eventbridge, "_dispatch_to_sns", lambda arn, payload: told.append(arn))
    open_topic, held = (f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}-{which}" for which in ("open", "held"))
    let_events_publish(monkeypatch, open_topic)
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/rule"
    let_events_publish(monkeypatch, held, Condition={"ArnEquals": {"aws:SourceArn": rule}})
    event = {
        "EventId": "e", "Source": "any", "DetailType": "any", "Detail": "{}", "Time": 0, "Resources": [],
        "Account": ACCOUNT, "Region": "us-east-1",
    }  # fmt: skip
    for topic in (held, f"{open_topic}-none", open_topic):
        eventbridge._invoke_target({"Arn": topic}, event, {"Name": "rule"})
    assert [open_topic] == told


@pytest.mark.parametrize(
    ("service", "admitted"),
    [("states", True), ("scheduler", True), ("personalize", True), ("lambda", False), ("firehose", False)],
)
def test_a_trust_policy_asks_for_no_more_than_the_service_says(emulator, name, service, admitted) -> None:
    """A condition that AWS documents for the service holds it; one that it does not document shuts the service out."""
    from ministack.core import iam_evaluator
    from ministack.services import iam, stepfunctions

    from local_cloud.emulator.identity import Authorizer, _sources
    from local_cloud.identity.principals import RoleSession

    arn = make_role(name, service, [])
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}"
    stepfunctions._state_machines[machine] = {"roleArn": arn}
    session = RoleSession(service, name)
    judge = Authorizer(iam_evaluator, log=None)  # type: ignore[arg-type]
    found = [judge._trusts(iam._roles[name], session, source) for source in _sources(iam._roles[name], session)]
    assert [admitted] == found
