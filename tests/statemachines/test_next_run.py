"""What the next run makes of what an earlier one left: interrupted promotions, versions that nobody judged, looks that were
throttled, and runs that were overtaken.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local_cloud.emulator.states.language import StatesError
from tests.statemachines.fake_services import OLD, Fault, Services, arn, judged
from tests.statemachines.test_every_failure import decision, told
from tests.statemachines.world import GOOD, NDCG, ROLES

PROMOTING = (
    "UpdateCampaign",
    "CheckUpdateStatus",
    "GetCanaryRecommendations",
    "GetCanaryRanking",
    "ComposePopularList",
    "WritePopularList",
    "WriteLedger",
    "ConcludePromotion",
)
"""What is called from the update of a campaign to the end of its story."""
ANOTHER = "another"


def served(services: Services, role: str) -> str:
    return services.campaigns[arn(f"campaign/{role}")].version


def ledger(services: Services, role: str) -> str:
    return services.parameters[f"/test/{role}"]


def interrupted(state: str, *, done: bool, first: int = 1) -> Services:
    """A run that was ended in this state without a word: stopped, out of time, or by States.Runtime."""
    services = Services.serving()
    calls = 0

    def end(_services: Services, called: str) -> None:
        nonlocal calls
        calls += called == state
        if called == state and calls == first and not done:
            raise StatesError("States.Runtime", "ended")

    services.before = end
    if done:
        services.faults = [Fault(state, "States.Runtime", times=1, done=True)]
    ended = services.run({"force": True}, "interrupted")
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert services.holder is not None
    services.faults, services.before = [], lambda _services, _state: None
    services.new_events = 0
    return services


@pytest.mark.parametrize("given", [{}, {"task": "canary"}, {"force": True}])
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("state", PROMOTING)
def test_the_next_run_brings_campaign_and_ledger_together(state: str, done: bool, given: dict[str, Any]) -> None:
    """Whatever the dead run had done, at once or hours later: what serves is asked, and the ledger says what serves."""
    for later in (0, 7200):
        services = interrupted(state, done=done)
        services.clock.pass_by(later)
        ended = services.run(given, "next")
        services.settle()
        assert ended.status == "SUCCEEDED", told(services, ended)
        assert {role: served(services, role) for role in ROLES} == {role: ledger(services, role) for role in ROLES}
        assert services.holder is None


@pytest.mark.parametrize("first", [1, 2])
def test_an_interrupted_promotion_is_finished_by_its_canary(first: int) -> None:
    """The version that serves unannounced keeps serving when it answers, and the message says what was found."""
    services = interrupted("WriteLedger", done=False, first=first)
    role = ROLES[first - 1]
    new = served(services, role)
    assert ledger(services, role).endswith(OLD)
    ended = services.run({}, "next")
    assert ledger(services, role) == served(services, role) == new
    assert f"the campaign served {new}, but the ledger said" in told(services, ended)


def test_an_interrupted_promotion_whose_canary_fails_is_put_back() -> None:
    """The interrupted run would have done so."""
    services = interrupted("WriteLedger", done=False)
    services.silent = True
    ended = services.run({}, "next")
    assert ended.error == "AnimalRecommender.SolutionFailed"
    assert decision(told(services, ended), "recommendation") == "failed"
    for role in ROLES:
        assert served(services, role) == ledger(services, role)
        assert served(services, role).endswith(OLD)


def test_a_campaign_that_somebody_updated_by_hand_is_followed() -> None:
    """A person went back to an earlier version: the ledger follows, and no later run takes that back."""
    services = Services.serving()
    services.run({"force": True})
    services.clock.pass_by(3600)
    for role in ROLES:
        services.campaigns[arn(f"campaign/{role}")].version = arn(f"solution/{role}/{OLD}")
    services.new_events = 0
    for name in ("second", "third"):
        ended = services.run({}, name)
        assert ended.output["outcome"] == "skipped"
        assert [served(services, role) == ledger(services, role) for role in ROLES] == [True, True]
        assert served(services, ROLES[0]).endswith(OLD)
        services.clock.pass_by(3600)


@pytest.mark.parametrize("state", ["CheckTrainingStatus", "GetVersionMetrics", "ConcludeTraining", "EvaluateVersion"])
def test_a_version_that_no_run_judged_is_judged_by_the_next(state: str) -> None:
    """A run that ended after its training was done left an ACTIVE version: no second training, and no `skipped`."""
    services = interrupted(state, done=False, first=3 if state == "CheckTrainingStatus" else 1)
    services.clock.pass_by(600)
    ended = services.run({}, "next")
    assert decision(told(services, ended), "recommendation") == "promoted"
    assert ledger(services, "recommendation") == served(services, "recommendation")
    assert not served(services, "recommendation").endswith(OLD)
    assert len([v for v in services.versions if v.startswith(arn("solution/recommendation/"))]) == 2
    again = services.run({}, "after")
    assert again.output["outcome"] in ("skipped", "promoted")
    assert "UpdateCampaign" not in services.run({}, "last").entered


@pytest.mark.parametrize("state", ["DescribeProductionVersion", "GetProductionMetrics", "UpdateCampaign", "ReadLedger"])
def test_a_version_that_could_not_be_judged_or_updated_gets_another_try(state: str) -> None:
    """Not the version's fault: the next run does what this one could not."""
    services = Services.serving()
    error = "Ssm.SsmException" if state == "ReadLedger" else "Personalize.InvalidInputException"
    services.faults = [Fault(state, error)]
    failed = services.run({"force": True})
    assert failed.error == "AnimalRecommender.SolutionFailed"
    services.faults, services.new_events = [], 0
    ended = services.run({}, "next")
    assert ended.output["outcome"] == "promoted"
    assert {served(services, role) for role in ROLES} == {ledger(services, role) for role in ROLES}


