"""Executions of earlier definitions that the deploy of this one meets: today's gate understands what they ask.

`tests/e2e/test_machine_upgrade.py` deploys over one.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from local_cloud.emulator.states.definition import problems, states
from tests.statemachines import earlier
from tests.statemachines.fake_services import Fault, Services, definition
from tests.statemachines.interpreter import Ended, StoppedError
from tests.statemachines.test_every_failure import (
    MARKED,
    SCENARIOS,
    check,
    check_next_run,
    decision,
    errors_of,
    told,
)
from tests.statemachines.world import ROLES

FORCED = {"force": True}
EARLIER: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "the last before YAML": earlier.last,
    "release 0.1.0": earlier.release_0_1_0,
}
TASKS = {name: state for name, state in states(earlier.last()) if state["Type"] == "Task"}
GATE_TASKS = {state["Parameters"]["Payload"]["task"] for state in TASKS.values() if "lambda" in state["Resource"]}


def world(scenario: str, machine: str) -> Services:
    services = SCENARIOS[scenario]()
    services.machine = EARLIER[machine]()
    return services


@cache
def entered(scenario: str, machine: str) -> frozenset[str]:
    return frozenset(world(scenario, machine).run(FORCED).entered)


def assert_in_order(services: Services, ended: Ended, failing: str) -> None:
    """As after a run of today; the next run is one of today."""
    check(services, ended, failing)
    services.machine = definition()
    check_next_run(services)


def errors_of_each_way(state: Mapping[str, Any]) -> list[str]:
    """One error for each way that a failure of the call can take: each entry of Catch, with a retry or without."""
    retried = {error for rule in state["Retry"] for error in rule["ErrorEquals"]}
    caught = {error for rule in state["Catch"] for error in rule["ErrorEquals"]}
    known = errors_of(state["Resource"])
    by_way = {(error in retried, error if error in caught - retried else ""): error for error in known}
    return sorted({*by_way.values(), "States.Timeout"})


@pytest.mark.parametrize("machine", EARLIER)
def test_they_are_definitions(machine: str) -> None:
    """What is run here is what Step Functions took, and calls every task of the gate."""
    assert problems(EARLIER[machine]()) == []
    assert GATE_TASKS == {"decide", "conclude training", "judge", "popular", "conclude promotion", "report"}


@pytest.mark.parametrize("machine", EARLIER)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_execution_of_before_ends_as_one_of_today(scenario: str, machine: str) -> None:
    """In each scenario: the same end, the same decisions, campaigns and ledgers, and the next run is in order."""
    services, today = world(scenario, machine), SCENARIOS[scenario]()
    ended, ends_today = services.run(FORCED), today.run(FORCED)
    assert (ended.status, ended.error) == (ends_today.status, ends_today.error)
    for role in ROLES:
        assert decision(told(services, ended), role) == decision(told(today, ends_today), role)
    for each in (services, today):
        each.settle()
    assert {arn: found.version for arn, found in services.campaigns.items()} == {
        arn: found.version for arn, found in today.campaigns.items()
    }
    ledgers = {f"/test/{role}" for role in ROLES}
    assert {name: services.parameters[name] for name in ledgers} == {name: today.parameters[name] for name in ledgers}
    assert_in_order(services, ended, "")


@pytest.mark.parametrize("machine", EARLIER)
@pytest.mark.parametrize("state", sorted(TASKS))
def test_whatever_fails_in_an_execution_of_before_order_is_kept(state: str, machine: str) -> None:
    """Each call fails in each way that its definition knows: the gate understands what that leaves behind."""
    scenario = next(scenario for scenario in SCENARIOS if state in entered(scenario, machine))
    retried = {error for rule in TASKS[state]["Retry"] for error in rule["ErrorEquals"]}
    for error in errors_of_each_way(TASKS[state]):
        if (state, error) == ("LookAtCampaign", "Personalize.ResourceNotFoundException"):
            continue  # Of a campaign that is there, this is not true: the first training has none.
        for done in (False, True) if error == "States.Timeout" else (False,):
            services = world(scenario, machine)
            # What is not tried again fails for good the first time; only one of the two solutions meets it then.
            times = 10_000 if error in retried else 1
            services.faults.insert(0, Fault(state, error, "" if done else "to order", times, done))
            ended = services.run(FORCED)
            try:
                assert_in_order(services, ended, state)
            except AssertionError as problem:
                raise AssertionError(f"{error}, in {scenario}: {problem}\n{told(services, ended)}") from problem


@pytest.mark.parametrize("machine", EARLIER)
@pytest.mark.parametrize("scenario", ["promotion", "a failed canary", "a ledger that cannot be written"])
def test_an_execution_of_before_that_is_redriven_later_ends_well(scenario: str, machine: str) -> None:
    """Stopped at each of its calls: it goes on with its own definition, and the next run is in order."""
    for state in TASKS.keys() & entered(scenario, machine):
        services = world(scenario, machine)

        def stop(_: Services, reached: str, at: str = state) -> None:
            if reached == at:
                raise StoppedError

        services.before = stop
        assert services.run(FORCED).status == "ABORTED"
        services.before = lambda _services, _state: None
        ended = services.redrive(FORCED)
        assert ended.status == "SUCCEEDED" or ended.error in MARKED, state
        services.machine = definition()
        check_next_run(services)


@pytest.mark.parametrize(
    ("error", "campaign"),
    [
        ("Personalize.InvalidInputException", "The campaign was not changed."),
        ("States.Timeout", "The campaign serves its previous version again: "),
    ],
)
@pytest.mark.parametrize("machine", ["today", *EARLIER])
def test_a_refused_update_is_told_with_its_error(machine: str, error: str, campaign: str) -> None:
    """By both ways that the gate is told of it."""
    services = Services.serving() if machine == "today" else world("promotion", machine)
    services.faults = [Fault("UpdateCampaign", error, "to order")]
    text = told(services, services.run(FORCED))
    assert text.count(f"failed at: update campaign. {error}: to order\n  {campaign}") == 2
