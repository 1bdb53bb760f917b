"""The lock around the campaigns."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from infra.naming import LOCK_ID
from tools.deploy.base.errors import DeployError
from tools.deploy.lock import lock
from tools.deploy.lock import pace as paces
from tools.deploy.lock.lock import LockLostError
from tools.deploy.lock.pace import Pace, Stillness
from tools.environment.connection import Connection

KEY = {"id": {"S": LOCK_ID}}
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:dev-recommender-state-machine-stm:run"
QUICK = Pace(beat_seconds=0.01, dead_after_seconds=0.3, look_seconds=0.01)
PATIENT = Pace(beat_seconds=3600.0, dead_after_seconds=3600.0, look_seconds=0.01)


def nothing(_: str) -> None:
    """Shows no progress."""


def hold(connection: Connection, holder: str, heartbeat: str = "then") -> None:
    connection.client("dynamodb").put_item(
        TableName=connection.settings.names.lock_table,
        Item={**KEY, "holder": {"S": holder}, "heartbeat": {"S": heartbeat}, "who": {"S": "a laptop"}},
    )


def found(connection: Connection) -> dict[str, str]:
    answer = connection.client("dynamodb").get_item(TableName=connection.settings.names.lock_table, Key=KEY)
    return {name: value["S"] for name, value in answer.get("Item", {}).items()}


def holder(connection: Connection) -> str | None:
    return found(connection).get("holder")


class Executions:
    """Step Functions as far as the lock asks it."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)

    def describe_execution(self, **_: str) -> dict[str, str]:
        return {"status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}

    def describe_state_machine(self, **_: str) -> dict[str, str]:
        return {"definition": "{}"}


@pytest.fixture
def executions(connection: Connection) -> Callable[..., None]:
    def say(*statuses: str) -> None:
        connection._clients["stepfunctions"] = Executions(*statuses)

    return say


def test_it_is_held_in_the_block_and_gone_after(connection: Connection) -> None:
    """The item exists only while the lock is held; its holder is a random id, and who that is stands beside it."""
    with lock.held(connection, nothing) as mine:
        item = found(connection)
        assert mine.holder == item["holder"]
        assert (item["kind"], "process" in item["who"]) == ("deploy", True)
        assert item["heartbeat"] < item["expires"]
        mine.check()
    assert found(connection) == {}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_is_released_when_the_block_fails_or_is_interrupted(
    connection: Connection, error: type[BaseException]
) -> None:
    """Ctrl-C leaves no lock behind."""
    with pytest.raises(error), lock.held(connection, nothing):
        raise error
    assert holder(connection) is None


def test_a_deploy_that_gives_signs_of_life_is_not_disturbed(connection: Connection) -> None:
    """It is refused as soon as the other's heartbeat has moved, whatever its host, its process and its clock."""
    beats = itertools.count()
    hold(connection, "deploy:other")

    def beat(_: str) -> None:
        hold(connection, "deploy:other", f"1970-01-01T00:00:00.{next(beats):06}Z")

    with pytest.raises(DeployError, match="another deploy works"), lock.held(connection, beat, pace=PATIENT):
        raise AssertionError("must not be entered")
    assert holder(connection) == "deploy:other"


@pytest.mark.parametrize("heartbeat", ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "nonsense", ""])
def test_a_deploy_that_is_still_for_long_enough_loses_it(connection: Connection, heartbeat: str) -> None:
    """What its heartbeat says does not count, only that it did not change while this deploy looked."""
    hold(connection, "deploy:dead", heartbeat)
    looks: list[str] = []
    with lock.held(connection, looks.append, pace=QUICK) as mine:
        assert mine.holder == holder(connection)
    assert len(looks) > 1
    assert "a laptop" in looks[0]
    assert holder(connection) is None


