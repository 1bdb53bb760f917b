"""Schedules that come due start what their role may start; what they cannot start is counted by their group."""

import json
import uuid
from typing import Any

import pytest

ACCOUNT = "000000000000"


@pytest.fixture
def group(emulator: Any) -> str:
    """A schedule group of its own."""
    from ministack.services import scheduler

    name = f"g{uuid.uuid4().hex[:8]}"
    scheduler._create_schedule_group(name, {})
    return name


def _role(name: str, *actions: str) -> str:
    from ministack.services import iam

    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust |= {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
    statements = [{"Effect": "Allow", "Action": action, "Resource": "*"} for action in actions]
    iam._roles[name] = {
        "RoleName": name,
        "Arn": arn,
        "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
        "InlinePolicies": {"own": json.dumps({"Statement": statements})},
        "AttachedPolicies": [],
    }
    return arn


def _due(group: str, role: str, machine: str) -> None:
    """Makes a schedule that is due, and lets the scheduler look."""
    from ministack.services import scheduler

    body = {
        "GroupName": group,
        "ScheduleExpression": "at(2026-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": machine, "RoleArn": role, "Input": "{}"},
    }
    assert 200 == scheduler._create_schedule(uuid.uuid4().hex, body)[0]
    scheduler._tick_schedules()


def _counted(group: str) -> dict[str, float]:
    from ministack.services import cloudwatch

    metrics = ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount")
    keys = {metric: ("AWS/Scheduler", metric, cloudwatch._dims_key({"ScheduleGroup": group})) for metric in metrics}
    return {metric: float(sum(p["Value"] for p in cloudwatch._metrics.get(key) or ())) for metric, key in keys.items()}


@pytest.mark.parametrize(
    ("actions", "stands", "failed"),
    [(("states:StartExecution",), True, 0.0), ((), True, 1.0), (("states:StartExecution",), False, 1.0)],
)
def test_what_a_schedule_cannot_start_is_counted(
    group: str, monkeypatch: pytest.MonkeyPatch, actions: tuple[str, ...], stands: bool, failed: float
) -> None:
    """A role without the right, or a state machine that is gone; a start that succeeds is an attempt and no more."""
    from ministack.services import stepfunctions

    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{group}"
    if stands:
        monkeypatch.setitem(stepfunctions._state_machines, machine, {"roleArn": "", "stateMachineArn": machine})
    _due(group, _role(group, *actions), machine)
    expected = {"InvocationAttemptCount": 1.0, "TargetErrorCount": failed, "InvocationDroppedCount": failed}
    assert expected == _counted(group)
