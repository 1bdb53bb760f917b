"""The stories of a run, each from all that its states left behind: what came of a training, and of a promotion.

A state that fails leaves its error under its name in `failed`; these names are what `failures.STEPS` translates. An
update that was refused leaves its error as `refused`, and a promotion that was taken back leaves `back`.

Executions that began before a deploy ask with what their definition left behind: in those of before the definition was
written in YAML, `failed.updateCampaign` says whether the campaign is unchanged, and `back` always says what it is.
`tests/statemachines/test_upgrade.py` holds the gate to both.
"""

from collections.abc import Mapping
from typing import Any

from lambdas.evaluate_version.answers import first, text
from lambdas.evaluate_version.bounded import bounded
from lambdas.evaluate_version.failures import STEPS
from lambdas.evaluate_version.limits import Limits
from lambdas.evaluate_version.moments import moment_of


def conclude_training(event: Mapping[str, Any], _limits: Limits) -> dict[str, Any]:
    """`{"solution", "outcome", "version", "created", "metrics", "reasons", "warnings", "failure"}`, bounded.

    `outcome` is `trained`, `skipped` (with the latest version, or `none`) or `failed`.
    """
    state = event["state"]
    metrics = {name: value for name, values in state["metrics"].items() if (value := first(values)) is not None}
    failure = _failure(state["failed"]) or _unfinished(state)
    created = state["state"] if state["version"]["outcome"] == "trained" else state["look"]
    outcome = "failed" if failure else "trained" if state["version"]["outcome"] == "trained" else "skipped"
    story: dict[str, Any] = {
        "solution": state["solution"],
        "outcome": outcome,
        "version": text(state["version"]["arn"]) or "none",
        "created": text(created["created"]) or "none",
        "metrics": metrics,
        "reasons": state["decision"]["reasons"],
        "warnings": state["decision"]["warnings"],
        "failure": failure,
    }
    return dict(bounded(story))


def _unfinished(state: Mapping[str, Any]) -> dict[str, Any]:
    """Why a version that was begun has no metrics, though no call failed for good; empty where nothing is amiss."""
    version, seen = state["version"], state["state"]
    if version["outcome"] != "trained" or state["metrics"]:
        return {}
    if text(version["arn"]) is None or (version["found"] and text(seen["name"]) != state["own"] and seen["status"]):
        return {"step": "create", "detail": state.get("error", {})}
    if "error" in seen:
        return {"step": "watch", "detail": seen["error"]}
    return {"step": "training", "detail": _described(seen["status"], seen["reason"])}


def conclude_promotion(event: Mapping[str, Any], _limits: Limits) -> dict[str, Any]:
    """What the report is made of, bounded: the members of a training's story, and what came of the promotion.

    Besides: `decision` (why it was trained), `ledger` and `production` (what they said, or say), `campaign` (its
    status), `campaignIs` and `ledgerIs` after a failure, and `popular`, the error of a list that could not be written.
    """
    state = event["state"]
    trained, judgement, look = state["trained"], state["judgement"], state["look"]
    own = _promotion_failure(state) or judgement.get("failure") or _silent(state)
    failure = own or trained["failure"]
    since = text(state["ledger"]["since"])
    ledger = {"version": text(state["ledger"]["version"]), "since": since if moment_of(since) else None}
    if "written" in state and not own:
        ledger = {"version": judgement["version"], "since": event["now"]}
    story: dict[str, Any] = {
        "solution": trained["solution"],
        "outcome": "failed" if failure else judgement.get("outcome", trained["outcome"]),
        "version": _version(trained, judgement, failed=bool(own)),
        "metrics": trained["metrics"],
        "decision": trained["reasons"],
        "reasons": judgement.get("reasons", []),
        "warnings": [*trained["warnings"], *judgement.get("warnings", []), *_unrecorded(state)],
        "failure": failure,
        "campaignIs": _campaign_is(state) if own else "",
        "ledgerIs": _ledger_is(state) if own else "",
        "ledger": {name: value for name, value in ledger.items() if value is not None},
        "production": {"version": _before(state) if own else state["production"]["version"]},
        "campaign": text(state["after"]["status"]) or text(look["status"]) or "",
        "popular": state["popular"],
    }
    return dict(bounded(story))


def _version(trained: Mapping[str, Any], judgement: Mapping[str, Any], *, failed: bool) -> str:
    """The version that the story is about."""
    is_about_what_serves = judgement.get("step") == "ask" and trained["version"] == "none"
    return str(judgement.get("version", trained["version"]) if failed or is_about_what_serves else trained["version"])


def _before(state: Mapping[str, Any]) -> str:
    """What a failed promotion was to put back, else what served."""
    put_back = state["judgement"].get("putBack", "nothing")
    return str(state["production"]["version"] if put_back == "nothing" else put_back)


def _failure(failed: Mapping[str, Any]) -> dict[str, Any]:
    """The first step that failed, in the order in which they come."""
    for name, step in STEPS.items():
        if name in failed:
            found = failed[name]
            return {"step": step, "detail": found.get("error", found)}
    return {}


def _promotion_failure(state: Mapping[str, Any]) -> dict[str, Any]:
    """The first step that failed; a refused update with the error of its refusal, whatever a later look found."""
    failure = _failure(state["failed"])
    if "refused" in state and (failure.get("step") == "update campaign" or (not failure and _is_refused(state))):
        return {"step": "update campaign", "detail": state["refused"]}
    return failure


def _is_refused(state: Mapping[str, Any]) -> bool:
    """Whether the call of the update failed and no look has found the update all the same."""
    return "refused" in state and text(state["look"]["update"]) != state["judgement"].get("version")


def _silent(state: Mapping[str, Any]) -> dict[str, Any]:
    """Failures without an error: answers that said nothing, and an update with a bad end."""
    if text(state["ledger"]["version"]) is None:
        return {"step": "read ledger", "detail": {}}
    canary = state.get("canary", {})
    if "items" in canary and text(canary["items"]) is None:
        return {"step": "canary", "detail": {}}
    return {"step": "update campaign", "detail": _updated(state["look"])} if "back" in state else {}


def _updated(look: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in look:
        return dict(look["error"])
    return {
        "Status": text(look["status"]),
        "LatestCampaignUpdate": _described(look["updateStatus"], look.get("reason")),
    }


def _described(status: Any, reason: Any) -> dict[str, Any]:
    told = {"Status": text(status), "FailureReason": text(reason)}
    return {name: value for name, value in told.items() if value is not None}


def _campaign_is(state: Mapping[str, Any]) -> str:
    """What became of the campaign; empty where it was never to be changed."""
    if "lockMidway" in state["failed"]:
        return "left"
    if "lock" in state["failed"]:
        return "unchanged"
    if "back" in state:
        back = state["back"]
        return str(back.get("campaign", "put back" if "version" in back else "not put back"))
    unchanged = "unchanged" in state["failed"].get("updateCampaign", {}) or _is_refused(state)
    return "unchanged" if unchanged else ""


def _ledger_is(state: Mapping[str, Any]) -> str:
    """Whether the ledger says what the campaign serves; empty where neither was touched."""
    if "back" not in state and "lockMidway" not in state["failed"]:
        return ""
    return "settled" if "settled" in state else "not settled"


def _unrecorded(state: Mapping[str, Any]) -> list[str]:
    if "unwritten" not in state["judged"]:
        return []
    error = state["judged"]["unwritten"]["Error"]
    return [f"that the version was judged could not be noted ({error}): unless it serves, it is judged anew"]
