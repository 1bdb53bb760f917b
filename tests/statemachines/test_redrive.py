"""A run that was stopped and is redriven has its old ARN, runs again, and begins where it was: maybe without the lock.

Each state that calls something is the one at which it is stopped. A redriven run goes on while nobody else has had the
lock, takes it anew before it looks at anything, and otherwise stops without a word to campaign or ledger.
"""

from functools import cache

import pytest

from local_cloud.emulator.states.definition import states
from tests.statemachines.fake_items import RefusedError
from tests.statemachines.fake_services import Services, arn, definition, execution_arn
from tests.statemachines.interpreter import Ended, StoppedError
from tests.statemachines.test_every_failure import SCENARIOS, decision, told
from tests.statemachines.world import GOOD, NDCG, ROLES

FORCED = {"force": True}
PROTECTED = ("updateCampaign", "putParameter")
STOPPABLE = ("promotion", "first training", "a failed canary", "a ledger that cannot be written")
DEPLOY = "deploy:0123456789abcdef"
IN_PROMOTION = {name for name, _ in states(definition()["States"]["PromoteVersions"]["ItemProcessor"])}


@cache
def called(scenario: str) -> tuple[str, ...]:
    """The states of the scenario that call something, in order."""
    services = SCENARIOS[scenario]()
    services.run(FORCED)
    return tuple(dict.fromkeys(state for state, _ in services.calls))


PLACES = [(scenario, state) for scenario in STOPPABLE for state in called(scenario)]


def stopped(scenario: str, at: str) -> Services:
    """The scenario's world after its run was stopped the first time that it came to the state."""
    services = SCENARIOS[scenario]()

    def stop(_: Services, state: str) -> None:
        if state == at:
            raise StoppedError

    services.before = stop
    assert services.run(FORCED).status == "ABORTED"
    services.before = lambda _services, _state: None
    services.calls.clear()
    return services


def redriven(services: Services) -> Ended:
    ended = services.redrive(FORCED)
    assert ended.status in ("SUCCEEDED", "FAILED")
    return ended


def protected_calls(services: Services) -> list[tuple[str, str]]:
    """Those of campaigns and ledgers: that a version was rejected is noted by whoever found it out."""
    return [call for call in services.calls if call[1] in PROTECTED and call[0] != "RecordJudgement"]


def served(services: Services) -> dict[str, str]:
    services.settle()
    return {role: services.campaigns[arn(f"campaign/{role}")].version for role in ROLES}


@pytest.mark.parametrize(("scenario", "state"), PLACES)
def test_while_another_holds_the_lock_nothing_is_touched(scenario: str, state: str) -> None:
    """No campaign, no ledger, not the other's lock; the message says why, where there was something left to do."""
    services = stopped(scenario, state)
    services.hold(DEPLOY, kind="deploy", expires="2030-01-01T00:00:00.000Z")
    ended = redriven(services)
    assert protected_calls(services) == []
    assert services.holder == DEPLOY
    if state in IN_PROMOTION and not state.startswith(("GetCanary", "ComposePopular", "WritePopular")):
        assert "failed at: lock" in told(services, ended)


@pytest.mark.parametrize(("scenario", "state"), PLACES)
def test_while_nobody_else_had_the_lock_it_goes_on(scenario: str, state: str) -> None:
    """It is still the holder: ledgers and campaigns agree at the end, or the message says that they may not."""
    services = stopped(scenario, state)
    ended = redriven(services)
    assert services.holder is None
    if services.campaigns:
        for role, version in served(services).items():
            agree = services.parameters[f"/test/{role}"] == version
            assert agree or "The ledger may say something else" in told(services, ended)


@pytest.mark.parametrize("state", called("promotion"))
def test_what_another_promoted_meanwhile_is_not_undone(state: str) -> None:
    """Another run had the lock and gave it back: what was looked at before is out of date, and is not acted upon."""
    services = stopped("promotion", state)
    services.settle()
    for role in ROLES:
        version = services._train(arn(f"solution/{role}"), "other", GOOD | {NDCG: 0.9}, services.clock.now)
        services.parameters[f"/test/{role}"] = version
        services.campaigns[arn(f"campaign/{role}")].version = version
        services.campaigns[arn(f"campaign/{role}")].update = None
    services.items.found.clear()
    redriven(services)
    assert {version.rpartition("/")[2] for version in served(services).values()} == {"other"}
    assert {services.parameters[f"/test/{role}"].rpartition("/")[2] for role in ROLES} == {"other"}
    assert services.holder is None


@pytest.mark.parametrize("state", ["UpdateCampaign", "WriteLedger", "RollBackCampaign", "CorrectLedger"])
def test_a_run_that_is_redriven_into_the_call_itself_does_not_make_it(state: str) -> None:
    """The check lies before the state that is repeated: it counts for the life of the run that made it alone."""
    scenario = next(scenario for scenario in STOPPABLE if state in called(scenario))
    services = stopped(scenario, state)
    services.hold(DEPLOY, kind="deploy", expires="2030-01-01T00:00:00.000Z")
    ended = redriven(services)
    assert state in ended.entered
    assert (state, "updateCampaign") not in services.calls
    assert (state, "putParameter") not in services.calls


def test_a_run_takes_the_lock_anew_before_it_promotes() -> None:
    """Stopped in its training and taken over by a deploy that has ended: the rest of the run is done under the lock."""
    services = stopped("promotion", "GetVersionMetrics")
    services.items.found.clear()
    ended = redriven(services)
    assert decision(told(services, ended), "recommendation") == "promoted"
    assert services.holder is None


def test_whoever_found_the_run_dead_loses_to_its_redrive() -> None:
    """The take-over compares the heartbeat that was seen: a run that has renewed it meanwhile lives again."""
    services = stopped("promotion", "GetVersionMetrics")
    seen = services.items.found["campaigns"]["heartbeat"]
    late = {
        "Key": {"id": {"S": "campaigns"}},
        "UpdateExpression": "SET holder = :me",
        "ConditionExpression": definition()["States"]["TakeOverLock"]["Parameters"]["ConditionExpression"],
        "ExpressionAttributeValues": {
            ":me": {"S": DEPLOY},
            ":dead": {"S": execution_arn("run")},
            ":seen": {"S": seen},
        },
    }

    def take_over(world: Services, state: str) -> None:
        if state == "CheckLockForUpdate":
            with pytest.raises(RefusedError):
                world.items.update(late)

    services.before = take_over
    ended = redriven(services)
    assert "CheckLockForUpdate" in ended.entered
    assert decision(told(services, ended), "recommendation") == "promoted"
