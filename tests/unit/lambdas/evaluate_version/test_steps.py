"""What a run does next with a solution."""

import pytest

from lambdas.evaluate_version.gate import NDCG
from lambdas.evaluate_version.steps import next_step
from tests.unit.lambdas.evaluate_version.worlds import LIMITS, MADE, MADE_BEFORE, OLD_VERSION, VERSION, metrics, to_step

SKIPPED = {"outcome": "skipped", "version": VERSION, "created": MADE, "metrics": metrics(0.3)}
CANARY = {"outcome": "canary", "version": "none", "created": "none", "metrics": {}}
NO_CAMPAIGN = {"status": ["NONE"], "version": [], "update": [], "updateStatus": []}


LATER = {"version": [OLD_VERSION], "since": ["2026-11-22T08:10:00.000Z"]}
MADE_AT_ONCE = {"version": OLD_VERSION, "look": {"created": [MADE]}, "metrics": {NDCG: [0.2]}}


def noted(since, version=OLD_VERSION):
    return {"version": [version], "since": [since]}


def campaign(version=OLD_VERSION, status="ACTIVE", update=None):
    updates = {"update": [VERSION], "updateStatus": [update]} if update else {"update": [], "updateStatus": []}
    return {"status": [status], "version": [version], **updates}


def step(**changes):
    found = next_step(to_step(**changes), LIMITS)
    return found["step"], found["outcome"], found["version"], found["putBack"]


def test_a_good_version_is_promoted():
    """Into the campaign, or into the ledger before there is one; what served can be put back."""
    assert step() == ("update campaign", "promoted", VERSION, OLD_VERSION)
    assert step(campaign=NO_CAMPAIGN) == ("write ledger", "promoted", VERSION, OLD_VERSION)


def test_a_bad_version_is_rejected():
    """And that is noted."""
    trained = {**SKIPPED, "outcome": "trained", "metrics": metrics(0.0)}
    assert step(trained=trained) == ("reject", "held back", VERSION, "nothing")


@pytest.mark.parametrize(
    ("changes", "judged"),
    [
        ({}, True),
        ({"judged": {"version": [VERSION]}}, False),
        ({"judged": {"version": [], "unreadable": {"Error": "x"}}}, False),
        ({"ledger": LATER}, False),
        ({"ledger": LATER, "judged": noted("2026-11-22T08:09:59.000Z")}, False),
        ({"ledger": LATER, "judged": noted("2026-11-22T08:10:00.000Z")}, True),
        ({"ledger": LATER, "judged": noted("2026-11-22T08:10:00.000Z", VERSION)}, False),
        ({"ledger": LATER, "judged": noted("when?")}, False),
        ({"ledger": LATER, "judged": noted("2026-11-22T08:10:00.000Z"), "production": MADE_AT_ONCE}, False),
        ({"ledger": {"version": [OLD_VERSION], "since": ["when?"]}}, False),
        ({"trained": {**SKIPPED, "created": "none"}}, False),
        ({"trained": {**SKIPPED, "version": OLD_VERSION}}, False),
        ({"trained": {**SKIPPED, "version": "none"}}, False),
    ],
)
def test_a_version_that_no_run_judged_is_judged(changes, judged):
    """Not what serves, what was noted, or what was there when a person wrote the ledger last."""
    found = step(**{"trained": SKIPPED, **changes})
    assert found[:2] == (("update campaign", "promoted") if judged else ("leave", "skipped"))


def test_while_nothing_serves_the_latest_version_is_judged_anew():
    """A gate that was loosened takes effect without another training."""
    nothing = {"version": "none", "look": {"created": []}, "metrics": {}}
    empty = {"version": ["none"], "since": [MADE]}
    changes = {"trained": SKIPPED, "production": nothing, "ledger": empty, "campaign": NO_CAMPAIGN}
    assert step(**changes, judged={"version": [VERSION]}) == ("write ledger", "promoted", VERSION, "none")


def test_the_canary_asks_what_serves():
    """Nothing is put back for it; without a campaign nobody is asked."""
    assert step(trained=CANARY) == ("ask", "canary", OLD_VERSION, "nothing")
    assert step(trained=CANARY, campaign=NO_CAMPAIGN)[0] == "leave"


@pytest.mark.parametrize("trained", [CANARY, {**SKIPPED, "version": "none"}, {**CANARY, "outcome": "failed"}])
def test_what_serves_and_is_not_in_the_ledger_is_asked(trained):
    """Whatever else the run was for; a failure puts back what the ledger says."""
    changes = {
        "trained": trained,
        "campaign": campaign(VERSION),
        "production": {"version": VERSION, "look": {"created": []}, "metrics": {}},
    }
    assert step(**changes) == ("ask", trained["outcome"], VERSION, OLD_VERSION)
    assert VERSION in next_step(to_step(**changes), LIMITS)["warnings"][0]


def test_another_update_is_waited_for_and_not_for_ever():
    """An hour from the first look; then the version cannot be promoted, and nothing is settled."""
    first = next_step(to_step(campaign=campaign(update="CREATE IN_PROGRESS")), LIMITS)
    assert (first["step"], first["waitUntil"]) == ("wait", "2026-11-22T09:30:00.000Z")
    later = to_step(
        campaign=campaign(update="CREATE PENDING"), waitUntil=first["waitUntil"], now="2026-11-22T09:30:01Z"
    )
    last = next_step(later, LIMITS)
    assert (last["step"], last["outcome"], last["failure"]["step"]) == ("leave", "failed", "campaign unusable")


@pytest.mark.parametrize("status", ["CREATE IN_PROGRESS", "DELETE PENDING", None, 5])
def test_a_campaign_that_cannot_be_updated_is_left_alone(status):
    """With its status as the reason."""
    found = next_step(to_step(campaign=campaign(status=status)), LIMITS)
    assert (found["step"], found["failure"]["step"]) == ("leave", "campaign unusable")


def test_an_older_version_is_never_promoted():
    """Whatever its metrics."""
    production = {"version": OLD_VERSION, "look": {"created": ["2026-11-22T08:20:00Z"]}, "metrics": {NDCG: [0.1]}}
    assert step(production=production)[0] == "reject"
    assert step(production={**production, "look": {"created": []}})[0] == "reject"
    assert step(production={**production, "gone": {"Error": "x"}})[0] == "update campaign"


def test_the_update_has_an_hour_and_so_has_putting_back():
    """Times that the state machine compares with its own clock."""
    found = next_step(to_step(), LIMITS)
    assert found["updateDeadline"] == "2026-11-22T09:30:00.000Z"
    assert found["rollbackDeadline"] == "2026-11-22T10:30:00.000Z"
    assert MADE_BEFORE < MADE
