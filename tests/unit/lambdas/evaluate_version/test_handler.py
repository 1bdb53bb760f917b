"""The function as Lambda calls it."""

import importlib
from types import SimpleNamespace

import pytest

from lambdas.evaluate_version.limits import LONGEST_TRAINING_SECONDS, Limits
from lambdas.evaluate_version.moments import days_between, later
from lambdas.evaluate_version.popular import popular_list
from tests.unit.lambdas.evaluate_version.worlds import LIMITS, NOW, to_decide, to_step

ENVIRONMENT = {
    "ENVIRONMENT": "dev",
    "PROMOTION_THRESHOLD": "0.01",
    "REGRESSION_TOLERANCE": "0.1",
    "COVERAGE_FLOOR": "0.05",
    "MIN_NEW_EVENTS": "1000",
}
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn:aws:lambda:x", aws_request_id="r"
)


@pytest.fixture
def handler(monkeypatch):
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "evaluate_version")
    return importlib.reload(importlib.import_module("lambdas.evaluate_version.handler"))


def test_the_limits_are_those_of_the_environment():
    """Every variable that the stack sets is read; the patience has defaults."""
    assert Limits.from_environment(ENVIRONMENT) == LIMITS
    assert LIMITS.training_seconds == LONGEST_TRAINING_SECONDS


def test_a_missing_limit_is_no_default():
    """A gate that does not know its threshold does not decide."""
    with pytest.raises(KeyError, match="COVERAGE_FLOOR"):
        Limits.from_environment({k: v for k, v in ENVIRONMENT.items() if k != "COVERAGE_FLOOR"})


def test_each_task_is_answered(handler):
    """The task's name chooses the function."""
    assert handler.lambda_handler(to_decide(), CONTEXT)["train"] is True
    assert handler.lambda_handler(to_step(), CONTEXT)["step"] == "update campaign"


def test_an_unknown_task_is_an_error(handler):
    """It can only be a mistake in the definition, whose Catch tells of it."""
    with pytest.raises(KeyError):
        handler.lambda_handler({"task": "guess"}, CONTEXT)


def test_the_popular_list_has_the_form_that_the_handlers_read():
    """Ids in the order of the answer."""
    event = {"version": "arn", "now": NOW, "items": ["1-a-1-1", "2-b-1-1"]}
    assert popular_list(event, LIMITS) == {
        "solutionVersionArn": "arn",
        "promotedAt": NOW,
        "itemList": [{"itemId": "1-a-1-1"}, {"itemId": "2-b-1-1"}],
    }


def test_the_popular_list_has_a_hundred_ids_at_most():
    """More would not fit into a state, and nobody reads on."""
    event = {"version": "arn", "now": NOW, "items": [f"1-a-1-{i}" for i in range(500)]}
    assert len(popular_list(event, LIMITS)["itemList"]) == 100


def test_moments():
    """Times with and without fractions and zones; never a negative age."""
    assert later("2026-11-22T23:59:59Z", 1) == "2026-11-23T00:00:00.000Z"
    assert days_between("2026-11-20T00:00:00.000Z", "2026-11-22T12:00:00+00:00") == 2.5
    assert days_between("2026-11-22T12:00:00", "2026-11-20T00:00:00Z") == 0.0
