"""The lock's writes, made by several at once, repeated after a lost answer, or compared with a clock that is wrong."""

from datetime import timedelta

import pytest

from local_cloud.emulator.states.language import LONGEST_CAUSE
from tests.statemachines.fake_services import LOCK, Fault, Services, execution_arn
from tests.statemachines.test_every_failure import told

FORCED = {"force": True}
DEPLOY = "deploy:0123456789abcdef"
PAST, FUTURE = "2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
OTHER = execution_arn("other")


def a_deploy_takes_it(at: str):
    """At the second call of the state, which is a repeated one, a deploy has the lock."""
    seen = []

    def before(services: Services, state: str) -> None:
        if state == at:
            seen.append(state)
            if len(seen) == 2:
                services.hold(DEPLOY, kind="deploy", expires=FUTURE)

    return before


@pytest.mark.parametrize("error", ["States.Timeout", "DynamoDb.SdkClientException"])
def test_a_release_whose_answer_was_lost_leaves_the_next_holder_alone(error: str) -> None:
    """The deletion was done, a deploy took the lock, and the deletion is repeated: the deploy keeps it."""
    services = Services.serving()
    services.faults = [Fault("ReleaseLock", error, times=1, done=True)]
    services.before = a_deploy_takes_it("ReleaseLock")
    assert services.run(FORCED).status == "SUCCEEDED"
    assert services.holder == DEPLOY


@pytest.mark.parametrize("error", ["States.Timeout", "DynamoDb.SdkClientException"])
def test_a_taking_whose_answer_was_lost_is_its_own(error: str) -> None:
    """The repeated write finds the lock with this run, and the run goes on at once."""
    services = Services.serving()
    services.faults = [Fault("AcquireLock", error, times=1, done=True)]
    ended = services.run(FORCED)
    assert ended.status == "SUCCEEDED"
    assert "ReadLock" not in ended.entered


def test_a_take_over_whose_answer_was_lost_is_its_own() -> None:
    """The repeated write no longer finds the dead holder, but this run."""
    services = Services.serving()
    services.hold(OTHER)
    services.executions[OTHER] = "FAILED"
    services.faults = [Fault("TakeOverLock", "States.Timeout", times=1, done=True)]
    ended = services.run(FORCED)
    assert ended.status == "SUCCEEDED"
    assert "WaitForLock" not in ended.entered


def test_a_dead_holder_without_a_heartbeat_is_taken_over() -> None:
    """An item that lacks what others have ends no run, this one or the next."""
    services = Services.serving()
    services.items.found[LOCK] = {"id": LOCK, "holder": OTHER}
    services.executions[OTHER] = "FAILED"
    assert services.run(FORCED).status == "SUCCEEDED"
    assert services.holder is None


def test_a_holder_that_had_no_heartbeat_and_has_one_is_not_robbed() -> None:
    """It was redriven after it was found dead, and has renewed the lock before the take-over."""
    services = Services.serving()
    services.items.found[LOCK] = {"id": LOCK, "holder": OTHER}
    services.executions[OTHER] = "ABORTED"

    def redrive(world: Services, state: str) -> None:
        if state == "TakeOverLock":
            world.executions[OTHER] = "RUNNING"
            world.items.found[LOCK]["heartbeat"] = "later"

    services.before = redrive
    assert services.run(FORCED).output == {"outcome": "busy", "solutions": []}
    assert services.holder == OTHER


def test_a_holder_that_was_redriven_between_the_looks_is_not_robbed() -> None:
    """It was found dead, and has renewed the lock before the take-over: the heartbeat that was seen is gone."""
    services = Services.serving()
    services.hold(OTHER)
    services.executions[OTHER] = "ABORTED"

    def redrive(world: Services, state: str) -> None:
        if state == "TakeOverLock":
            world.executions[OTHER] = "RUNNING"
            world.items.found[LOCK]["heartbeat"] = "later"

    services.before = redrive
    ended = services.run(FORCED)
    assert ended.output == {"outcome": "busy", "solutions": []}
    assert services.holder == OTHER


def test_a_deploy_whose_clock_is_late_is_not_robbed() -> None:
    """Its time has run out by our clock, but each look finds another sign of life."""
    services = Services.serving()
    services.hold(DEPLOY, kind="deploy", expires=PAST)

    def beat(world: Services, state: str) -> None:
        if state == "ReadLock":
            world.items.found[LOCK]["heartbeat"] = world.clock.text()

    services.before = beat
    ended = services.run(FORCED)
    assert ended.error == "AnimalRecommender.LockNotTaken"
    assert DEPLOY in told(services, ended)
    assert services.holder == DEPLOY


