"""One works at a time: runs and deploys share a lock, which outlives nobody for long."""

from tests.statemachines.world import LOCKS, wait_until

DEPLOY = "deploy:0123456789abcdef"
PAST, FUTURE = "2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"


def test_d40_a_second_start_does_nothing_while_one_runs(new):
    """The second run ends at once and says who is at work; the first goes on."""
    environment = new(reranking=False)
    environment.hang()
    first = environment.start()
    wait_until(lambda: environment.holder() == first)
    second = environment.run({"force": True})
    assert (second.status, second.output) == ("SUCCEEDED", {"outcome": "busy", "solutions": []})
    assert first in second.messages[0]["message"]
    assert environment.holder() == first
    assert environment.functions.describe_execution(executionArn=first)["status"] == "RUNNING"
    environment.functions.stop_execution(executionArn=first)


def test_a_run_waits_for_a_deploy(served):
    """A deploy holds the lock for minutes: the run waits for it and trains then."""
    served.lengthen("WaitForLock", 6000)
    served.hold(DEPLOY, kind="deploy", expires=FUTURE)
    execution = served.start()
    wait_until(lambda: "WaitForLock" in served.history_of(execution))
    served.free_lock()
    run = served.after(execution)
    assert run.status == "SUCCEEDED"
    assert set(run.decisions().values()) <= {"skipped", "promoted"}  # nothing new, or the first of its environment
    assert served.holder() is None


def test_a_deploy_that_keeps_the_lock_is_reported(served):
    """After an hour of waiting the run gives up, leaves the lock where it is, and says what to do."""
    served.hold(DEPLOY, kind="deploy", expires=FUTURE)
    run = served.run()
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.LockNotTaken")
    assert served.holder() == DEPLOY
    assert served.history(run).count("WaitForLock") == 12
    assert DEPLOY in run.messages[0]["message"]
    assert "start the training again when its holder has ended" in run.messages[0]["message"]
    served.free_lock()


def test_the_lock_of_a_deploy_that_was_killed_is_taken_over(served):
    """No sign of life during two waits, and its own time has run out: no person has to free the lock."""
    served.hold(DEPLOY, kind="deploy", expires=PAST)
    run = served.run()
    assert set(run.decisions().values()) == {"skipped"}
    assert [state for state in served.history(run) if state in ("WaitForLock", "TakeOverLock")] == [
        "WaitForLock",
        "WaitForLock",
        "TakeOverLock",
    ]
    assert served.holder() is None


def test_the_lock_of_a_run_that_was_stopped_is_taken_over(new):
    """A holder that no longer runs holds nothing."""
    environment = new(reranking=False)
    environment.hang()
    stopped = environment.start()
    wait_until(lambda: environment.holder() == stopped)
    environment.functions.stop_execution(executionArn=stopped)
    assert environment.holder() == stopped
    run = environment.run({"task": "canary"})
    assert run.status == "SUCCEEDED"
    assert "TakeOverLock" in environment.history(run)
    assert environment.holder() is None


def test_the_lock_of_a_run_that_nobody_remembers_is_taken_over(served):
    """Executions are forgotten after 90 days; their locks must not outlive them."""
    served.hold(served.execution("long-ago"), kind="execution")
    run = served.run()
    assert set(run.decisions().values()) == {"skipped"}
    assert served.holder() is None


def test_the_lock_of_a_dead_run_without_a_heartbeat_is_taken_over(served):
    """An item that lacks what others have is nobody's for ever."""
    item = {"id": served.name, "holder": served.execution("long-ago")}
    served.dynamodb.put_item(TableName=LOCKS, Item={name: {"S": value} for name, value in item.items()})
    run = served.run()
    assert set(run.decisions().values()) == {"skipped"}
    assert "TakeOverLock" in served.history(run)
    assert served.holder() is None


def test_of_several_that_find_a_dead_holder_one_takes_over(new):
    """All see the same dead holder; only one run works at a time all the same."""
    environment = new(reranking=False)
    environment.hang()
    environment.hold(environment.execution("dead"), kind="execution")
    executions = {environment.start() for _ in range(3)}
    wait_until(lambda: environment.holder() in executions)
    worker = environment.holder()
    for execution in executions - {worker}:
        assert environment.after(execution).output == {"outcome": "busy", "solutions": []}
    assert environment.holder() == worker
    assert len(wait_until(lambda: environment.versions("recommendation"))) == 1
    environment.functions.stop_execution(executionArn=worker)


def test_a_run_that_finds_its_own_lock_goes_on(served):
    """The answer to a request that was repeated is no other holder."""
    name = "finds-its-own"
    served.hold(served.execution(name), kind="execution")
    run = served.run(name=name)
    assert run.status == "SUCCEEDED"
    assert "ReadLock" not in served.history(run)


def test_a_lock_that_cannot_be_reached_is_reported(served):
    """Without a lock nothing is trained, and the message gives the cause."""
    served.break_state("AcquireLock", TableName="no-such-table")
    run = served.run({"force": True})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.LockNotTaken")
    assert "DynamoDb.ResourceNotFoundException" in run.messages[0]["message"]
    assert "TrainSolutions" not in served.history(run)


def test_a_run_that_lost_the_lock_touches_neither_campaign_nor_ledger(served):
    """The check before the update fails: told as such, and the old model serves on."""
    before = {role: (served.served(role), served.says_ledger(role)) for role in ("recommendation", "reranking")}
    served.improve()
    served.break_state("CheckLockForUpdate", ConditionExpression="holder = :me AND life = :life AND holder = :now")
    run = served.run({"force": True})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.SolutionFailed")
    assert "failed at: lock. DynamoDb.ConditionalCheckFailedException" in run.messages[0]["message"]
    assert "UpdateCampaign" not in served.history(run)
    assert before == {role: (served.served(role), served.says_ledger(role)) for role in before}
