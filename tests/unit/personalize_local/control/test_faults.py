"""Faults on order: whom they meet, how often, and what is wrong with an order."""

from pathlib import Path
from typing import Any

import pytest

from personalize_local.control.faults import Faults
from personalize_local.model.errors import ServiceError

KNOWN = dict.fromkeys(("PutEvents", "CreateSolutionVersion", "GetSolutionMetrics"))
ERROR = {"error": {"code": "ThrottlingException", "message": "Slow down", "status": 429}}


def _faults(*orders: dict[str, Any]) -> Faults:
    faults = Faults()
    for order in orders:
        faults.add(order, KNOWN)
    return faults


def test_a_fault_meets_its_calls_so_often() -> None:
    """Only the operation, only requests that hold the text, only that many times."""
    faults = _faults({"operation": "PutEvents", "match": "tracker-a", "times": 2, "outcome": ERROR})
    requests = [{"trackingId": name} for name in ("tracker-a", "tracker-b", "tracker-a", "tracker-a")]
    assert faults.take("GetSolutionMetrics", requests[0]).error is None
    errors = [faults.take("PutEvents", request).error for request in requests]
    assert [True, False, True, False] == [error is not None for error in errors]
    assert errors[0] is not None
    assert ("ThrottlingException", "Slow down", 429) == (errors[0].code, errors[0].message, errors[0].status)
    assert not faults


def test_faults_of_one_call_add_up() -> None:
    """Delays add, the first error counts, job outcomes join; clearing forgets what is left."""
    faults = _faults(
        {"operation": "CreateSolutionVersion", "outcome": {"delaySeconds": 1.5}},
        {"operation": "CreateSolutionVersion", "outcome": {"delaySeconds": 0.5}},
        {"operation": "CreateSolutionVersion", "outcome": {"status": "CREATE FAILED", "failureReason": "No."}},
        {"operation": "GetSolutionMetrics", "outcome": {"metrics": {"coverage": 0.1}}},
        {"operation": "PutEvents", "outcome": ERROR},
    )
    effects = faults.take("CreateSolutionVersion", {})
    assert 2.0 == effects.delay
    assert {"status": "CREATE FAILED", "failureReason": "No.", "metrics": {"coverage": 0.1}} == effects.job
    assert effects.error is None
    faults.clear()
    assert faults.take("PutEvents", {}).error is None


def test_metrics_wait_for_the_next_version() -> None:
    """Metrics on order are for a version that is made, not for a call that asks for metrics."""
    faults = _faults({"operation": "GetSolutionMetrics", "outcome": {"metrics": {"coverage": 0.1}}})
    assert {} == faults.take("GetSolutionMetrics", {}).job
    assert {"metrics": {"coverage": 0.1}} == faults.take("CreateSolutionVersion", {}).job


def _probabilistic(**changes: Any) -> dict[str, Any]:
    return {"operation": "PutEvents", "share": 0.2, "seed": 3, "outcome": ERROR, **changes}


def test_probabilistic_faults_meet_their_share_of_the_calls_the_same_ones_again() -> None:
    """The same seed meets the same calls, another seed others; the share is about as ordered, and never ends."""

    def met(seed: int) -> list[bool]:
        faults = _faults(_probabilistic(seed=seed))
        return [faults.take("PutEvents", {}).error is not None for _ in range(2000)]

    assert met(3) == met(3) != met(4)
    assert 2000 * 0.2 == pytest.approx(sum(met(3)), rel=0.15)


def test_probabilistic_faults_outlive_the_server(tmp_path: Path) -> None:
    """A server that starts on the folder fails as before, from its first number on; clearing it is for good."""
    file = tmp_path / "faults.json"
    before = Faults(file)
    before.add(_probabilistic(share=1, match="unlucky"), KNOWN)
    before.add({"operation": "PutEvents", "outcome": ERROR}, KNOWN)
    again = Faults(file)
    assert again.take("PutEvents", {"sessionId": "lucky"}).error is None
    assert all(again.take("PutEvents", {"sessionId": "unlucky-1"}).error is not None for _ in range(5))
    again.clear()
    assert not Faults(file)


@pytest.mark.parametrize("changes", [{"share": 0}, {"share": 1.1}, {"share": True}, {"times": 2}, {"seed": "a"}])
def test_probabilistic_faults_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    """A share is above 0 and up to 1, has no number of times, and its seed is a whole number."""
    with pytest.raises(ServiceError, match=r"share|seed"):
        Faults().add(_probabilistic(**changes), KNOWN)


@pytest.mark.parametrize(
    "order",
    [
        [],
        {},
        {"operation": "Guess", "outcome": ERROR},
        {"operation": "PutEvents"},
        {"operation": "PutEvents", "outcome": {}},
        {"operation": "PutEvents", "outcome": {"error": {}}},
        {"operation": "PutEvents", "outcome": {"delaySeconds": "long"}},
        {"operation": "PutEvents", "outcome": {"metrics": 7}},
        {"operation": "PutEvents", "outcome": {"status": 7}},
        {"operation": "PutEvents", "outcome": ERROR, "times": 0},
        {"operation": "PutEvents", "outcome": ERROR, "times": True},
        {"operation": "PutEvents", "outcome": ERROR, "match": 7},
    ],
)
def test_wrong_orders_are_refused(order: Any) -> None:
    """An order that could never be carried out is refused at once."""
    with pytest.raises(ServiceError):
        _faults(order)


def test_an_order_for_every_operation() -> None:
    """`*` meets any call, also the making of a version; a broken connection is an outcome."""
    faults = _faults({"operation": "*", "times": 2, "outcome": {"drop": True, "delaySeconds": 1}})
    for operation in ("PutEvents", "CreateSolutionVersion"):
        effects = faults.take(operation, {})
        assert (True, 1.0, None) == (effects.drop, effects.delay, effects.error)
    assert not faults
