"""What the state machine hands to the gate, in small."""

from typing import Any

from lambdas.evaluate_version.gate import COVERAGE, NDCG
from lambdas.evaluate_version.limits import Limits

NOW = "2026-11-22T08:30:00.000Z"
LIMITS = Limits(
    environment="dev",
    promotion_threshold=0.01,
    regression_tolerance=0.1,
    coverage_floor=0.05,
    min_new_events=1000,
)
SOLUTION = "arn:aws:personalize:us-east-1:123456789012:solution/dev"
VERSION = f"{SOLUTION}/0000000a"
OLD_VERSION = f"{SOLUTION}/00000001"
OFF = {"outcome": "off", "metrics": {}}
NOTHING_SERVES: dict[str, Any] = {"version": "none", "created": None, "metrics": {}, "gone": False}
MADE, MADE_BEFORE = "2026-11-22T08:00:00.000Z", "2026-11-15T08:30:00.000Z"


def metrics(ndcg: float, coverage: float = 0.5) -> dict[str, float]:
    return {NDCG: ndcg, COVERAGE: coverage}


def to_judge(candidate: dict[str, Any], *, production: Any = None, baseline: Any = None) -> dict[str, Any]:
    """What the gate judges by."""
    serving = {"version": OLD_VERSION, "created": MADE_BEFORE, "metrics": production, "gone": False}
    return {
        "candidate": {"version": VERSION, "created": MADE, "metrics": candidate},
        "production": serving if production is not None else NOTHING_SERVES,
        "baseline": {"outcome": "trained", "metrics": baseline} if baseline is not None else OFF,
    }


def to_step(**changes: Any) -> dict[str, Any]:
    """The event of the task `judge`: a campaign that serves, and a good version that this run trained."""
    return {
        "task": "judge",
        "role": "recommendation",
        "now": NOW,
        "trained": {"outcome": "trained", "version": VERSION, "created": MADE, "metrics": metrics(0.3)},
        "baseline": OFF,
        "production": {"version": OLD_VERSION, "look": {"created": [MADE_BEFORE]}, "metrics": {NDCG: [0.2]}},
        "campaign": {"status": ["ACTIVE"], "version": [OLD_VERSION], "update": [], "updateStatus": []},
        "ledger": {"version": [OLD_VERSION], "since": [MADE_BEFORE]},
        "judged": {"version": [], "since": []},
        "waitUntil": "none",
        **changes,
    }


def to_decide(*, force: bool = False, latest: Any = None, events: Any = None) -> dict[str, Any]:
    """The event of the task `decide`."""
    return {
        "task": "decide",
        "role": "recommendation",
        "now": NOW,
        "force": force,
        "solutionArn": SOLUTION,
        "latest": {"automatic": [], "arn": [], "status": [], "created": [], **(latest or {})},
        "events": events if events is not None else {"sums": []},
    }


def trained_before(status: str = "ACTIVE") -> dict[str, Any]:
    return {"arn": [OLD_VERSION], "status": [status], "created": [MADE_BEFORE]}


def result(outcome: str, **changes: Any) -> dict[str, Any]:
    """What came of one solution, as the state machine leaves it."""
    return {
        "solution": {"role": "recommendation"},
        "outcome": outcome,
        "version": VERSION,
        "metrics": metrics(0.2),
        "decision": [],
        "reasons": [],
        "warnings": [],
        "failure": {},
        "ledger": {"version": OLD_VERSION, "since": "2026-11-12T08:30:00.000Z"},
        "production": {"version": OLD_VERSION},
        "campaign": "ACTIVE",
        "popular": {},
        **changes,
    }


def to_report(*results: dict[str, Any]) -> dict[str, Any]:
    """The event of the task `report`."""
    return {
        "task": "report",
        "execution": "run-1",
        "startedAt": "2026-11-22T08:00:00.000Z",
        "now": NOW,
        "input": {"trigger": "schedule"},
        "request": {"force": False, "task": "train"},
        "results": [*results],
    }
