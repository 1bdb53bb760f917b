"""What a run tells, measures and keeps."""

import json

import pytest

from lambdas.evaluate_version.gate import NDCG
from lambdas.evaluate_version.report import report
from tests.unit.lambdas.evaluate_version.worlds import LIMITS, OLD_VERSION, VERSION, result, to_report

RERANKING = {"solution": {"role": "reranking"}}


def told(*results):
    return report(to_report(*results), LIMITS)


def failure(step, detail, **changes):
    return result("failed", failure={"step": step, "detail": detail}, **changes)


def test_one_message_tells_both_stories():
    """Promoted and held back, with reasons, in one subject of plain ASCII and one text."""
    reason = {"rule": "promotion threshold", "passed": False, "text": "NDCG@5 0.0040 falls short by 0.0060"}
    answer = told(result("promoted"), result("held back", reasons=[reason], **RERANKING))
    assert answer["subject"] == "[dev] Training: recommendation promoted, reranking held back"
    assert f"  before: {OLD_VERSION}" in answer["message"]
    assert "  - NDCG@5 0.0040 falls short by 0.0060" in answer["message"]
    assert answer["ends"] == "well"
    assert answer["output"]["outcome"] == "promoted"


def test_a_failure_ends_the_run_as_failed_and_says_what_to_do():
    """Cause, state of the campaign and advice; the other story is told all the same."""
    error = {"Error": "Personalize.ResourceInUseException", "Cause": "an import is at work"}
    answer = told(result("promoted"), failure("create", error, **RERANKING))
    assert answer["ends"] == "failed"
    assert answer["error"].startswith("AnimalRecommender.")
    assert "failed at: create. Personalize.ResourceInUseException: an import is at work" in answer["message"]
    assert "what to do: See the cause." in answer["message"]
    assert "RECOMMENDATION: promoted" in answer["message"]


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({"Status": "CREATE FAILED", "FailureReason": "too few"}, "it is CREATE FAILED (too few)"),
        ({"Status": "CREATE STOPPED"}, "it is CREATE STOPPED"),
        (
            {"Status": "ACTIVE", "LatestCampaignUpdate": {"Status": "CREATE FAILED", "FailureReason": "no room"}},
            "the update is CREATE FAILED (no room); the campaign is ACTIVE",
        ),
        ({"ItemList": []}, "the answer was empty"),
        ("text", "text"),
    ],
)
def test_the_cause_is_read_from_whatever_there_is(detail, text):
    """Errors, descriptions and answers have no member in common."""
    assert told(failure("training", detail))["output"]["solutions"][0]["failure"]["text"] == text


@pytest.mark.parametrize(
    ("state", "production", "text"),
    [
        ("put back", OLD_VERSION, f"serves its previous version again: {OLD_VERSION}"),
        ("not put back", OLD_VERSION, f"could not be put back to {OLD_VERSION}"),
        ("not put back", "none", "There is no previous version"),
        ("unchanged", OLD_VERSION, "was not changed"),
    ],
)
def test_d45_what_the_campaign_serves_after_a_failure_is_told(state, production, text):
    """Put back, not put back, or never changed."""
    failed = failure("canary", {}, campaignIs=state, production={"version": production})
    assert text in told(failed)["message"]


def test_an_unknown_step_still_has_advice():
    """A step that nobody wrote advice for points to the history."""
    assert "history" in told(failure("something new", {}))["message"]


def test_a_campaign_that_serves_another_version_than_the_ledger_is_a_warning():
    """But not right after a promotion, nor where there is no campaign."""
    other = {"version": VERSION}
    assert "the next run brings them together" in told(result("skipped", production=other))["message"]
    assert told(result("promoted", production=other))["output"]["solutions"][0]["warnings"] == []
    assert told(result("skipped", production=other, campaign="NONE"))["output"]["solutions"][0]["warnings"] == []


def test_a_popular_list_that_was_not_written_is_a_warning():
    """The error of S3 is named."""
    failed = result("promoted", popular={"Error": "S3.S3Exception", "Cause": "denied"})
    assert "S3.S3Exception: denied" in told(failed)["message"]


def test_days_since_promotion_are_measured_whatever_happened():
    """From the day that the ledger was written, for every role, in every run."""
    data = told(result("skipped"), failure("look", {}, metrics={}, **RERANKING))["metricData"]
    assert [(d["MetricName"], d["Value"], d["Dimensions"][1]["Value"]) for d in data] == [
        ("DaysSincePromotion", 10.0, "recommendation"),
        ("DaysSincePromotion", 10.0, "reranking"),
    ]


def test_the_quality_of_new_versions_is_measured():
    """NDCG and coverage of what was trained by this run, not of what was merely looked at."""
    data = told(result("held back"))["metricData"]
    values = {d["MetricName"]: d["Value"] for d in data}
    assert values == {"DaysSincePromotion": 10.0, "NormalizedDiscountedCumulativeGainAt5": 0.2, "Coverage": 0.5}
    assert {d["Dimensions"][0]["Value"] for d in data} == {"dev"}


def test_metrics_that_are_missing_are_not_measured():
    """Nothing is published as a zero."""
    data = told(result("held back", metrics={NDCG: "much"}, ledger={}))["metricData"]
    assert data == []


def test_a_canary_without_a_campaign_is_called_what_it_is():
    """Nobody was asked."""
    answer = told(result("canary", campaign="NONE"))
    assert answer["output"] == {
        "outcome": "no campaign",
        "solutions": [answer["output"]["solutions"][0] | {"decision": "no campaign"}],
    }


def test_a_canary_run_is_not_called_a_training():
    """The subject says what the run was for."""
    event = to_report(result("canary"))
    event["request"] = event["request"] | {"task": "canary"}
    answer = report(event, LIMITS)
    assert answer["subject"] == "[dev] Canary: recommendation answers"
    assert "(task: canary, trigger: schedule)" in answer["message"]


def test_solutions_that_are_off_are_not_mentioned():
    """Neither in the message nor in the output."""
    answer = told(result("promoted"), result("off", solution={"role": "baseline"}))
    assert [s["role"] for s in answer["output"]["solutions"]] == ["recommendation"]


def test_the_reasons_for_training_come_before_those_of_the_gate():
    """Each once, also where nothing was judged and both are the same."""
    reason = {"rule": "new events", "passed": True, "text": "1,200 new events"}
    judged = {"rule": "coverage floor", "passed": True, "text": "coverage 0.5"}
    assert told(result("skipped", decision=[reason], reasons=[reason]))["output"]["solutions"][0]["reasons"] == [reason]
    answer = told(result("promoted", decision=[reason], reasons=[judged]))
    assert answer["output"]["solutions"][0]["reasons"] == [reason, judged]


def test_limits_of_the_topic_hold():
    """SNS takes 100 characters of subject; a Fail state 32,768 of cause."""
    long = result("held back", warnings=["x" * 40_000])
    answer = told(*[long] * 9)
    assert len(answer["subject"]) <= 100
    assert answer["subject"].isascii()
    assert len(answer["message"]) <= 30_000


def test_the_record_holds_what_the_output_holds():
    """And when, why and by whom."""
    answer = told(result("promoted"))
    assert answer["record"] == {
        "execution": "run-1",
        "startedAt": "2026-11-22T08:00:00.000Z",
        "endedAt": "2026-11-22T08:30:00.000Z",
        "request": {"force": False, "trigger": "schedule", "task": "train"},
        **answer["output"],
    }
    assert json.loads(json.dumps(answer)) == answer
