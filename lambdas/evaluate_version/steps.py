"""What a run does with a solution once it knows what serves: the one place where the ways of a promotion part.

| step | when |
| --- | --- |
| `wait` | an update of the campaign is under way that this run did not ask for |
| `update campaign` | the version passed the gate, and there is a campaign |
| `write ledger` | the version passed the gate, and there is no campaign yet |
| `ask` | the canary: it was asked for, or the campaign serves what the ledger does not say (an interrupted promotion) |
| `reject` | the version was held back: so that it is not judged again by every run |
| `leave` | all else |
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambdas.evaluate_version.answers import first, text
from lambdas.evaluate_version.gate import judge
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import later, moment_of

_UNDER_WAY = ("CREATE PENDING", "CREATE IN_PROGRESS")
_CAN_BE_UPDATED = ("ACTIVE", "CREATE FAILED")
"""https://docs.aws.amazon.com/personalize/latest/dg/API_UpdateCampaign.html"""


def next_step(event: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The step, the version that it is about, what the campaign gets back when it fails, and the story so far.

    `event`: `role`, `now`, `trained` and `baseline` (what came of the trainings), `production` (`version`, and answers
    about it), `campaign`, `ledger` and `judged` (answers), and `waitUntil`, which the answer before this one gave.
    Gives `{"step", "outcome", "version", "putBack", "reasons", "warnings", "failure", "waitUntil", "updateDeadline",
    "rollbackDeadline"}`; `putBack` is a version, `none` where there was no earlier one, `nothing` where the step
    changes nothing that could be put back.
    """
    trained, campaign = event["trained"], event["campaign"]
    status, served = text(campaign["status"]), event["production"]["version"]
    wait_until = later(event["now"], limits.update_seconds) if event["waitUntil"] == "none" else event["waitUntil"]
    answer: dict[str, Any] = {
        "step": "leave",
        "outcome": trained["outcome"],
        "version": served,
        "putBack": "nothing",
        "reasons": [],
        "warnings": [],
        "failure": {},
        "waitUntil": wait_until,
        "updateDeadline": later(event["now"], limits.update_seconds),
        "rollbackDeadline": later(event["now"], 2 * limits.update_seconds),
    }
    under_way = status == "ACTIVE" and text(campaign["updateStatus"]) in _UNDER_WAY
    if under_way and _is_before(event["now"], wait_until):
        return answer | {"step": "wait"}
    if _is_to_be_judged(event):
        answer |= _judged(event, limits, status, under_way=under_way)
    elif trained["outcome"] == "canary" and status == "ACTIVE":
        answer |= {"step": "ask"}
    if answer["step"] in ("leave", "reject", "ask") and status == "ACTIVE" and not under_way:
        answer |= _settling(event, answer)
    return answer


def _is_before(now: str, deadline: str) -> bool:
    moment, end = moment_of(now), moment_of(deadline)
    return moment is not None and end is not None and moment < end


def _is_to_be_judged(event: Mapping[str, Any]) -> bool:
    """What this run trained; else a version that is there and that no run has judged, whoever made it.

    A version was judged when it serves, or when a run noted it. A note follows each ledger that a run writes with a
    judgement. Where the ledger is newer than the note, a person went back to an earlier version, or the ledger followed
    a person who did so in the campaign: then only what was made later is judged, so that no run takes that back.
    """
    trained, served = event["trained"], event["production"]["version"]
    version = trained["version"]
    if trained["outcome"] == "trained":
        return True
    if trained["outcome"] != "skipped" or version == "none" or version == served:
        return False
    if served == "none":
        return True
    made, decided = moment_of(trained["created"]), moment_of(first(event["ledger"]["since"]))
    if "unreadable" in event["judged"] or made is None or decided is None:
        return False
    if version in (text(event["ledger"]["version"]), text(event["judged"]["version"])):
        return False
    return made > decided or _is_newer_than_what_runs_chose(made, decided, event)


def _is_newer_than_what_runs_chose(made: datetime, decided: datetime, event: Mapping[str, Any]) -> bool:
    """Whether a run wrote the ledger last, for a version that was made before this one.

    So it is when an older run was redriven, or was slower, and promoted its version after this one was made.
    """
    noted = moment_of(first(event["judged"].get("since")))
    production = moment_of(text(event["production"]["look"]["created"]))
    return noted is not None and noted >= decided and production is not None and made > production


def _judged(event: Mapping[str, Any], limits: Limits, status: str | None, *, under_way: bool) -> dict[str, Any]:
    trained, production = event["trained"], event["production"]
    verdict = judge(
        {
            "candidate": trained,
            "production": {
                "version": production["version"],
                "created": text(production["look"]["created"]),
                "metrics": {name: first(values) for name, values in production["metrics"].items()},
                "gone": "gone" in production,
            },
            "baseline": event["baseline"],
        },
        limits,
    )
    about = {"version": trained["version"], "reasons": verdict["reasons"]}
    if not verdict["promote"]:
        return about | {"step": "reject", "outcome": "held back"}
    if status == "NONE":
        return about | {"step": "write ledger", "outcome": "promoted", "putBack": production["version"]}
    if status in _CAN_BE_UPDATED and not under_way:
        return about | {"step": "update campaign", "outcome": "promoted", "putBack": production["version"]}
    update = {"Status": text(event["campaign"]["updateStatus"])}
    detail = {"Status": status} | ({"LatestCampaignUpdate": update} if under_way else {})
    return about | {"outcome": "failed", "failure": {"step": "campaign unusable", "detail": detail}}


def _settling(event: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign serves what the ledger does not say: the rest of a promotion that was interrupted is done now."""
    served, ledger = text(event["campaign"]["version"]), text(event["ledger"]["version"])
    if served is None or served == ledger:
        return {}
    warning = (
        f"the campaign served {served}, but the ledger said {ledger}: a promotion was interrupted, or somebody updated"
        " the campaign. What serves was asked, and the ledger follows it, unless a failure is told here"
    )
    return {"step": "ask", "version": served, "putBack": ledger, "warnings": [*answer["warnings"], warning]}