@pytest.mark.parametrize("ends", ["promoted", "canary failed", "update failed"])
@pytest.mark.parametrize("state", ["CheckTrainingStatus", "EvaluateVersion", "UpdateCampaign"])
def test_a_version_made_while_an_older_one_was_judged_is_judged_by_the_next(state: str, ends: str) -> None:
    """A slow or redriven run writes the ledger after a newer version was made, which nobody has judged yet."""
    services = Services.serving()

    def make_another(services: Services, called: str) -> None:
        if called == state and arn(f"solution/recommendation/{ANOTHER}") not in services.versions:
            services.clock.pass_by(600)
            for role in ROLES:
                services._train(arn(f"solution/{role}"), ANOTHER, GOOD | {NDCG: 0.9}, services.clock.now)
            services.clock.pass_by(600)

    services.before = make_another
    services.silent = ends == "canary failed"
    services.ends_as = {"update": "CREATE FAILED"} if ends == "update failed" else {}
    assert services.run({"force": True}).status == ("SUCCEEDED" if ends == "promoted" else "FAILED")
    services.silent, services.ends_as, services.new_events = False, {}, 0
    services.before = lambda _services, _state: None
    services.clock.pass_by(3600)
    services.run({}, "next")
    assert decision(services.published[-1]["message"], ROLES[0]) == "promoted"
    assert served(services, ROLES[0]) == ledger(services, ROLES[0]) == arn(f"solution/{ROLES[0]}/{ANOTHER}")
    assert "UpdateCampaign" not in services.run({}, "last").entered


def test_what_was_held_back_is_not_judged_by_every_run() -> None:
    """One rejection is enough; a new training is judged as ever."""
    services = Services.serving()
    services.quality = {NDCG: 0.0, "coverage": 0.5}
    assert services.run({"force": True}).output["outcome"] == "held back"
    rejected = services.parameters[judged("recommendation")]
    services.new_events = 0
    assert services.run({}, "next").output["outcome"] == "skipped"
    services.quality = GOOD | {NDCG: 0.9}
    assert services.run({"force": True}, "better").output["outcome"] == "promoted"
    assert services.parameters[judged("recommendation")] == served(services, "recommendation") != rejected


def test_what_did_not_answer_is_not_promoted_again() -> None:
    """A version whose canary failed served nobody well: only a new one is tried."""
    services = Services.serving()
    services.silent = True
    services.run({"force": True})
    services.silent, services.new_events = False, 0
    assert services.run({}, "next").output["outcome"] == "skipped"
    assert all(served(services, role).endswith(OLD) for role in ROLES)


def test_where_the_last_judgement_cannot_be_read_nothing_is_judged_twice() -> None:
    """Then a person's decision could be overturned: the next run looks again."""
    services = interrupted("EvaluateVersion", done=False)
    services.faults = [Fault("ReadLastJudgement", "Ssm.SsmException")]
    assert services.run({}, "next").output["outcome"] == "skipped"
    services.faults = []
    services.run({}, "last")
    assert not served(services, "recommendation").endswith(OLD)


# --- throttled looks

THROTTLED = ("Personalize.LimitExceededException", "Personalize.PersonalizeException", "States.Timeout")


