"""What a promotion that was refused or taken back is told as, from what the definition leaves behind."""

from typing import Any

import pytest

from lambdas.evaluate_version.conclusions import conclude_promotion
from tests.unit.lambdas.evaluate_version.worlds import LIMITS

OLD, NEW = "arn:aws:personalize:::solution/recommendation/old", "arn:aws:personalize:::solution/recommendation/new"
REFUSAL = {"Error": "Personalize.InvalidInputException", "Cause": "no"}
LOST = {"Error": "States.Timeout"}
GONE = {"Error": "Personalize.ResourceNotFoundException", "Cause": "gone"}


def look(update: str | None = None, status: str = "ACTIVE") -> dict[str, Any]:
    of_update = {"update": [update] if update else [], "updateStatus": [status] if update else []}
    return {"status": ["ACTIVE"], "version": [OLD], **of_update}


def concluded(**state: Any) -> dict[str, Any]:
    """The conclusion of a promotion of `NEW` over `OLD` that left this besides."""
    trained = {
        "solution": {"role": "recommendation"},
        "outcome": "trained",
        "version": NEW,
        "metrics": {},
        "reasons": [],
        "warnings": [],
        "failure": {},
    }
    left = {
        "trained": trained,
        "judgement": {"step": "update campaign", "outcome": "promoted", "version": NEW, "putBack": OLD, "failure": {}},
        "ledger": {"version": [OLD], "since": []},
        "judged": {"version": []},
        "look": look(),
        "after": {"status": []},
        "production": {"version": OLD},
        "failed": {},
        "popular": {},
    }
    return conclude_promotion({"state": left | state, "now": "2026-12-01T00:00:00Z"}, LIMITS)


@pytest.mark.parametrize(
    ("left", "detail", "campaign"),
    [
        ({"refused": REFUSAL}, REFUSAL, "unchanged"),
        ({"refused": LOST, "back": {"version": OLD}}, LOST, "put back"),
        ({"refused": LOST, "back": {"campaign": "not put back", "version": OLD}}, LOST, "not put back"),
        ({"refused": LOST, "back": GONE}, LOST, "not put back"),
        ({"refused": LOST, "failed": {"updateCampaign": GONE}, "back": {"version": OLD}}, LOST, "put back"),
        ({"failed": {"updateCampaign": GONE}, "back": {"version": OLD}}, GONE, "put back"),
        # as definitions of before leave it
        ({"failed": {"updateCampaign": {"unchanged": True, "error": REFUSAL}}}, REFUSAL, "unchanged"),
        (
            {
                "failed": {"updateCampaign": {"error": LOST}},
                "back": {"campaign": "put back", "version": OLD},
                "error": LOST,
            },
            LOST,
            "put back",
        ),
        (
            {"failed": {"updateCampaign": {"error": LOST}}, "back": {"campaign": "not put back"}, "error": LOST},
            LOST,
            "not put back",
        ),
    ],
)
def test_an_update_that_failed_says_why_and_what_the_campaign_is(
    left: dict[str, Any], detail: dict[str, Any], campaign: str
) -> None:
    """The error of the update itself, not that of a later look, and what became of the campaign."""
    story = concluded(**left)
    assert (story["outcome"], story["failure"]) == ("failed", {"step": "update campaign", "detail": detail})
    assert story["campaignIs"] == campaign


def test_a_refused_call_whose_update_was_under_way_is_no_failure() -> None:
    """The answer was lost, not the request: the version is promoted."""
    story = concluded(refused=REFUSAL, look=look(NEW), written={"done": True})
    assert (story["outcome"], story["failure"], story["ledger"]["version"]) == ("promoted", {}, NEW)


def test_an_update_that_was_under_way_and_ended_badly_is_told_by_its_end() -> None:
    """Not by the refusal of the repeated call."""
    story = concluded(refused=REFUSAL, look=look(NEW, "CREATE FAILED"), back={"version": OLD})
    assert story["failure"]["detail"]["LatestCampaignUpdate"] == {"Status": "CREATE FAILED"}
    assert story["campaignIs"] == "put back"


def test_a_failed_canary_after_a_refused_call_is_told_as_the_canary() -> None:
    """The update was there all the same."""
    story = concluded(refused=REFUSAL, look=look(NEW), failed={"canary": GONE}, back={"version": OLD})
    assert story["failure"] == {"step": "canary", "detail": GONE}


def test_a_lost_lock_is_told_before_a_refused_update() -> None:
    """Nothing was put back: the campaign is left as it is."""
    story = concluded(refused=LOST, failed={"lockMidway": GONE})
    assert (story["failure"]["step"], story["campaignIs"]) == ("lock", "left")
