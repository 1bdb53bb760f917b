"""How a run ends: one message that tells all, and end states of their own for what stands in its way."""

import pytest

from tests.statemachines.world import NDCG, ended

MARKER = "AnimalRecommender."


def test_d52_every_run_sends_one_message_with_every_story(served):
    """Subscribers of the topic hear of both solutions in one message."""
    served.improve("recommendation")
    served.measure({NDCG: 0.0}, "reranking")
    run = served.run({"force": True})
    assert len(run.messages) == 1
    message = run.messages[0]
    assert message["subject"] == "[test] Training: recommendation promoted, reranking held back"
    assert "RECOMMENDATION: promoted" in message["message"]
    assert "RERANKING: held back" in message["message"]


def test_a_record_of_the_run_is_kept(served):
    """Version, metrics, when and why, for as long as one wants to look back."""
    served.improve()
    run = served.run({"force": True, "trigger": "manual"})
    assert run.record["execution"] == run.name
    assert run.record["request"] == {"force": True, "trigger": "manual", "task": "train"}
    assert run.record["startedAt"] < run.record["endedAt"]
    assert run.of("recommendation")["version"] == served.served("recommendation")
    assert run.of("recommendation")["metrics"]["coverage"] == 0.5
    assert run.output["solutions"] == run.record["solutions"]


def test_a_topic_that_is_down_has_an_end_state_of_its_own(served):
    """The run ends in its own state, with the message in its cause, and a metric that an alarm watches."""
    before = served.metric("NotificationFailed", environment=served.name) or 0
    served.break_state("SendNotification", TopicArn=f"{served.topic}-gone")
    run = served.run()
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.NotificationFailed")
    assert "not trained" in run.cause
    assert "Sns.NotFoundException" in run.cause
    assert served.metric("NotificationFailed", environment=served.name) == before + 1
    assert served.holder() is None


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("WriteRecord", "The record of this run could not be written."),
        ("PublishMetrics", "The metrics of this run could not be published."),
        ("ReleaseLock", "The lock could not be released."),
    ],
)
def test_what_fails_after_the_work_is_told(served, state, told):
    """A record, a metric or a release that fails changes nothing of what was done, and is in the message."""
    served.break_state(state)
    described = ended(served.cloud, served.start())
    assert described["status"] == "SUCCEEDED"
    message = served.messages()[0]["message"]
    assert "RECOMMENDATION: not trained" in message
    assert told in message
    served.free_lock()


def test_a_popular_list_that_cannot_be_written_is_a_warning(served):
    """The version stays promoted: an older list is better than none."""
    served.improve()
    served.break_state("WritePopularList", Bucket="no-such-bucket-anywhere")
    run = served.run({"force": True})
    assert run.decisions()["recommendation"] == "promoted"
    assert "the popular list was not renewed" in run.of("recommendation")["warnings"][0]
    assert "S3.NoSuchBucketException" in run.of("recommendation")["warnings"][0]


def test_a_gate_that_does_not_answer_stops_neither_lock_nor_message(served):
    """Without the gate nothing is trained; the run still releases the lock and tells what it knows."""
    served.use_gate("no-such-gate")
    execution = served.start({"force": True})
    described = ended(served.cloud, execution)
    assert (described["status"], described["error"]) == ("FAILED", "AnimalRecommender.RunFailed")
    message = served.messages()[0]["message"]
    assert "its report could not be written" in message
    assert "Lambda.ResourceNotFoundException" in message
    assert served.holder() is None


def test_a_ledger_that_is_missing_is_a_failure_with_advice(new):
    """deploy.sh makes the ledgers; without one nothing may be promoted."""
    environment = new()
    environment.ssm.delete_parameter(Name=environment.ledger("reranking"))
    run = environment.run()
    assert run.decisions() == {"recommendation": "promoted", "reranking": "failed"}
    assert run.of("reranking")["failure"]["step"] == "read ledger"
    assert "Run deploy.sh" in run.of("reranking")["failure"]["advice"]


def test_an_input_that_is_no_object_ends_without_the_marker(served):
    """Nothing was locked and nothing told: the rule for silent ends speaks for such runs."""
    described = ended(served.cloud, served.start("nonsense"))
    assert described["status"] == "FAILED"
    assert not described["error"].startswith(MARKER)
    assert served.messages() == []
    assert served.holder() is None


@pytest.mark.parametrize("task", ["tarin", None, 5])
def test_d46_an_unknown_task_trains_nothing(served, task):
    """A misspelt input is told and costs nothing; the lock is not even asked for."""
    run = served.run({"task": task})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.UnknownTask")
    assert "its input has a task other than train and canary" in run.messages[0]["message"]
    assert "AcquireLock" not in served.history(run)


def test_d46_an_unknown_answer_of_the_gate_promotes_nothing(served):
    """A Choice without a matching rule has a default that is safe."""
    served.break_state(
        "EvaluateVersion", Payload={"task": "decide", "force": False, "solution": {}, "events": {}, "now": "x"}
    )
    run = served.run({"force": True})
    assert run.decisions() == {"recommendation": "failed", "reranking": "failed"}
    assert run.of("recommendation")["failure"]["step"] == "judge"
