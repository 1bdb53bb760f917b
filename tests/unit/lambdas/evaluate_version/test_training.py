"""Whether a solution is trained again."""

import math

import pytest

from lambdas.evaluate_version.training import decide
from tests.unit.lambdas.evaluate_version.worlds import LIMITS, OLD_VERSION, SOLUTION, to_decide, trained_before


def test_a_solution_without_a_version_is_trained():
    """The first training needs no new events."""
    decision = decide(to_decide(), LIMITS)
    assert decision["train"] is True
    assert decision["reasons"][0]["rule"] == "first training"


@pytest.mark.parametrize(("sums", "train"), [([999], False), ([1000], True), ([400.0, 600.0], True), ([], False)])
def test_d48_new_events_decide(sums, train):
    """The sum of all datapoints must reach minNewEvents."""
    events = {"sums": sums}
    decision = decide(to_decide(latest=trained_before(), events=events), LIMITS)
    reason = decision["reasons"][0]
    assert (decision["train"], reason["passed"]) == (train, train)
    assert (reason["value"], reason["limit"]) == (sum(sums), 1000)


def test_forced_is_forced():
    """Nothing but `true` forces; and then the number of events does not matter."""
    assert decide(to_decide(force=True, latest=trained_before()), LIMITS)["train"] is True
    event = to_decide(latest=trained_before()) | {"force": "yes"}
    assert decide(event, LIMITS)["train"] is False


@pytest.mark.parametrize("status", ["CREATE FAILED", "CREATE STOPPED", "CREATE IN_PROGRESS"])
def test_a_last_training_that_is_not_active_counts_for_nothing(status):
    """Without a usable version one trains, whatever the events."""
    assert decide(to_decide(latest=trained_before(status)), LIMITS)["train"] is True


def test_somebody_elses_training_is_a_warning():
    """A version under way that is not this run's is billed and never judged."""
    warnings = decide(to_decide(latest=trained_before("CREATE PENDING")), LIMITS)["warnings"]
    assert [OLD_VERSION in warning for warning in warnings] == [True]


def test_events_that_could_not_be_counted_speak_for_training():
    """The error of CloudWatch is in the warning."""
    events = {"Error": "CloudWatch.CloudWatchException", "Cause": "out of order"}
    decision = decide(to_decide(latest=trained_before(), events=events), LIMITS)
    assert decision["train"] is True
    assert "out of order" in decision["warnings"][0]


@pytest.mark.parametrize(("automatic", "warned"), [(True, 1), (False, 0)])
def test_d50_automatic_training_is_a_warning(automatic, warned):
    """Only where the service says that it is on."""
    warnings = decide(to_decide(latest={"automatic": [automatic]}), LIMITS)["warnings"]
    assert len(warnings) == warned
    assert all(SOLUTION in warning for warning in warnings)


def test_the_deadline_leaves_ten_hours():
    """The state machine compares it with its own clock."""
    assert decide(to_decide(), LIMITS)["deadline"] == "2026-11-22T18:30:00.000Z"


@pytest.mark.parametrize("sums", [["many", None, {}], [math.nan, math.inf, 5], []])
def test_sums_that_are_no_numbers_count_for_nothing(sums):
    """An answer of any shape is decided on."""
    assert decide(to_decide(latest=trained_before(), events={"sums": sums}), LIMITS)["train"] is False


def test_a_version_without_a_date_speaks_for_training():
    """Nobody can say how many events came since."""
    decision = decide(to_decide(latest={**trained_before(), "created": [None]}), LIMITS)
    assert (decision["train"], decision["reasons"][0]["rule"]) == (True, "events unknown")
