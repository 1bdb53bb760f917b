"""What went wrong with a solution, and what one does about it."""

from collections.abc import Mapping
from typing import Any

STEPS = {
    "lock": "lock",
    "lockMidway": "lock",
    "look": "look",
    "decide": "decide",
    "create": "create",
    "watch": "watch",
    "metrics": "metrics",
    "readLedger": "read ledger",
    "lookAtCampaign": "look at campaign",
    "productionMetrics": "production metrics",
    "judge": "judge",
    "updateCampaign": "update campaign",
    "canary": "canary",
    "writeLedger": "write ledger",
}
"""The steps of a run by the names under which the definition keeps their errors, in the order in which they come;
but the lost lock, which ends whatever went on, comes first."""

_ADVICE = {
    "look": "See whether the solution stands (`deploy.sh` makes it) and whether the state machine's role may read it.",
    "decide": "Look at the log of the function evaluate_version, then start the state machine again.",
    "create": "See the cause. A dataset that is being imported or a quota of pending trainings passes by itself: start"
    " the state machine again later.",
    "watch": "The training goes on and is billed. When the version is ACTIVE, the next run judges it; start the"
    " state machine to have that now.",
    "training": "See the reason. Too few interactions or a column that does not fit the schema is mended in the data;"
    " an internal failure of the service passes by itself: start the state machine again with force.",
    "metrics": "The version is there but was not judged. The next run does it; start the state machine for that.",
    "conclude training": "Look at the log of the function evaluate_version. The next run judges the version, should"
    " there be a new one; start the state machine to have that now.",
    "conclude promotion": "Look at the log of the function evaluate_version. What came of this solution could not be"
    " summed up: compare what the campaign serves with the ledger; the next run brings them together.",
    "read ledger": "Run deploy.sh, which creates a missing ledger and never overwrites one.",
    "look at campaign": "See whether the state machine's role may read the campaign, then start it again: the version"
    " is judged then.",
    "production metrics": "The version was not judged. The next run does it; start the state machine for that.",
    "judge": "Look at the log of the function evaluate_version, then start the state machine again: the version is"
    " judged then.",
    "campaign unusable": "Wait until the campaign is ACTIVE, or run deploy.sh where it is gone; then start the state"
    " machine again: the version is judged then.",
    "update campaign": "See the reason, then start the state machine again: the version is judged then.",
    "canary": "The new version did not answer as it should. Find out why before you start the state machine again.",
    "lock": "Another may work on the campaigns; docs/operate/operations.md tells how to see who holds the lock. Start a"
    " new run when it is free: a run that was redriven after another had the lock does not go on.",
    "write ledger": "See the cause. Then start the state machine again: the version is judged then.",
}
_ANYTHING_ELSE = "See the execution's history, then start the state machine again with force."

_CAMPAIGN = {
    "unchanged": "The campaign was not changed.",
    "put back": "The campaign serves its previous version again: {production}.",
    "left": "This run was not sure of the lock any more and touched neither campaign nor ledger: the campaign may serve"
    " the new version.",
    "not put back": "The campaign could not be put back to {production}: look at what it serves now, and put it back as"
    " docs/operate/operations.md tells (go back to an earlier model).",
}
_LEDGER = {
    "settled": "",
    "not settled": " The ledger may say something else than the campaign: before the next deploy, write into it what"
    " the campaign serves, or let the next run do so.",
}


def explain(result: Mapping[str, Any]) -> dict[str, str] | None:
    """`{"step", "text", "advice", "campaign"}` for a result that failed, else None."""
    failure = result["failure"]
    if not failure:
        return None
    production = result["production"]["version"]
    state = _CAMPAIGN.get(result.get("campaignIs", ""), "")
    if result.get("campaignIs") == "not put back" and production == "none":
        state = "There is no previous version to put back."
    return {
        "step": failure["step"],
        "text": _cause(failure["detail"]),
        "advice": _ADVICE.get(failure["step"], _ANYTHING_ELSE),
        "campaign": state.format(production=production) + _LEDGER.get(result.get("ledgerIs", ""), ""),
    }


def _cause(detail: Any) -> str:
    """One line from an error output, a description of a version or of a campaign, or a canary's answer."""
    if not isinstance(detail, Mapping):
        return str(detail)
    if "Error" in detail:
        return f"{detail['Error']}: {detail.get('Cause', '')}"
    update = detail.get("LatestCampaignUpdate")
    if isinstance(update, Mapping):
        return f"the update is {_status(update)}; the campaign is {detail.get('Status', 'of unknown status')}"
    if "Status" in detail:
        return f"it is {_status(detail)}"
    return "the answer was empty"


def _status(described: Mapping[str, Any]) -> str:
    reason = described.get("FailureReason")
    return f"{described.get('Status', 'of unknown status')}{f' ({reason})' if reason else ''}"
