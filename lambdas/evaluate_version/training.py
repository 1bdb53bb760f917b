"""Whether a solution is worth training again."""

from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import later

_IN_PROGRESS = ("CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING")


def decide(event: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """`{"train": bool, "reasons": [...], "warnings": [text], "deadline": time}` for one solution.

    `event`: `role`, `force`, `now`, `solution` (of DescribeSolution) and `events`: `{"datapoints": [{"Sum"}]}` of the
    metric EventsAccepted since the last training, or the error that CloudWatch gave instead. A reason is
    `{"rule", "value", "limit", "passed", "text"}`; `passed` says that it speaks for training. What is not known speaks
    for training: a training too many costs less than models that never learn again.
    """
    solution, warnings = event["solution"], []
    if solution.get("PerformAutoTraining") is True:
        warnings.append(
            f"{solution['SolutionArn']} still trains itself: its versions are billed and never judged. deploy.sh turns"
            " that off; run it."
        )
    latest = solution.get("LatestSolutionVersion") or {}
    if latest.get("Status") in _IN_PROGRESS:
        warnings.append(
            f"{latest['SolutionVersionArn']} is {latest['Status']}: somebody else's training, or one of a run that was"
            " stopped. It is billed and nobody judges it."
        )
    train, reason = _reason(event, latest, limits)
    if reason["rule"] == "events unknown":
        warnings.append(reason["text"])
    return {
        "train": train,
        "reasons": [reason],
        "warnings": warnings,
        "deadline": later(event["now"], limits.training_seconds),
    }


def _reason(event: Mapping[str, Any], latest: Mapping[str, Any], limits: Limits) -> tuple[bool, dict[str, Any]]:
    if event["force"] is True:
        return True, _because("forced", "training was asked for whatever the number of new events")
    if not latest:
        return True, _because("first training", "the solution has never been trained")
    if latest.get("Status") != "ACTIVE":
        return True, _because("last training", f"the last training ended, or stands, as {latest.get('Status')}")
    since = latest.get("CreationDateTime", "the last training")
    if "datapoints" not in event["events"]:
        cause = event["events"].get("Cause", "no cause given")
        return True, _because(
            "events unknown", f"the number of new events could not be read ({cause}), so training was not skipped"
        )
    count = int(sum(point["Sum"] for point in event["events"]["datapoints"]))
    enough = count >= limits.min_new_events
    text = f"{count:,} new events since {since}; minNewEvents is {limits.min_new_events:,}"
    return enough, _because("new events", text, value=count, limit=limits.min_new_events, passed=enough)


def _because(
    rule: str, text: str, *, value: float | None = None, limit: float | None = None, passed: bool = True
) -> dict[str, Any]:
    return {"rule": rule, "value": value, "limit": limit, "passed": passed, "text": text}
