"""Every state that calls something, made to fail in every way that its API can: what is left behind is in order.

The states are those of the definition and the errors those of botocore's service models: a new state without a scenario
that reaches it, or a new error, is found by itself. Each failure happens once (a retry may help) and for good; where the
answer can be lost, the service did the work all the same. The runs are the interpreter's of this folder;
`test_interpreter_agrees.py` holds it against the local cloud.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from botocore.session import get_session

from local_cloud.emulator.states.definition import states
from local_cloud.emulator.states.integrations import PREFIX, integration
from local_cloud.emulator.states.language import matches
from tests.statemachines.fake_services import Fault, Services, definition, execution_arn
from tests.statemachines.interpreter import Ended
from tests.statemachines.world import ROLES

TASKS = {name: state for name, state in states(definition()) if state["Type"] == "Task"}
MARKED = (
    "AnimalRecommender.SolutionFailed",
    "AnimalRecommender.LockNotTaken",
    "AnimalRecommender.RunFailed",
    "AnimalRecommender.NotificationFailed",
)
LOST_ANSWER = ("States.Timeout", "SdkClientException")
"""Errors after which nobody knows whether the service did the work."""
UNTRUE = {("DescribeCampaign", "Personalize.ResourceNotFoundException")}
"""Of a campaign that is there: the service would have to say that it is not. Without one: scenario `first training`."""
DEAD = "dead"


def _first_training() -> Services:
    return Services.untrained()


def _serving(*faults: Fault, **fields: Any) -> Services:
    services = Services.serving()
    services.faults += faults
    for name, value in fields.items():
        setattr(services, name, value)
    return services


def _dead_holder(**fields: Any) -> Services:
    services = _serving(**fields)
    services.hold(execution_arn(DEAD))
    services.executions[execution_arn(DEAD)] = "ABORTED"
    return services


def _another_takes_the_lock(services: Services, state: str) -> None:
    """Another run takes the lock over after we have looked at it, and ends."""
    if state == "TakeOverLock" and services.holder == execution_arn(DEAD):
        services.hold(execution_arn("another"))
        services.executions[execution_arn("another")] = "SUCCEEDED"


SCENARIOS: Mapping[str, Callable[[], Services]] = {
    "promotion": _serving,
    "first training": _first_training,
    "the lock of a dead run": _dead_holder,
    "the lock of a dead run, which another run takes over first": lambda: _dead_holder(before=_another_takes_the_lock),
    "a training whose answer was lost": lambda: _serving(Fault("StartTraining", "States.Timeout", times=1, done=True)),
    "an update whose answer was lost": lambda: _serving(Fault("UpdateCampaign", "States.Timeout", times=1, done=True)),
    "the lock of a dead run, taken over by a write whose answer is lost": lambda: _dead_holder(
        faults=[Fault("TakeOverLock", "States.Timeout", times=1, done=True)]
    ),
    "a failed canary": lambda: _serving(silent=True),
    "a failed canary, and a put back whose answer is lost": lambda: _serving(
        Fault("RollBackCampaign", "States.Timeout", done=True), silent=True
    ),
    "a failed canary, and a put back that is refused": lambda: _serving(
        Fault("RollBackCampaign", "Personalize.InvalidInputException"), silent=True
    ),
    "a failed update": lambda: _serving(ends_as={"update": "CREATE FAILED"}),
    "a ledger that cannot be written": lambda: _serving(Fault("WriteLedger", "Ssm.SsmException")),
    "a topic that is down": lambda: _serving(Fault("SendNotification", "Sns.NotFoundException")),
}


@cache
def entered(scenario: str) -> frozenset[str]:
    return frozenset(SCENARIOS[scenario]().run({"force": True}).entered)


def scenarios_of(state: str) -> list[str]:
    """The first scenario that reaches the state, and the first training where that does."""
    found = [scenario for scenario in SCENARIOS if state in entered(scenario)]
    return [name for name in found if name in (found[0], "first training")]


@cache
def errors_of(resource: str) -> tuple[str, ...]:
    """All error names with which a call of the resource can end."""
    if resource.startswith(PREFIX):
        found = integration(resource)
        modelled = [found.error_name(shape.error_code) for shape in found.model.error_shapes]
        general = [f"{found.prefix}.{found.prefix}Exception", f"{found.prefix}.SdkClientException"]
    else:
        model = get_session().get_service_model("lambda").operation_model("Invoke")
        modelled = [f"Lambda.{shape.name}" for shape in model.error_shapes]
        general = ["Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.Unknown", "ValueError"]
    return tuple(dict.fromkeys([*modelled, *general, "States.Timeout"]))


def failures_of(state: str) -> Iterator[Fault]:
    for error in errors_of(TASKS[state]["Resource"]):
        if (state, error) in UNTRUE:
            continue
        cause = "" if error == "States.Timeout" else "to order"
        # What is not tried again fails for good the first time; only one of the two solutions meets it then.
        for times in (1, 10_000) if _is_retried(state, error) else (1,):
            yield Fault(state, error, cause, times)
            if error.endswith(LOST_ANSWER):
                yield Fault(state, error, cause, times, done=True)


def _is_retried(state: str, error: str) -> bool:
    return any(matches(rule["ErrorEquals"], error) for rule in TASKS[state]["Retry"])


def told(services: Services, ended: Ended) -> str:
    return ended.cause if ended.status == "FAILED" else services.published[0]["message"]


def decision(text: str, role: str) -> str:
    found = re.search(rf"^{role.upper()}: (.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def check(services: Services, ended: Ended, failing: str) -> None:
    """Everything that must be true after a run, whatever failed."""
    text = told(services, ended)
    assert (ended.status, ended.error) == ("SUCCEEDED", "") or (ended.status == "FAILED" and ended.error in MARKED)
    check_notification(services, ended, failing)
    services.settle()
    untold = "report could not" in text or "could not be summed up" in text
    for role in ROLES:
        ledger = services.parameters[f"/test/{role}"]
        campaign = services.campaigns.get(f"arn:aws:personalize:us-east-1:000000000000:campaign/{role}")
        if campaign is None:
            assert (ledger != "none") is (decision(text, role) == "promoted") or untold
            continue
        assert ledger == campaign.version or "The ledger may say something else" in text
        promoted = decision(text, role) == "promoted" or untold
        left = "could not be put back" in text or "touched neither campaign nor ledger" in text
        assert promoted or campaign.version.endswith("/old") or left


def check_notification(services: Services, ended: Ended, failing: str) -> None:
    """One message that says what happened and what to do; none, and a count for the alarm, where it could not be sent."""
    text = told(services, ended)
    assert "Run run " in text
    if ended.status == "FAILED":
        assert "what to do" in text.lower()
    if ended.error == "AnimalRecommender.NotificationFailed":
        assert len(services.published) <= 1
        counted = [datum for datum in services.data if datum["MetricName"] == "NotificationFailed"]
        assert counted or failing == "CountFailedNotification"
    else:
        assert len(services.published) == 1


def check_next_run(services: Services) -> None:
    """Whatever held the lock, the next run works and leaves it free, and each ledger says what its campaign serves."""
    services.faults, services.published, services.before = [], [], lambda _services, _state: None
    services.answers = lambda _state, answer: answer
    services.silent, services.ends_as = False, {}
    ended = services.run({"task": "canary"}, "next")
    assert (ended.status, ended.output["outcome"]) in (("SUCCEEDED", "canary"), ("SUCCEEDED", "no campaign"))
    assert services.holder is None
    for role in ROLES:
        campaign = services.campaigns.get(f"arn:aws:personalize:us-east-1:000000000000:campaign/{role}")
        assert campaign is None or services.parameters[f"/test/{role}"] == campaign.version


def test_every_state_that_calls_something_is_reached() -> None:
    """A new state without a scenario is found here."""
    assert set() == set(TASKS) - {state for scenario in SCENARIOS for state in entered(scenario)}


@pytest.mark.parametrize("state", sorted(TASKS))
def test_whatever_fails_order_is_kept(state: str) -> None:
    """A named end, one message, the old model or a promoted one, the ledger as the campaigns, a lock that is free."""
    for scenario in scenarios_of(state):
        for fault in failures_of(state):
            services = SCENARIOS[scenario]()
            services.faults.insert(0, fault)
            ended = services.run({"force": True})
            try:
                check(services, ended, state)
                check_next_run(services)
            except AssertionError as error:
                raise AssertionError(f"{fault}, in {scenario}: {error}\n{told(services, ended)}") from error


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({"ends_as": {"training": "CREATE FAILED"}}, "training"),
        ({"ends_as": {"training": "CREATE STOPPED"}}, "training"),
        ({"ends_as": {"training": "CREATE STOPPING"}}, "training"),
        ({"ends_as": {"training": "A STATUS OF NEXT YEAR"}}, "training"),
        ({"ends_as": {"update": "CREATE FAILED"}}, "update campaign"),
        ({"ends_as": {"update": "A STATUS OF NEXT YEAR"}}, "update campaign"),
        ({"silent": True}, "canary"),
    ],
)
def test_whatever_ends_badly_the_old_model_serves_on(fields: Mapping[str, Any], step: str, role: str) -> None:
    """A training, an update or a canary with a bad end: told with its step and its reason, and nothing has changed."""
    services = _serving(**fields)
    before = {role: services.parameters[f"/test/{role}"] for role in ROLES}
    ended = services.run({"force": True})
    check(services, ended, "")
    assert decision(told(services, ended), role) == "failed"
    assert f"failed at: {step}. " in told(services, ended)
    assert {role: services.parameters[f"/test/{role}"] for role in ROLES} == before
    assert services.holder is None
    check_next_run(services)


def test_a_topic_that_is_down_leaves_the_story_in_the_execution() -> None:
    """No message, an end state of its own with the whole story as its cause, and a count that an alarm watches."""
    services = SCENARIOS["a topic that is down"]()
    ended = services.run({"force": True})
    assert (ended.status, ended.error) == ("FAILED", "AnimalRecommender.NotificationFailed")
    assert services.published == []
    assert "RECOMMENDATION: promoted" in ended.cause
    assert [datum["MetricName"] for datum in services.data].count("NotificationFailed") == 1
