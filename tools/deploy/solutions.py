"""The settings of solutions that CloudFormation has no property for: automatic training and event weights.

A solution that CloudFormation makes trains itself every seven days, is billed for it, and nobody judges the result
(the API's default for `performAutoTraining` is true); so it is turned off as soon as the solution stands.
https://docs.aws.amazon.com/personalize/latest/dg/solution-config-auto-training.html
"""

from collections.abc import Mapping
from typing import Any

from tools.deploy.base.errors import DeployError
from tools.deploy.base.waiting import poll
from tools.environment.connection import Connection

_PATIENCE_SECONDS = 3600


def configure_solutions(connection: Connection, generation: int) -> int:
    """Brings the generation's solutions to the config's event weights, without automatic training.

    Returns how many had to be changed. Event weights exist for the v2 recipes only.
    """
    settings, names = connection.settings, connection.settings.names
    recipes = {"recommendation": settings.recipes.recommendation, "reranking": settings.recipes.reranking}
    changed = 0
    for role in settings.roles:
        weights = settings.event_weights if recipes[role].endswith("-v2") else None
        changed += _configure(connection, names.solution_arn(role, generation), weights)
    if settings.popularity_baseline:
        arn = names.personalize_arn(f"solution/{names.baseline_solution(generation)}")
        changed += _configure(connection, arn, None)
    return changed


def _configure(connection: Connection, arn: str, weights: Mapping[str, float] | None) -> bool:
    personalize = connection.client("personalize")
    solution = _settled(connection, arn)
    if not solution.get("performAutoTraining", True) and _weights(solution) == (weights or _weights(solution)):
        return False
    update: dict[str, Any] = {"solutionArn": arn, "performAutoTraining": False}
    if weights is not None:
        events = [{"eventType": event, "weight": weight} for event, weight in weights.items()]
        update["solutionUpdateConfig"] = {"eventsConfig": {"eventParametersList": events}}
    personalize.update_solution(**update)
    updated = _settled(connection, arn).get("latestSolutionUpdate", {})
    if updated.get("status") == "CREATE FAILED":
        raise DeployError(f"{arn} could not be updated: {updated.get('failureReason', 'no reason given')}")
    return True


def _settled(connection: Connection, arn: str) -> dict[str, Any]:
    """The solution, once it and its latest update are no longer in progress."""
    personalize = connection.client("personalize")
    seen: list[dict[str, Any]] = []

    def at_rest() -> bool:
        seen[:] = [personalize.describe_solution(solutionArn=arn)["solution"]]
        statuses = {seen[0]["status"], seen[0].get("latestSolutionUpdate", {}).get("status")}
        return not statuses & {"CREATE PENDING", "CREATE IN_PROGRESS"}

    poll(
        at_rest,
        every_seconds=0.2 if connection.is_local else 5,
        for_seconds=_PATIENCE_SECONDS,
        otherwise=f"{arn} is still in progress after an hour",
    )
    return seen[0]


def _weights(solution: Mapping[str, Any]) -> dict[str, float]:
    """The event weights in force: those of the latest update that succeeded, else those of the solution's making."""
    latest = solution.get("latestSolutionUpdate", {})
    update = latest.get("solutionUpdateConfig", {}) if latest.get("status") != "CREATE FAILED" else {}
    config = update.get("eventsConfig") or solution.get("solutionConfig", {}).get("eventsConfig") or {}
    return {event["eventType"]: float(event["weight"]) for event in config.get("eventParametersList", [])}