def test_it_is_the_observers_own_steady_time_that_counts() -> None:
    """Dead only when ten minutes passed between the first look and the last, with the same sign at both."""
    now = 1000.0
    stillness = Stillness(Pace(), clock=lambda: now)
    assert not stillness.moved("deploy:a", "1")
    assert not stillness.is_over()
    now += 599
    assert not stillness.moved("deploy:a", "1")
    assert not stillness.is_over()
    now += 1
    assert stillness.is_over()
    assert not stillness.moved("deploy:b", "1")
    assert not stillness.is_over()
    now += 60
    assert stillness.moved("deploy:b", "2")


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_training_run_that_ended_loses_it(
    connection: Connection, executions: Callable[..., None], status: str
) -> None:
    """The execution says itself that it no longer runs."""
    hold(connection, EXECUTION)
    executions(status)
    with lock.held(connection, nothing) as mine:
        assert mine.holder == holder(connection)


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE", "A STATUS OF NEXT YEAR"])
def test_a_training_run_at_work_is_waited_for(
    connection: Connection, executions: Callable[..., None], status: str
) -> None:
    """The deploy says what it waits for, and goes on when the run has ended; what is not an end is work."""
    hold(connection, EXECUTION)
    executions(status, status, "SUCCEEDED")
    said: list[str] = []
    with lock.held(connection, said.append, pace=PATIENT) as mine:
        assert mine.holder == holder(connection)
    assert ["waiting for the training run that holds the lock"] * 2 == said


def test_a_run_that_was_redriven_between_look_and_take_over_keeps_it(connection: Connection) -> None:
    """It was found dead; by the time of the take-over it has renewed the lock, and is waited for."""
    hold(connection, EXECUTION, "first")

    class Redriven(Executions):
        def describe_execution(self, **_: str) -> dict[str, str]:
            status = self.statuses.pop(0)
            if status == "ABORTED":
                hold(connection, EXECUTION, "second")
            return {"status": status}

    connection._clients["stepfunctions"] = Redriven("ABORTED", "RUNNING", "SUCCEEDED")
    said: list[str] = []
    with lock.held(connection, said.append, pace=PATIENT):
        assert len(said) == 1


def test_the_heart_beats_while_it_is_held(connection: Connection) -> None:
    """The item is written again and again: others see that this deploy lives."""
    seen: set[str] = set()
    with lock.held(connection, nothing, pace=QUICK):
        while len(seen) < 3:
            seen.add(found(connection)["heartbeat"])
    assert holder(connection) is None


def test_the_heart_beats_by_the_clock_on_the_wall_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a computer sleeps its steady clock stands still: the first beat after it does not wait for the rest."""
    steady, wall = 100.0, 5000.0
    monkeypatch.setattr("tools.deploy.lock.lock.time.monotonic", lambda: steady)
    monkeypatch.setattr("tools.deploy.lock.lock.time.time", lambda: wall)
    due = lock._Due(60.0)
    due.restart()
    assert not due.is_now()
    wall += 3600
    assert due.is_now()
    due.restart()
    wall -= 60
    assert due.is_now()


def lose(connection: Connection, work: Callable[[lock.Held], None], pace: Pace = PATIENT) -> LockLostError:
    """How a deploy ends that does `work` under the lock."""
    with pytest.raises(LockLostError) as lost, lock.held(connection, nothing, pace=pace) as mine:
        work(mine)
    return lost.value


def test_a_deploy_that_was_robbed_in_its_sleep_stops(connection: Connection) -> None:
    """The next check says so; what the other holds is left alone."""

    def sleep_and_go_on(mine: lock.Held) -> None:
        hold(connection, "deploy:other")
        mine.check()
        raise AssertionError("must not be reached")

    assert "its computer may have slept" in str(lose(connection, sleep_and_go_on))
    assert holder(connection) == "deploy:other"


def test_a_lock_that_was_lost_and_given_back_is_lost(connection: Connection) -> None:
    """Another has worked meanwhile: that nobody has the lock now does not make it this deploy's again."""

    def sleep_and_go_on(mine: lock.Held) -> None:
        connection.client("dynamodb").delete_item(TableName=connection.settings.names.lock_table, Key=KEY)
        mine.check()
        raise AssertionError("must not be reached")

    lose(connection, sleep_and_go_on)
    assert holder(connection) is None


def test_the_heart_notices_the_loss_and_says_so(connection: Connection) -> None:
    """Whatever fails after it (the CDK, which is ended for it) is told as the loss that it is."""

    def deploy(mine: lock.Held) -> None:
        hold(connection, "deploy:other")
        assert mine.lost.wait(60)
        raise DeployError("`cdk deploy` failed")

    assert "What failed: `cdk deploy` failed" in str(lose(connection, deploy, QUICK))
    assert holder(connection) == "deploy:other"


