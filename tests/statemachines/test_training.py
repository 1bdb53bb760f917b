"""Whether, when and how a solution is trained, and what one failure does to the other solution."""

import hashlib

import pytest

from tests.statemachines.world import GOOD, NDCG, ROLES


@pytest.mark.parametrize("status", ["CREATE FAILED", "CREATE STOPPED"])
def test_d38_a_training_that_ended_badly_is_a_failure_at_once(served, status):
    """Failed and stopped trainings are not waited on (D38, D51); the other solution is promoted (D45)."""
    before = served.served("recommendation")
    served.improve("reranking")
    served.fault(
        "CreateSolutionVersion", {"status": status, "failureReason": "too few interactions"}, role="recommendation"
    )
    run = served.run({"force": True})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.SolutionFailed")
    assert run.decisions() == {"recommendation": "failed", "reranking": "promoted"}
    failure = run.of("recommendation")["failure"]
    assert failure["step"] == "training"
    assert status in failure["text"]
    assert failure["advice"]
    assert "what to do" in run.cause
    assert served.served("recommendation") == before
    assert served.holder() is None


def test_the_cause_of_a_failed_training_is_told(served):
    """The service's failureReason is in the message."""
    served.fault(
        "CreateSolutionVersion", {"status": "CREATE FAILED", "failureReason": "too few interactions"}, role="reranking"
    )
    served.improve("recommendation")
    run = served.run({"force": True})
    assert "it is CREATE FAILED (too few interactions)" in run.messages[0]["message"]


def test_d48_without_enough_new_events_nothing_is_trained(served):
    """A scheduled run counts the forwarder's events since the last training, and says how many are missing."""
    served.improve()
    served.run({"force": True})
    count = len(served.versions("recommendation"))
    run = served.run({"trigger": "schedule"})
    assert run.status == "SUCCEEDED"
    assert run.decisions() == {"recommendation": "skipped", "reranking": "skipped"}
    assert len(served.versions("recommendation")) == count
    reason = run.of("recommendation")["reasons"][0]
    assert (reason["rule"], reason["value"], reason["limit"]) == ("new events", 0, 1000)
    assert "minNewEvents is 1,000" in run.messages[0]["message"]


def test_enough_new_events_are_trained_on(served):
    """The sum of the datapoints since the last training reaches the limit."""
    served.improve()
    served.run({"force": True})
    served.accept_events(600)
    served.accept_events(400)
    served.improve()
    run = served.run({"trigger": "schedule"})
    assert run.decisions() == {"recommendation": "promoted", "reranking": "promoted"}
    assert run.of("reranking")["reasons"][0]["value"] == 1000


def test_days_since_promotion_are_published_by_runs_that_skip_too(served):
    """The alarm on the last promotion's age needs a value from every run."""
    run = served.run()
    assert set(run.decisions().values()) == {"skipped"}
    for role in ROLES:
        days = served.metric("DaysSincePromotion", environment="test", role=role)
        assert days is not None
        assert 0 <= days < 1


def test_metrics_of_a_new_version_are_published(new):
    """NDCG and coverage of what was trained, by role."""
    environment = new(reranking=False)
    environment.measure({NDCG: 0.25, "coverage": 0.75}, "recommendation")
    environment.run()
    of = {"environment": "test", "role": "recommendation"}
    assert environment.metric("NormalizedDiscountedCumulativeGainAt5", **of) == 0.25
    assert environment.metric("Coverage", **of) == 0.75


def test_without_the_count_of_events_it_trains(served):
    """An answer that CloudWatch does not give speaks for training, with a warning."""
    served.break_state("CountNewEvents")
    served.improve()
    run = served.run()
    assert run.status == "SUCCEEDED"
    assert "could not be read" in run.of("reranking")["warnings"][0]


def test_d50_automatic_training_is_reported(new):
    """A solution that trains itself beside the state machine is a warning in the message."""
    environment = new(reranking=False)
    arn = environment.solution_arn("recommendation")
    environment.personalize.update_solution(solutionArn=arn, performAutoTraining=True)
    run = environment.run()
    assert f"{arn} still trains itself" in run.messages[0]["message"]


