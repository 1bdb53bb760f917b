"""From the gate's judgement to the ledger: who is promoted, who is not, and what is put back."""

import pytest

from tests.statemachines.world import GOOD, NDCG, ROLES


def test_the_first_run_promotes_into_the_ledger_before_any_campaign_exists(new):
    """Without campaigns a promoted version goes into the ledger, from which the campaigns are then made."""
    environment = new()
    run = environment.run()
    assert run.status == "SUCCEEDED"
    assert run.decisions() == {"recommendation": "promoted", "reranking": "promoted"}
    for role in ROLES:
        assert environment.says_ledger(role) == run.of(role)["version"]
    assert environment.popular_list() is None
    assert environment.holder() is None


def test_the_canary_task_asks_the_campaigns_and_keeps_the_popular_list(new):
    """After the campaigns were made, a run with task `canary` writes the list that the handlers fall back on."""
    environment = new()
    environment.promoted_once()
    run = environment.run({"task": "canary", "trigger": "deploy"})
    assert run.status == "SUCCEEDED"
    assert run.decisions() == {"recommendation": "canary", "reranking": "canary"}
    popular = environment.popular_list()
    assert popular is not None
    assert popular["solutionVersionArn"] == environment.served("recommendation")
    assert len(popular["itemList"]) == 24
    assert len(environment.versions("recommendation")) == 1


def test_the_canary_task_says_so_where_there_is_no_campaign(new):
    """Before the first campaign there is nobody to ask, which is no failure."""
    run = new().run({"task": "canary"})
    assert run.status == "SUCCEEDED"
    assert run.decisions() == {"recommendation": "no campaign", "reranking": "no campaign"}


def test_d35_each_campaign_is_updated_and_awaited_by_its_own_arn(served):
    """Both campaigns serve their own new version afterwards, and the ledgers say so (D35, D49)."""
    before = {role: served.served(role) for role in ROLES}
    served.improve()
    run = served.run({"force": True})
    assert run.status == "SUCCEEDED"
    for role in ROLES:
        version = run.of(role)["version"]
        assert version.startswith(served.solution_arn(role) + "/")
        assert version != before[role]
        assert served.served(role) == version
        assert served.says_ledger(role) == version
        assert run.of(role)["production"] == before[role]
    popular = served.popular_list()
    assert popular is not None
    assert popular["solutionVersionArn"] == served.served("recommendation")


def test_d36_a_campaign_that_was_never_updated_is_no_error(served):
    """Only the reranker passes: the recommender's campaign, with or without an update behind it, is left alone."""
    before = served.served("recommendation")
    served.measure({NDCG: 0.0, "coverage": 0.5}, "recommendation")
    served.improve("reranking")
    run = served.run({"force": True})
    assert run.status == "SUCCEEDED"
    assert run.decisions() == {"recommendation": "held back", "reranking": "promoted"}
    assert served.served("recommendation") == before
    assert served.says_ledger("recommendation") == before
    assert "WaitForUpdate" in served.history(run)


def test_d37_an_earlier_update_decides_nothing(served):
    """A campaign whose last update failed is neither awaited when its role is held back, nor in the way afterwards."""
    before = served.served("recommendation")
    served.improve()
    served.fault("UpdateCampaign", {"status": "CREATE FAILED"}, role="recommendation", times=2)
    failed = served.run({"force": True})
    assert "could not be put back" in failed.of("recommendation")["failure"]["campaign"]
    assert served.served("recommendation") == before
    served.measure({NDCG: 0.0}, "recommendation")
    served.improve("reranking")
    assert served.run({"force": True}).decisions() == {"recommendation": "held back", "reranking": "promoted"}
    served.improve()
    promoted = served.run({"force": True})
    assert promoted.decisions() == {"recommendation": "promoted", "reranking": "promoted"}
    assert served.served("recommendation") == promoted.of("recommendation")["version"]


def test_held_back_below_the_threshold(served):
    """A version at or below the absolute threshold is not promoted; the reason has metric, value and limit."""
    before = {role: served.served(role) for role in ROLES}
    served.measure({NDCG: 0.01, "coverage": 0.5})
    run = served.run({"force": True})
    assert run.status == "SUCCEEDED"
    assert set(run.decisions().values()) == {"held back"}
    reason = next(r for r in run.of("reranking")["reasons"] if r["rule"] == "promotion threshold")
    assert (reason["metric"], reason["value"], reason["limit"], reason["passed"]) == (NDCG, 0.01, 0.01, False)
    assert {role: served.served(role) for role in ROLES} == before
    assert "UpdateCampaign" not in served.history(run)


