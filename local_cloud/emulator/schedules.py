"""Schedules act as their role; what they cannot start is counted (`AWS/Scheduler`, by the schedule's group).

A start that was refused is not tried again here, so that it counts as dropped at once:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
"""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from local_cloud.identity.principals import role_session

logger = logging.getLogger("emulator")


def install(refusal: Callable[..., Any]) -> None:
    """Lets schedules be judged and counted. `refusal` is an authorizer's: why a session may not do what it asks."""
    from ministack.services import cloudwatch, eventbridge, iam, stepfunctions

    invoke: Callable[..., Any] = eventbridge._invoke_target
    start: Callable[[str, Any], Any] = eventbridge._dispatch_to_stepfunctions
    group: ContextVar[str | None] = ContextVar("schedule_group", default=None)

    def count(*metrics: str) -> None:
        if (name := group.get()) is not None:
            for metric in metrics:
                cloudwatch.record_metric("AWS/Scheduler", metric, 1, "Count", {"ScheduleGroup": name})

    def dispatch_to_stepfunctions(arn: str, payload: Any) -> Any:
        if stepfunctions._state_machines.get(arn) is None:
            count("TargetErrorCount", "InvocationDroppedCount")
        return start(arn, payload)

    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> Any:
        arn, session = target.get("Arn", ""), role_session(target.get("RoleArn", ""), "scheduler")
        if event.get("Source") != "aws.scheduler":
            return invoke(target, event, rule, view)
        token = group.set(str(rule.get("GroupName", "default")))
        try:
            count("InvocationAttemptCount")
            if session.role in iam._roles and arn.split(":")[2:3] == ["states"]:
                refused = refusal(session, "states:StartExecution", arn)
                if refused is not None:
                    logger.warning("schedule %s: %s", rule.get("Name"), refused.message)
                    count("TargetErrorCount", "InvocationDroppedCount")
                    return None
            return invoke(target, event, rule, view)
        finally:
            group.reset(token)

    eventbridge._dispatch_to_stepfunctions = dispatch_to_stepfunctions
    eventbridge._invoke_target = invoke_target
