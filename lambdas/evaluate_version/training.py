"""Whether a solution is worth training again."""

import math
from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.answers import first, text
from lambdas.evaluate_version.bounded import shortened
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import later

IN_PROGRESS = ("CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING")


def decide(event: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """`{"train": bool, "reasons": [...], "warnings": [text], "deadline": time}` for one solution.

    `event`: `role`, `force`, `now`, `solutionArn`, `latest` (`automatic` of the solution; `arn`, `status` and `created`
    of its latest version, each a list that may be empty) and `events`: `{"sums": [...]}` of the metric EventsAccepted
    since the last training, or the error that CloudWatch gave instead. A reason is
    `{"rule", "value", "limit", "passed", "text"}`; `passed` says that it speaks for training. What is not known speaks
    for training: a training too many costs less than models that never learn again.
    """
    latest, warnings = event["latest"], []
    if first(latest["automatic"]) is True:
        warnings.append(
            f"{event['solutionArn']} still trains itself: its versions are billed, and judged only when a run finds"
            " them. deploy.sh turns that off; run it."
        )
    status = text(latest["status"])
    if status in IN_PROGRESS:
        warnings.append(
            f"{text(latest['arn'])} is {status}: somebody else's training, or one of a run that was stopped. It is"
            " billed and nobody judges it."
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
    if text(latest["arn"]) is None:
        return True, _because("first training", "the solution has never been trained")
    status = text(latest["status"])
    if status != "ACTIVE":
        return True, _because("last training", f"the last training ended, or stands, as {status}")
    since = text(latest["created"])
    sums = event["events"].get("sums")
    if sums is None or since is None:
        cause = shortened(
            event["events"].get("Cause", "no cause given" if since else "the last training has no date"), 1_000
        )
        return True, _because(
            "events unknown", f"the number of new events could not be read ({cause}), so training was not skipped"
        )
    count = int(sum(value for value in sums if isinstance(value, int | float) and math.isfinite(value)))
    enough = count >= limits.min_new_events
    told = f"{count:,} new events since {since}; minNewEvents is {limits.min_new_events:,}"
    return enough, _because("new events", told, value=count, limit=limits.min_new_events, passed=enough)


def _because(
    rule: str, text: str, *, value: float | None = None, limit: float | None = None, passed: bool = True
) -> dict[str, Any]:
    return {"rule": rule, "value": value, "limit": limit, "passed": passed, "text": text}
