"""The story of a training run: one message, the metrics, and the record that is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.evaluate_version.bounded import bounded, shortened
from lambdas.evaluate_version.failures import explain
from lambdas.evaluate_version.gate import COVERAGE, NDCG
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import days_between

FAILED = "AnimalRecommender.SolutionFailed"
"""The error of a run in which a solution failed; its first word marks runs that have told their story themselves."""

_LONGEST_SUBJECT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_MESSAGE = 30_000
"""Bytes. SNS takes 262,144, the cause of a Fail state 32,768 characters; a lost record or metric adds a sentence."""
_ORDER = ("failed", "promoted", "held back", "canary", "skipped", "no campaign")
_METRICS = ((NDCG, "NormalizedDiscountedCumulativeGainAt5"), (COVERAGE, "Coverage"))
_WORDS = {"canary": "answers", "skipped": "not trained", "no campaign": "has no campaign yet"}


def report(event: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """`{"subject", "message", "ends", "error", "output", "record", "metricData"}` of a run.

    `event`: `execution`, `startedAt`, `now`, `request` and `input` (what was understood of it, and all of it), and
    `results`, what came of each solution. `ends` is `failed` where a solution failed, else `well`. `output` is what
    the execution ends with: `{"outcome", "solutions": [{"role", "decision", "version", "reasons", "metrics",
    "warnings", "failure"}]}`.
    """
    results = [result for result in event["results"] if result["outcome"] != "off"]
    solutions = [bounded(_solution(result)) for result in results]
    decisions = {solution["decision"] for solution in solutions}
    outcome = next((name for name in _ORDER if name in decisions), "skipped")
    output = {"outcome": outcome, "solutions": solutions}
    request = {**event["request"], "trigger": shortened(str(event["input"].get("trigger", "manual")), 200)}
    head = (
        f"Run {event['execution']} of environment {limits.environment}"
        f" (task: {request['task']}, trigger: {request['trigger']}), {event['startedAt']} to {event['now']}"
    )
    stories = [_story(solution) for solution in solutions]
    return {
        "subject": _subject(limits.environment, request["task"], solutions),
        "message": shortened("\n\n".join([head, *stories]), _LONGEST_MESSAGE),
        "ends": "failed" if outcome == "failed" else "well",
        "error": FAILED,
        "output": output,
        "record": {
            "execution": event["execution"],
            "startedAt": event["startedAt"],
            "endedAt": event["now"],
            "request": request,
            **output,
        },
        "metricData": _metric_data(results, limits.environment, event["now"]),
    }


def _solution(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "role": result["solution"]["role"],
        "decision": _decision(result),
        "version": result["version"],
        "production": result["production"]["version"],
        "reasons": _reasons(result),
        "metrics": result["metrics"],
        "warnings": [*result["warnings"], *_drift(result), *_popular(result)],
        "failure": explain(result),
    }


def _decision(result: Mapping[str, Any]) -> str:
    unasked = result["outcome"] == "canary" and result.get("campaign") == "NONE"
    return "no campaign" if unasked else str(result["outcome"])


def _reasons(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Why it was trained or not, then what the gate found, each once."""
    found: list[Mapping[str, Any]] = []
    for reason in (*result["decision"], *result["reasons"]):
        if reason not in found:
            found.append(reason)
    return found


def _drift(result: Mapping[str, Any]) -> list[str]:
    """The campaign serves what the ledger does not say, and this run could not bring them together."""
    ledger, served = result["ledger"].get("version"), result["production"]["version"]
    if result["outcome"] in ("promoted", "failed") or result.get("campaign") != "ACTIVE" or ledger == served:
        return []
    return [f"the campaign serves {served}, but the ledger says {ledger}: the next run brings them together"]


def _popular(result: Mapping[str, Any]) -> list[str]:
    if "Error" not in result["popular"]:
        return []
    error = result["popular"]
    return [f"the popular list was not renewed, an older one stands in ({error['Error']}: {error.get('Cause', '')})"]


def _subject(environment: str, task: str, solutions: Sequence[Mapping[str, Any]]) -> str:
    """Plain ASCII of at most 100 characters."""
    what = "Canary" if task == "canary" else "Training"
    told = ", ".join(f"{s['role']} {_WORDS.get(s['decision'], s['decision'])}" for s in solutions)
    return f"[{environment}] {what}: {told}"[:_LONGEST_SUBJECT]


def _story(solution: Mapping[str, Any]) -> str:
    failure = solution["failure"]
    lines = [f"{solution['role'].upper()}: {_WORDS.get(solution['decision'], solution['decision'])}"]
    if solution["version"] != "none":
        lines.append(f"  version: {solution['version']}")
    if solution["decision"] == "promoted" and solution["production"] != "none":
        lines.append(f"  before: {solution['production']}")
    lines += [f"  {'+' if reason['passed'] else '-'} {reason['text']}" for reason in solution["reasons"]]
    if failure:
        lines.append(f"  failed at: {failure['step']}. {failure['text']}")
        lines += [f"  {failure['campaign']}"] if failure["campaign"] else []
        lines.append(f"  what to do: {failure['advice']}")
    if solution["decision"] == "held back":
        advice = "nothing, what served before serves on. See docs/operate/operations.md if it goes on."
        lines.append(f"  what to do: {advice}")
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in solution["warnings"])])


def _metric_data(results: Sequence[Mapping[str, Any]], environment: str, now: str) -> list[dict[str, Any]]:
    """MetricData of PutMetricData: days since the last promotion for every role, and what was measured anew."""
    data: list[dict[str, Any]] = []
    for result in results:
        role = result["solution"]["role"]
        if "since" in result["ledger"]:
            days = days_between(result["ledger"]["since"], now)
            data.append(_datum("DaysSincePromotion", days, environment=environment, role=role))
        if result["outcome"] not in ("skipped", "canary"):
            for key, name in _METRICS:
                if isinstance(result["metrics"].get(key), int | float):
                    data.append(_datum(name, float(result["metrics"][key]), environment=environment, role=role))
    return data


def _datum(name: str, value: float, **dimensions: str) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Value": value,
        "Unit": "None",
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
    }
