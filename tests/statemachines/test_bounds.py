"""No answer ends a run by its size or its shape: both would be the end without a word (States.DataLimitExceeded,
States.Runtime).

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.emulator.states.language import LONGEST_CAUSE, PAYLOAD_LIMIT_BYTES
from tests.statemachines.fake_services import Fault, Services, arn
from tests.statemachines.test_definition import LOCK_CHECKS
from tests.statemachines.test_every_failure import (
    MARKED,
    SCENARIOS,
    TASKS,
    check,
    check_next_run,
    check_notification,
    entered,
    failures_of,
    scenarios_of,
    told,
)
from tests.statemachines.world import ROLES

SERVICES = sorted(
    name for name, state in TASKS.items() if not state["Resource"].endswith("lambda:invoke") and name not in LOCK_CHECKS
)
"""What is called, but for the gate, which is the definition's other half."""
ODD: tuple[Any, ...] = (None, 5, True, "", "\x00‮\U0001f600" * 9, "\ud800", [], [[]], {}, [None])


class Odd:
    """Gives the odd answer to the state's first two calls: both solutions meet it, and a wait has an end."""

    def __init__(self, state: str, odd: Any) -> None:
        self.state, self.odd, self.left = state, odd, 2

    def __call__(self, called: str, answer: Any) -> Any:
        if called != self.state or self.left == 0:
            return answer
        self.left -= 1
        return copy.deepcopy(self.odd)


def odd_answers(answer: Any) -> Iterator[Any]:
    """The answer with each of its members, at any depth, missing or replaced by something odd."""
    yield {}
    for path in paths(answer):
        for value in (..., *ODD):
            changed = copy.deepcopy(answer)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            if value is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = value
            yield changed


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (key,)
        for rest in paths(inner):
            yield (key, *rest)


def answer_of(scenario: str, state: str) -> Any:
    """What the state's first call is answered with."""
    seen: list[Any] = []
    services = SCENARIOS[scenario]()

    def keep(called: str, answer: Any) -> Any:
        seen.extend([answer] if called == state else [])
        return answer

    services.answers = keep
    services.run({"force": True})
    return seen[0] if seen else {}


def assert_in_order(services: Services, scenario: str, state: str, what: Any, *, lies: bool = False) -> None:
    """A named end with its message; order right then, or where the service had lied, after the next run."""
    ended = services.run({"force": True})
    try:
        assert ended.status == "SUCCEEDED" or ended.error in MARKED, f"{ended.error}: {ended.cause[:500]}"
        if lies:
            check_notification(services, ended, state)
            services.settle()
        else:
            check(services, ended, state)
        check_next_run(services)
    except AssertionError as error:
        raise AssertionError(
            f"{state} in {scenario}, {str(what)[:300]}: {error}\n{told(services, ended)[:3000]}"
        ) from error


@pytest.mark.parametrize("state", SERVICES)
def test_no_shape_of_an_answer_ends_a_run_without_a_word(state: str) -> None:
    """Members missing, null, of other types, empty, in odd encodings: a named end, and order for the next run."""
    for scenario in scenarios_of(state)[:1]:
        for odd in odd_answers(answer_of(scenario, state)):
            services = SCENARIOS[scenario]()
            services.answers = Odd(state, odd)
            assert_in_order(services, scenario, state, odd, lies=True)


@pytest.mark.parametrize("state", sorted(LOCK_CHECKS))
def test_a_check_of_the_lock_without_an_answer_is_a_lost_lock(state: str) -> None:
    """What the check guards is not done; a named end, and order for the next run."""
    for scenario in scenarios_of(state):
        services = SCENARIOS[scenario]()
        services.answers = Odd(state, {})
        assert_in_order(services, scenario, state, {}, lies=True)


@pytest.mark.parametrize("state", SERVICES)
def test_an_answer_beyond_the_limit_is_a_failure_like_others(state: str) -> None:
    """Caught by its name; where a campaign was updated, it gets its previous version again."""
    for scenario in scenarios_of(state):
        services = SCENARIOS[scenario]()
        services.answers = lambda called, answer: (
            answer | ({"Padding": "x" * PAYLOAD_LIMIT_BYTES} if called == state else {})
        )
        assert_in_order(services, scenario, state, "too large")


@pytest.mark.parametrize("state", sorted(TASKS))
def test_the_longest_cause_of_a_failure_fits(state: str) -> None:
    """A failure for good with 32,768 characters of cause, which are twice as many once they are escaped."""
    for scenario in scenarios_of(state):
        services = SCENARIOS[scenario]()
        fault = next(failures_of(state))
        services.faults = [
            Fault(each.state, each.error, '"' * LONGEST_CAUSE, done=each.done) for each in [fault, *services.faults]
        ]
        assert_in_order(services, scenario, state, fault)