def test_d41_a_repeated_create_goes_on_with_its_own_version(new):
    """The version has the run's own name: where it exists already, it is taken up instead of training twice."""
    environment = new(reranking=False)
    name = "repeated"
    execution = environment.execution(name)
    own = _hash(f"{execution}/recommendation")
    version = environment.personalize.create_solution_version(
        solutionArn=environment.solution_arn("recommendation"), name=own
    )["solutionVersionArn"]
    run = environment.run({"force": True}, name=name)
    assert run.status == "SUCCEEDED"
    assert run.of("recommendation")["version"] == version
    assert len(environment.versions("recommendation")) == 1


def test_d41_a_failed_create_leaves_no_training_behind(served):
    """One create that is refused stops only its own solution."""
    refusal = {"error": {"code": "ResourceInUseException", "message": "an import is at work", "status": 400}}
    served.fault("CreateSolutionVersion", refusal, role="recommendation")
    served.improve("reranking")
    run = served.run({"force": True})
    assert run.decisions() == {"recommendation": "failed", "reranking": "promoted"}
    assert run.of("recommendation")["failure"]["step"] == "create"
    assert "an import is at work" in run.of("recommendation")["failure"]["text"]


def test_throttling_is_retried(served):
    """Too many requests pass by themselves."""
    refusal = {"error": {"code": "LimitExceededException", "message": "slow down", "status": 400}}
    served.fault("DescribeSolution", refusal, role="recommendation", times=3)
    assert set(served.run().decisions().values()) == {"skipped"}


def test_d39_a_training_without_end_is_given_up(new):
    """After its time a training that still goes on is a failure that says so."""
    environment = new(reranking=False)
    environment.use_gate("impatient-gate")
    environment.fault(
        "CreateSolutionVersion", {"delaySeconds": 0, "status": "CREATE IN_PROGRESS"}, role="recommendation"
    )
    run = environment.run()
    assert run.decisions() == {"recommendation": "failed"}
    assert "CREATE IN_PROGRESS" in run.of("recommendation")["failure"]["text"]


def test_metrics_that_cannot_be_read_are_a_failure(served):
    """A version that cannot be judged is not promoted, and the message says what to do."""
    refusal = {"error": {"code": "InvalidInputException", "message": "no metrics", "status": 400}}
    served.fault("GetSolutionMetrics", refusal, role="recommendation")
    run = served.run({"force": True})
    assert run.of("recommendation")["failure"]["step"] == "metrics"


def test_without_reranking_nothing_of_it_is_touched(new):
    """A solution that the config turns off is neither looked at nor mentioned."""
    environment = new(reranking=False)
    run = environment.run()
    assert run.decisions() == {"recommendation": "promoted"}
    assert "reranking" not in run.messages[0]["message"].lower()


def test_a_baseline_better_than_the_model_holds_it_back(new):
    """With the popularity baseline on, a model must beat it."""
    environment = new(reranking=False, baseline=True)
    environment.measure({NDCG: 0.3, "coverage": 0.1}, "baseline")
    environment.measure({NDCG: 0.29, "coverage": 0.5}, "recommendation")
    run = environment.run()
    assert run.decisions()["recommendation"] == "held back"
    assert run.failed_rules("recommendation") == ["popularity baseline"]
    environment.measure({NDCG: 0.31, "coverage": 0.5}, "recommendation")
    environment.measure({NDCG: 0.3, "coverage": 0.1}, "baseline")
    assert environment.run({"force": True}).decisions()["recommendation"] == "promoted"


def test_a_solution_that_is_gone_fails_alone(new):
    """What cannot be looked at is a failure of its own."""
    environment = new()
    environment.personalize.delete_solution(solutionArn=environment.solution_arn("reranking"))
    environment.measure(GOOD, "recommendation")
    run = environment.run()
    assert run.decisions() == {"recommendation": "promoted", "reranking": "failed"}
    assert run.of("reranking")["failure"]["step"] == "look"


def _hash(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
