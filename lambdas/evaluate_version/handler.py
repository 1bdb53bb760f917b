"""The gate of the training state machine: what its language cannot calculate, as pure functions of its data."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Tracer

from lambdas.evaluate_version.conclusions import conclude_promotion, conclude_training
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.popular import popular_list
from lambdas.evaluate_version.report import report
from lambdas.evaluate_version.steps import next_step
from lambdas.evaluate_version.training import decide

TASKS: Mapping[str, Callable[[Mapping[str, Any], Limits], dict[str, Any]]] = {
    "decide": decide,
    "conclude training": conclude_training,
    "judge": next_step,
    "popular": popular_list,
    "conclude promotion": conclude_promotion,
    "report": report,
}

logger = Logger()
tracer = Tracer(auto_patch=False)
limits = Limits.from_environment(os.environ)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answers the task that `event["task"]` names; `TASKS` says what each takes and gives. Calls no service."""
    answer = TASKS[event["task"]](event, limits)
    logger.info("answered", extra={"task": event["task"], "role": event.get("role"), "reasons": answer.get("reasons")})
    return answer
