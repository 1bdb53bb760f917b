"""One works at a time: runs and deploys share a lock, which outlives nobody for long."""

from tests.statemachines.world import wait_until


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
    served.ssm.put_parameter(Name=served.lock, Value="deploy:abc", Type="String")
    execution = served.start()
    wait_until(lambda: "WaitForLock" in served.history_of(execution))
    served.ssm.delete_parameter(Name=served.lock)
    run = served.after(execution)
    assert run.status == "SUCCEEDED"
    assert set(run.decisions().values()) == {"skipped"}
    assert served.holder() is None


def test_a_deploy_that_keeps_the_lock_is_reported(served):
    """After an hour of waiting the run gives up, leaves the lock where it is, and says what to do."""
    served.ssm.put_parameter(Name=served.lock, Value="deploy:abc", Type="String")
    run = served.run()
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.LockNotTaken")
    assert served.holder() == "deploy:abc"
    assert served.history(run).count("WaitForLock") == 12
    assert "run deploy.sh" in run.messages[0]["message"]
    served.ssm.delete_parameter(Name=served.lock)


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
    assert "TakeOver" in environment.history(run)
    assert environment.holder() is None


def test_the_lock_of_a_run_that_nobody_remembers_is_taken_over(served):
    """Executions are forgotten after 90 days; their locks must not outlive them."""
    served.ssm.put_parameter(Name=served.lock, Value=served.execution("long-ago"), Type="String")
    run = served.run()
    assert set(run.decisions().values()) == {"skipped"}
    assert served.holder() is None


def test_of_several_that_find_a_dead_holder_one_takes_over(new):
    """All see the same dead holder; only one run works at a time all the same."""
    environment = new(reranking=False)
    environment.hang()
    environment.ssm.put_parameter(Name=environment.lock, Value=environment.execution("dead"), Type="String")
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
    served.ssm.put_parameter(Name=served.lock, Value=served.execution(name), Type="String")
    run = served.run(name=name)
    assert run.status == "SUCCEEDED"
    assert "AskForHolder" not in served.history(run)


def test_a_lock_that_cannot_be_reached_is_reported(served):
    """Without a lock nothing is trained, and the message gives the cause."""
    served.break_state("TakeLock", Name="ssm-reserved-name")
    run = served.run({"force": True})
    assert (run.status, run.error) == ("FAILED", "AnimalRecommender.LockNotTaken")
    assert "Ssm." in run.messages[0]["message"]
    assert "Train" not in served.history(run)
