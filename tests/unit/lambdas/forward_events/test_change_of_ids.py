"""While an environment is upgraded from the site's own ids to digests, no event is sent under both."""

import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.forward_events.change_of_ids import READ_AGAIN_SECONDS, ChangeOfIds
from lambdas.shared.attempts import Attempts, UnavailableError
from lambdas.shared.event_ids import digests_from
from tests.unit.lambdas.conftest import Context
from tests.unit.lambdas.forward_events.stream import ARRIVAL, kinesis_event, sent_id, sequence_number, site_event
from tools.events import event_ids

ATTEMPTS = Attempts(most=1, first_pause=0.0, longest_pause=0.0)


class Ssm:
    """One parameter; counts how often it is read."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.reads = 0

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        if not self.values:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "later"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[0]}}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("value", "moment"), [("none", -math.inf), ("pending", math.inf), ("1700000000", 1.7e9)])
def test_a_value_names_a_moment(value: str, moment: float) -> None:
    """Always, not yet, or from a moment on."""
    assert moment == digests_from(value)


@pytest.mark.parametrize("value", ["", "nan", "inf", "-1", "0", "yesterday"])
def test_any_other_value_is_a_fault_of_the_deployment(value: str) -> None:
    """The function does not start with it rather than send ids that nobody expects."""
    with pytest.raises(ValueError):
        digests_from(value)


@pytest.mark.parametrize("value", ["none", "1700000000"])
def test_a_fixed_moment_costs_no_call(value: str) -> None:
    """It is read at the deployment."""
    ssm = Ssm()
    for _ in range(3):
        assert digests_from(value) == ChangeOfIds(value, "name", ssm, ATTEMPTS).moment(stop_at=math.inf)
    assert 0 == ssm.reads


def test_a_moment_to_come_is_read_before_it_comes() -> None:
    """While it is pending the parameter is read every few seconds, sooner than a deploy looks ahead; then no more."""
    ssm, clock = Ssm("pending"), Clock()
    ids = ChangeOfIds("pending", "name", ssm, ATTEMPTS, clock=clock)
    assert READ_AGAIN_SECONDS + 4 < event_ids.AHEAD_SECONDS

    assert [math.inf] * 3 == [ids.moment(stop_at=math.inf) for _ in range(3)]
    assert 1 == ssm.reads
    ssm.values = ["1700000000"]
    clock.now += READ_AGAIN_SECONDS
    assert [1.7e9] * 3 == [ids.moment(stop_at=math.inf) for _ in range(3)]
    clock.now += 1e6
    assert 1.7e9 == ids.moment(stop_at=math.inf)
    assert 2 == ssm.reads


def test_a_parameter_that_cannot_be_read_is_no_moment() -> None:
    """The failure is of this request: the next asks again."""
    ssm = Ssm()
    ids = ChangeOfIds("pending", "name", ssm, ATTEMPTS)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            ids.moment(stop_at=math.inf)
    ssm.values = ["none"]
    assert -math.inf == ids.moment(stop_at=math.inf)


def test_a_retry_across_the_change_counts_nothing_twice(load_handler, personalize, context) -> None:
    """What arrived before the moment goes under the site's own id, before the upgrade and after it."""
    records = [site_event(sessionId=f"s{number}", eventId=f"e-{number}") for number in range(5)]
    old = load_handler("forward_events", EVENT_IDS_FROM=str(ARRIVAL + 1))
    old.lambda_handler(kinesis_event(*records[:3]), context)
    new = load_handler("forward_events", EVENT_IDS_FROM=str(ARRIVAL + 1))
    new.lambda_handler(kinesis_event(*records), context)
    new.lambda_handler(kinesis_event(records[0], arrival=ARRIVAL + 1), context)

    old_ids = {f"e-{number}" for number in range(5)}
    assert {*old_ids, sent_id("e-0", session="s0")} == {event["eventId"] for event in personalize.stored()}


def test_a_batch_whose_ids_are_not_known_is_delivered_again(load_handler, personalize) -> None:
    """Nothing is sent under a guess: the parameter is not there."""
    handler = load_handler("forward_events", EVENT_IDS_FROM="pending", EVENT_IDS_PARAMETER="/test/nowhere")

    answer = handler.lambda_handler(kinesis_event(site_event(), b"no JSON"), Context())

    assert [sequence_number(0), sequence_number(1)] == [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert [] == personalize.requests


def test_a_redriven_event_is_stored_once_with_its_first_sending(load_handler, personalize, context) -> None:
    """Under the id of its first arrival, whichever side of the change that was on."""
    handler = load_handler("forward_events", EVENT_IDS_FROM=str(ARRIVAL))
    before = site_event(eventId="e-1")
    handler.lambda_handler(kinesis_event(before, arrival=ARRIVAL - 5), context)
    handler.lambda_handler(
        kinesis_event({**before, "redriven": {"arrival": ARRIVAL - 5}}, arrival=ARRIVAL + 5), context
    )

    assert ["e-1"] == [event["eventId"] for event in personalize.stored()]