@pytest.mark.parametrize(("letter", "length"), [("ア", 250), ("\U0001d538", 250), ("x", 250), ("é", 250)])
def test_wide_item_ids_promote_like_others(letter: str, length: int) -> None:
    """200 groups whose breeds have 250 wide letters: both promoted, and a popular list of the first hundred ids."""
    services = Services.serving()
    services.recommended = [f"2-{letter * (length - len(str(i)))}{i}-1-1" for i in range(200)]
    ended = services.run({"force": True})
    assert (ended.status, ended.error) == ("SUCCEEDED", "")
    for role in ROLES:
        assert services.parameters[f"/test/{role}"] == services.campaigns[arn(f"campaign/{role}")].version
        assert not services.parameters[f"/test/{role}"].endswith("/old")
    assert [item["itemId"] for item in services.objects["popular/g1.json"]["itemList"]] == services.recommended[:100]


def test_nothing_but_ids_leaves_the_canary() -> None:
    """Scores, names and metadata would multiply what the run carries."""
    services = Services.serving()
    services.run({"force": True})
    (item,) = services.objects["popular/g1.json"]["itemList"]
    assert set(item) == {"itemId"}


@pytest.mark.parametrize("size", [1_000, 60_000, 200_000])
@pytest.mark.parametrize("ends", ["training", "update"])
def test_reasons_of_any_length_are_told_in_part(ends: str, size: int) -> None:
    """FailureReason is the one text of the service without a documented length: both solutions fail with a long one."""
    services = Services.serving()
    services.ends_as = {ends: "CREATE FAILED"}

    def long(_state: str, answer: Any) -> Any:
        if "SolutionVersion" in answer and answer["SolutionVersion"]["Status"] == "CREATE FAILED":
            answer["SolutionVersion"]["FailureReason"] = "too few" + "x" * size
        update = answer.get("Campaign", {}).get("LatestCampaignUpdate", {})
        if update.get("Status") == "CREATE FAILED":
            update["FailureReason"] = "too few" + "x" * size
        return answer

    services.answers = long
    ended = services.run({"force": True})
    assert ended.error == "AnimalRecommender.SolutionFailed"
    assert ended.cause.count("CREATE FAILED (too few") == 2
    check(services, ended, "")
    check_next_run(services)


@pytest.mark.parametrize(
    "given",
    [
        {"force": True, "trigger": "x" * 150_000},
        {"force": True, "trigger": {"by": ["whom"]}},
        {"force": True, "trigger": None},
        {"force": True, "something": "\U0001d538" * 30_000},
        {"force": True, "something": "x" * 258_000},
        {"force": True, "trigger": "x" * 258_000},
    ],
)
def test_no_input_is_carried_along(given: Any) -> None:
    """What a run is started with does not grow what it has to carry."""
    services = Services.serving()
    ended = services.run(given)
    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "promoted")
    assert len(services.published[0]["message"]) < 10_000


@pytest.mark.parametrize("given", [{"task": "y" * 140_000}, {"task": "y" * 261_000}, {"force": ['"' * 120_000]}])
def test_no_input_is_too_long_to_be_refused(given: Any) -> None:
    """The message says what is wrong, and not what was given."""
    services = Services.serving()
    ended = services.run(given)
    assert ended.error == "AnimalRecommender.UnknownTask"
    assert len(services.published[0]["message"]) < 1_000


@pytest.mark.parametrize("trigger", ["schedule", "deploy", "manual"])
def test_the_trigger_is_told(trigger: str) -> None:
    """A known one by its name; any other is somebody's hand."""
    services = Services.serving()
    services.run({"task": "canary", "trigger": trigger})
    assert f"trigger: {trigger})" in services.published[0]["message"]
    services.run({"task": "canary", "trigger": f"{trigger}?"}, name="next")
    assert "trigger: manual)" in services.published[1]["message"]


@pytest.mark.parametrize("force", ["yes", 1, None, [], {"a": 1}])
def test_a_force_that_is_neither_true_nor_false_trains_nothing(force: Any) -> None:
    """It costs money: nothing is guessed."""
    services = Services.serving()
    ended = services.run({"force": force})
    assert ended.error == "AnimalRecommender.UnknownTask"
    assert "AcquireLock" not in ended.entered


def test_what_the_run_carries_stays_far_below_the_limit() -> None:
    """Everything long at once: the report of all of it, as text, is within what SNS and a Fail state take."""
    services = SCENARIOS["a failed canary"]()
    services.faults = [
        Fault("CountNewEvents", "CloudWatch.CloudWatchException", "é" * LONGEST_CAUSE),
        Fault("RollBackCampaign", "Personalize.InvalidInputException", "é" * LONGEST_CAUSE),
        Fault("WriteRecord", "S3.S3Exception", "é" * LONGEST_CAUSE),
        Fault("PublishMetrics", "CloudWatch.CloudWatchException", "é" * LONGEST_CAUSE),
    ]
    ended = services.run({})
    assert ended.error == "AnimalRecommender.SolutionFailed"
    assert len(json.dumps(ended.cause)) < LONGEST_CAUSE


def test_the_scenarios_reach_what_is_tried_here() -> None:
    """Every state that calls a service is tried with odd answers."""
    assert set() == set(SERVICES) - {state for scenario in SCENARIOS for state in entered(scenario)}