@pytest.mark.parametrize("error", THROTTLED)
@pytest.mark.parametrize("times", [1, 7, 30])
@pytest.mark.parametrize("state", ["CheckTrainingStatus", "CheckUpdateStatus"])
def test_a_look_that_is_throttled_for_long_is_waited_out(state: str, times: int, error: str) -> None:
    """Two minutes, or twenty: the training is judged and the version stays, as without."""
    services = Services.serving()
    services.faults = [Fault(state, error, "Rate exceeded (Service: Personalize, Status Code: 400)", times)]
    ended = services.run({"force": True})
    assert ended.output["outcome"] == "promoted", ended.cause
    assert "RollBackCampaign" not in ended.entered
    assert all(not served(services, role).endswith(OLD) for role in ROLES)


def test_putting_back_is_waited_for_through_throttling() -> None:
    """The old version serves, and the message says so."""
    services = Services.serving()
    services.silent = True
    services.faults = [Fault("CheckRollbackStatus", "Personalize.PersonalizeException", times=60)]
    text = told(services, services.run({"force": True}))
    assert text.count("serves its previous version again") == 2


@pytest.mark.parametrize(
    ("state", "error", "cause"),
    [
        ("CheckTrainingStatus", "Personalize.ResourceNotFoundException", "gone"),
        (
            "CheckTrainingStatus",
            "Personalize.PersonalizeException",
            "User: x is not authorized to perform: personalize:Describe",
        ),
        ("CheckUpdateStatus", "Personalize.ResourceNotFoundException", "gone"),
        (
            "CheckUpdateStatus",
            "Personalize.PersonalizeException",
            "User: x is not authorized to perform: personalize:Describe",
        ),
    ],
)
def test_what_does_not_pass_by_itself_ends_the_wait(state: str, error: str, cause: str) -> None:
    """Nobody waits ten hours for a right that is missing."""
    services = Services.serving()
    services.faults = [Fault(state, error, cause)]
    begun = services.clock.now
    ended = services.run({"force": True})
    assert ended.error == "AnimalRecommender.SolutionFailed"
    assert cause in ended.cause
    assert services.clock.now - begun < timedelta(hours=2)


# --- overtaken


def overtaking(state: str, after: timedelta) -> Callable[[Services, str], None]:
    """While the run stands before this state, another one promotes a newer version of each solution."""
    done = False

    def overtake(services: Services, called: str) -> None:
        nonlocal done
        if called != state or done:
            return
        done = True
        services.clock.now += after
        for role in ROLES:
            newer = services._train(arn(f"solution/{role}"), ANOTHER, GOOD, services.clock.now - timedelta(minutes=10))
            campaign = services.campaigns[arn(f"campaign/{role}")]
            campaign.version, campaign.done_at = newer, None
            campaign.update = {"SolutionVersionArn": newer, "Status": "ACTIVE"}
            services.parameters[f"/test/{role}"] = newer

    return overtake


@pytest.mark.parametrize("after", [timedelta(hours=1), timedelta(days=3)])
@pytest.mark.parametrize(
    "state",
    [
        "CheckTrainingStatus",
        "GetVersionMetrics",
        "ConcludeTraining",
        "ReadLedger",
        "ReadLastJudgement",
        "DescribeCampaign",
        "CheckUpdateStatus",
    ],
)
def test_an_older_version_never_takes_the_place_of_a_newer_one(state: str, after: timedelta) -> None:
    """A slow run that a forced one overtakes, and one that was stopped there and redriven days later."""
    services = Services.serving()
    services.before = overtaking(state, after)
    services.run({"force": True})
    services.settle()
    for role in ROLES[:1]:
        assert served(services, role) == ledger(services, role) == arn(f"solution/{role}/{ANOTHER}")


def test_an_older_version_is_held_back_with_its_age_as_the_reason() -> None:
    """However good it is."""
    services = Services.serving()
    services.before = overtaking("ReadLedger", timedelta(hours=1))
    ended = services.run({"force": True})
    assert ended.output["outcome"] == "held back"
    assert "  - age: made at" in told(services, ended)


# --- the canary


def test_every_canary_asks_as_somebody_else() -> None:
    """A fixed name gathers a history that moves everybody's popular list; nobody is asked for twice."""
    services = Services.serving()
    services.run({"force": True})
    for name in ("second", "third"):
        services.run({"task": "canary"}, name)
    assert len(services.users) == len(set(services.users)) == 6
    assert all(len(user) == 36 and user.count("-") == 4 for user in services.users)