def test_d42_held_back_as_worse_than_production(new):
    """Above the threshold, but worse than what serves by more than the tolerance."""
    environment = new(reranking=False)
    environment.promoted_once()
    environment.measure({NDCG: GOOD[NDCG] * 0.89, "coverage": 0.5}, "recommendation")
    run = environment.run({"force": True})
    assert run.decisions() == {"recommendation": "held back"}
    assert run.failed_rules("recommendation") == ["version in production"]
    environment.measure({NDCG: GOOD[NDCG] * 0.91, "coverage": 0.5}, "recommendation")
    assert environment.run({"force": True}).decisions() == {"recommendation": "promoted"}


def test_d42_held_back_for_want_of_coverage(served):
    """NDCG alone does not promote a model that recommends next to nothing."""
    served.measure({NDCG: 0.99, "coverage": 0.0001})
    run = served.run({"force": True})
    assert run.failed_rules("recommendation") == ["coverage floor"]


def test_d43_a_missing_metric_holds_back(served):
    """A metric that the service does not give is a reason, not a crash."""
    served.give_metrics({"precision_at_5": 0.5})
    run = served.run({"force": True})
    assert run.status == "SUCCEEDED"
    assert run.failed_rules("reranking") == ["promotion threshold", "version in production", "coverage floor"]


def test_the_first_model_held_back_is_judged_anew_without_another_training(new):
    """Nothing serves and nothing new happened: a looser gate promotes the version that is there, untrained anew."""
    environment = new(reranking=False)
    environment.measure({NDCG: 0.005, "coverage": 0.5}, "recommendation")
    held = environment.run()
    assert (held.status, held.output["outcome"]) == ("SUCCEEDED", "held back")
    assert "falls short by 0.0050" in held.messages[0]["message"]
    assert environment.says_ledger("recommendation") == "none"
    again = environment.run()
    assert again.decisions() == {"recommendation": "held back"}
    environment.use_gate("lax-gate")
    promoted = environment.run()
    assert promoted.decisions() == {"recommendation": "promoted"}
    assert environment.says_ledger("recommendation") == held.of("recommendation")["version"]
    assert len(environment.versions("recommendation")) == 1


def test_d45_a_failed_campaign_update_is_put_back(served):
    """The campaign's previous version is asked for again; ledger and campaign agree; the other role is not touched."""
    before = served.served("recommendation")
    served.improve()
    served.fault("UpdateCampaign", {"status": "CREATE FAILED", "failureReason": "no capacity"}, role="recommendation")
    run = served.run({"force": True})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.SolutionFailed")
    assert run.decisions() == {"recommendation": "failed", "reranking": "promoted"}
    failure = run.of("recommendation")["failure"]
    assert failure["step"] == "update campaign"
    assert "no capacity" in failure["text"]
    assert f"serves its previous version again: {before}" in failure["campaign"]
    assert served.served("recommendation") == before
    assert served.says_ledger("recommendation") == before
    assert "recommendation failed, reranking promoted" in run.messages[0]["subject"]


def test_an_update_that_is_refused_changes_nothing(served):
    """A request that the service turns down is reported as such; nothing needs to be put back."""
    before = served.served("reranking")
    served.improve()
    refusal = {"error": {"code": "ResourceInUseException", "message": "busy", "status": 400}}
    served.fault("UpdateCampaign", refusal, role="reranking")
    run = served.run({"force": True})
    assert run.decisions()["reranking"] == "failed"
    assert run.of("reranking")["failure"]["campaign"] == "The campaign was not changed."
    assert served.served("reranking") == before