def test_a_dead_deploy_whose_clock_was_early_is_left_to_the_next_deploy() -> None:
    """Its time has not run out by our clock: the run waits for an hour, and says who holds the lock."""
    services = Services.serving()
    services.hold(DEPLOY, kind="deploy", expires=FUTURE, who="a laptop")
    ended = services.run(FORCED)
    assert ended.error == "AnimalRecommender.LockNotTaken"
    assert "a laptop" in told(services, ended)


def test_what_a_deploy_left_in_the_item_goes_with_it() -> None:
    """A taken-over item says nothing of the deploy that had it."""
    services = Services.serving()
    services.hold(DEPLOY, kind="deploy", expires=PAST, who="a laptop")
    found: dict[str, str] = {}

    def look(world: Services, state: str) -> None:
        if state == "DescribeSolution":
            found.update(world.items.found[LOCK])

    services.before = look
    assert services.run(FORCED).status == "SUCCEEDED"
    assert found["kind"] == "execution"
    assert {"who", "expires"}.isdisjoint(found)


@pytest.mark.parametrize("state", ["RenewLock", "CheckLockForUpdate", "CheckLockForLedger"])
def test_whoever_lost_the_lock_stops_there(state: str) -> None:
    """By whatever way: nothing is written any more, the message says so, and the other's lock stands."""
    services = Services.serving()
    before = dict(services.parameters)

    def rob(world: Services, reached: str) -> None:
        if reached == state:
            world.hold(DEPLOY, kind="deploy", expires=FUTURE)

    services.before = rob
    ended = services.run(FORCED)
    assert ended.error == "AnimalRecommender.SolutionFailed"
    assert "failed at: lock. DynamoDb.ConditionalCheckFailedException" in told(services, ended)
    assert services.parameters == before
    assert services.holder == DEPLOY
    updates = [call for call in services.calls if call[1] == "updateCampaign"]
    assert len(updates) == (state == "CheckLockForLedger")


def test_others_that_are_quicker_each_time_end_the_wait_after_an_hour() -> None:
    """Each holder is found dead, and another has taken over just before: no run waits for its own time-out."""
    services = Services.serving()
    services.hold(OTHER)
    services.executions[OTHER] = "FAILED"
    services.faults = [Fault("TakeOverLock", "DynamoDb.ConditionalCheckFailedException")]
    begun = services.clock.now
    ended = services.run(FORCED)
    assert ended.error == "AnimalRecommender.LockNotTaken"
    assert ended.entered.count("WaitForLock") == 12
    assert services.clock.now - begun < timedelta(hours=2)
    assert "others were quicker to take" in told(services, ended)
    assert services.holder == OTHER


@pytest.mark.parametrize("answer", [{}, {"Status": None}, {"Status": ""}, {"Status": "PENDING_REDRIVE"}])
def test_a_holder_whose_status_is_not_told_is_not_robbed(answer: dict[str, object]) -> None:
    """An answer without it ends the run in order; the next one asks again."""
    services = Services.serving()
    services.hold(OTHER)
    services.executions[OTHER] = "FAILED"
    services.answers = lambda state, found: answer if state == "DescribeLockHolder" else found
    assert services.run(FORCED).output == {"outcome": "busy", "solutions": []}
    assert services.holder == OTHER
    services.answers = lambda _state, found: found
    assert services.run(FORCED, "next").status == "SUCCEEDED"
    assert services.holder is None


@pytest.mark.parametrize("state", ["AcquireLock", "ReadLock", "DescribeLockHolder", "TakeOverLock", "ReleaseLock"])
def test_a_lock_that_fails_is_told_by_the_name_of_its_error(state: str) -> None:
    """A cause may be as long as all that the end of a run can tell: the execution's history has it."""
    services = Services.serving()
    services.hold(OTHER)
    services.executions[OTHER] = "FAILED"
    error = "Sfn.InvalidArnException" if state == "DescribeLockHolder" else "DynamoDb.ResourceNotFoundException"
    if state == "AcquireLock":
        services.items.found.clear()
    services.faults = [Fault(state, error, '"\x00' * (LONGEST_CAUSE // 2))]
    ended = services.run(FORCED)
    (message,) = services.published
    assert error in message["message"]
    assert len(message["message"]) < 4_000
    assert len(ended.cause) < 4_000


def test_whoever_keeps_the_lock_is_told_in_full() -> None:
    """Holder, heartbeat, end and person, and none of what else an item might hold."""
    services = Services.serving()
    services.hold(DEPLOY, kind="deploy", expires=FUTURE, who="a laptop", more="x" * 100_000)
    text = told(services, services.run(FORCED))
    assert '"holder":["deploy:0123456789abcdef"],"kind":["deploy"]' in text
    assert len(text) < 4_000