def test_a_block_that_ends_well_without_the_lock_does_not_end_well(connection: Connection) -> None:
    """What it did may have met another's work."""
    with pytest.raises(LockLostError), lock.held(connection, nothing, pace=PATIENT):
        hold(connection, "deploy:other")
    assert holder(connection) == "deploy:other"


def test_a_check_that_gets_no_answer_stops_the_deploy(connection: Connection) -> None:
    """Nobody can say who has the lock: nothing is done without knowing."""
    dynamodb = connection.client("dynamodb")
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        update, dynamodb.update_item = dynamodb.update_item, refuse
        with pytest.raises(LockLostError, match="cannot be told"):
            mine.check()
        dynamodb.update_item = update
        mine.check()


def refuse(**_: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="dynamodb")


def lose_answers(connection: Connection, operation: str, between: Callable[[], None] = lambda: None) -> None:
    """Every call of the operation is made twice from now on, as botocore does when the first answer was lost."""
    dynamodb = connection.client("dynamodb")
    call = getattr(dynamodb, operation)

    def twice(**parameters: Any) -> Any:
        call(**parameters)
        between()
        return call(**parameters)

    setattr(dynamodb, operation, twice)


def test_a_write_whose_answer_was_lost_is_the_holders_own(connection: Connection) -> None:
    """Taking, renewing and taking over find themselves the holder when they are made again."""
    lose_answers(connection, "update_item")
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        mine.check()
    hold(connection, "deploy:dead")
    heir = lock._item(connection, "deploy:heir", PATIENT)
    seen = heir.read()
    assert seen is not None
    assert heir.take_over(seen)
    assert holder(connection) == "deploy:heir"


def test_a_release_whose_answer_was_lost_leaves_the_next_holder_alone(connection: Connection) -> None:
    """The deletion was done, another took the lock, and the deletion is made again."""
    lose_answers(connection, "delete_item", between=lambda: hold(connection, "deploy:next"))
    with lock.held(connection, nothing, pace=PATIENT) as mine:
        mine.check()
    assert holder(connection) == "deploy:next"


def test_of_two_that_found_the_same_dead_holder_one_takes_over(connection: Connection) -> None:
    """Both saw it, one finds it unchanged."""
    hold(connection, "deploy:dead")
    first, second = (lock._item(connection, f"deploy:{name}", PATIENT) for name in ("first", "second"))
    seen = first.read()
    assert seen is not None
    assert (first.take_over(seen), second.take_over(seen)) == (True, False)
    assert holder(connection) == "deploy:first"


def test_an_item_without_a_heartbeat_is_taken_over_too(connection: Connection) -> None:
    """Somebody wrote it by hand; nobody renews it."""
    heir = lock._item(connection, "deploy:heir", PATIENT)
    item = {**KEY, "holder": {"S": EXECUTION}, "kind": {"S": "run"}}
    connection.client("dynamodb").put_item(TableName=heir.table, Item=item)
    seen = heir.read()
    assert seen is not None
    assert heir.take_over(seen)
    assert holder(connection) == "deploy:heir"


def test_a_dead_holder_that_comes_back_finds_itself_robbed(connection: Connection) -> None:
    """Its renewal is refused, and its release leaves the heir's lock."""
    dead, heir = (lock._item(connection, f"deploy:{name}", PATIENT) for name in ("dead", "heir"))
    assert dead.take()
    seen = heir.read()
    assert seen is not None
    assert heir.take_over(seen)
    assert not dead.renew()
    dead.release()
    assert heir.renew()


def test_a_removal_goes_on_where_the_table_is_gone(connection: Connection) -> None:
    """An interrupted removal has taken it away; a deploy without a table is an error."""
    connection.client("dynamodb").delete_table(TableName=connection.settings.names.lock_table)
    with lock.held(connection, nothing, table_may_be_gone=True) as mine:
        mine.check()
    with pytest.raises(ClientError, match="ResourceNotFound"), lock.held(connection, nothing):
        raise AssertionError("must not be entered")


def test_on_this_computer_a_dead_deploy_does_not_cost_minutes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy's heart beats faster there, and it is dead the sooner; elsewhere it is ten minutes."""
    assert paces.pace_of(connection).dead_after_seconds == 600
    monkeypatch.setattr(Connection, "is_local", True)
    here = paces.pace_of(connection)
    assert here.dead_after_seconds <= 30
    assert here.dead_after_seconds >= 10 * here.beat_seconds