@pytest.mark.parametrize(
    ("role", "operation"), [("recommendation", "GetRecommendations"), ("reranking", "GetPersonalizedRanking")]
)
def test_a_version_whose_canary_fails_is_put_back(served, role, operation):
    """A campaign that is ACTIVE but does not answer gets its previous version again."""
    before = served.served(role)
    served.improve()
    refusal = {"error": {"code": "InvalidInputException", "message": "out of order", "status": 400}}
    served.fault(operation, refusal, role=role, times=1)
    run = served.run({"force": True})
    assert run.decisions()[role] == "failed"
    assert run.of(role)["failure"]["step"] == "canary"
    assert served.served(role) == before
    assert served.says_ledger(role) == before


def test_an_update_that_hangs_is_given_up(new):
    """No wait is without an end; an update under way cannot be put back, which the message says with what to do."""
    environment = new(reranking=False)
    environment.promoted_once()
    before = environment.says_ledger("recommendation")
    environment.improve("recommendation")
    environment.use_gate("hasty-gate")
    environment.fault("UpdateCampaign", {"status": "CREATE IN_PROGRESS"}, role="recommendation")
    run = environment.run({"force": True})
    assert run.decisions() == {"recommendation": "failed"}
    failure = run.of("recommendation")["failure"]
    assert "the update is CREATE IN_PROGRESS" in failure["text"]
    assert f"could not be put back to {before}" in failure["campaign"]
    assert environment.says_ledger("recommendation") == before
    assert environment.holder() is None


def test_a_campaign_whose_creation_failed_is_brought_up_by_the_next_promotion(new):
    """UpdateCampaign takes campaigns in CREATE FAILED, too; they serve nothing that could be compared with."""
    environment = new(reranking=False)
    environment.measure(GOOD, "recommendation")
    environment.run()
    environment.fault("CreateCampaign", {"status": "CREATE FAILED", "failureReason": "no room"}, role="recommendation")
    environment.make_campaign("recommendation", status="CREATE FAILED")
    environment.improve("recommendation")
    run = environment.run({"force": True})
    assert run.decisions() == {"recommendation": "promoted"}
    assert environment.served("recommendation") == run.of("recommendation")["version"]


def test_a_campaign_that_is_being_made_is_left_alone(new):
    """What can neither be updated nor asked is a failure with advice; the ledger stays."""
    environment = new(reranking=False)
    environment.measure(GOOD, "recommendation")
    environment.run()
    before = environment.says_ledger("recommendation")
    environment.fault("CreateCampaign", {"status": "CREATE IN_PROGRESS"}, role="recommendation")
    environment.make_campaign("recommendation", status="CREATE IN_PROGRESS")
    environment.improve("recommendation")
    run = environment.run({"force": True})
    assert run.of("recommendation")["failure"]["step"] == "campaign unusable"
    assert "CREATE IN_PROGRESS" in run.of("recommendation")["failure"]["text"]
    assert environment.says_ledger("recommendation") == before


def test_d45_a_ledger_that_cannot_be_written_takes_the_version_back(served):
    """What serves and what the ledger says stay the same."""
    before = {role: served.served(role) for role in ROLES}
    served.improve()
    served.break_state("WriteLedger", Name="ssm-reserved-name")
    run = served.run({"force": True})
    assert run.decisions() == {"recommendation": "failed", "reranking": "failed"}
    assert run.of("reranking")["failure"]["step"] == "write ledger"
    assert {role: served.served(role) for role in ROLES} == before
    assert {role: served.says_ledger(role) for role in ROLES} == before


def test_a_ledger_that_does_not_say_what_the_campaign_serves_is_settled_and_reported(new):
    """The campaign is what counts: it is asked, the ledger follows it, and the difference is a warning."""
    environment = new(reranking=False)
    environment.promoted_once()
    served = environment.served("recommendation")
    environment.ssm.put_parameter(
        Name=environment.ledger("recommendation"), Value="none", Type="String", Overwrite=True
    )
    run = environment.run()
    assert run.decisions() == {"recommendation": "skipped"}
    assert environment.served("recommendation") == environment.says_ledger("recommendation") == served
    assert any(
        f"the campaign served {served}, but the ledger said none" in w for w in run.of("recommendation")["warnings"]
    )


def test_d44_promoted_is_said_after_the_campaign_serves(served):
    """The one message of a run comes after the ledger was written."""
    served.improve()
    run = served.run({"force": True})
    states = served.history(run)
    assert len(run.messages) == 1
    assert states.index("SendNotification") > max(i for i, state in enumerate(states) if state == "WriteLedger")
