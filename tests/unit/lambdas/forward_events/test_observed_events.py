"""forward_events and observed events: validated, counted, and never put to Personalize."""

from typing import Any

import pytest

from tests.unit.lambdas.forward_events.stream import kinesis_event, sequence_number, site_event
from tests.unit.lambdas.forward_events.test_handler import identifiers, pointers, quarantined
from tests.unit.lambdas.personalize_server import THROTTLED

TYPES = "Shown,LetterOpened,LetterClicked,AnswerHelpful"
SHOWN: dict[str, Any] = {"sessionId": "s1", "eventType": "Shown", "impression": ["2-Beagle-3-3"]}
OPENED: dict[str, Any] = {"sessionId": "s1", "userId": "12345", "eventType": "LetterOpened", "letterId": "l-1"}


def counts(metrics: dict[str, Any]) -> tuple[float, ...]:
    names = ("EventsAccepted", "EventsObserved", "EventsQuarantined", "EventsFailed", "PutEventsCalls")
    return tuple(metrics[name][0] for name in names)


def test_they_are_counted_and_not_forwarded(load_handler, personalize, context, published):
    """Flat and in the envelope, with an animal and without: only the site's other events reach Personalize."""
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=TYPES)

    answer = handler.lambda_handler(
        kinesis_event(SHOWN, site_event(), {"Partitionkey": "1", "Data": OPENED}, site_event(**SHOWN)), context
    )

    assert {"batchItemFailures": []} == answer
    assert ["DetailView"] == [event["eventType"] for event in personalize.stored()]
    assert [] == quarantined()
    [metrics] = published()
    assert (1, 3, 0, 0, 1) == counts(metrics)


def test_alone_they_make_no_call(load_handler, personalize, context, published):
    """A batch of nothing else costs Personalize nothing, and accepts nothing: no training counts it."""
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=TYPES)

    assert {"batchItemFailures": []} == handler.lambda_handler(kinesis_event(*[SHOWN] * 30), context)

    assert [] == personalize.of("PutEvents")
    [metrics] = published()
    assert (0, 30, 0, 0, 0) == counts(metrics)


def test_an_invalid_one_is_quarantined_as_any_other(load_handler, personalize, context, published):
    """With payload and reason; its neighbours are counted."""
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=TYPES)

    answer = handler.lambda_handler(
        kinesis_event(SHOWN, {**SHOWN, "impression": ["2-Beagle-3-3"] * 26}, {**OPENED, "letterId": ["l"]}), context
    )

    assert {"batchItemFailures": []} == answer
    assert ["impression", "letterId"] == sorted(item["reason"]["field"] for item in quarantined())
    assert 2 == len(pointers())
    [metrics] = published()
    assert (0, 1, 2, 0, 0) == counts(metrics)


@pytest.mark.parametrize("near", ["shown", "SHOWN", "letter_opened"])
def test_one_whose_type_is_misspelt_does_not_reach_personalize(load_handler, personalize, context, near):
    """It is quarantined, with the right type in the reason."""
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=TYPES)

    handler.lambda_handler(kinesis_event(site_event(eventType=near)), context)

    assert [] == personalize.stored()
    assert ["eventType"] == [item["reason"]["field"] for item in quarantined()]


def test_delivered_again_it_is_counted_once(load_handler, personalize, context, published):
    """What stands behind a failure is delivered again, and counted then."""
    personalize.judge = lambda operation, request: THROTTLED if request["sessionId"] == "busy" else None
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=TYPES)
    records = [SHOWN, site_event(sessionId="busy"), OPENED, OPENED]

    answer = handler.lambda_handler(kinesis_event(*records), context)
    personalize.judge = lambda operation, request: None
    handler.lambda_handler(kinesis_event(*records[1:]), context)

    assert [sequence_number(1)] == identifiers(answer)
    first, second = published()
    assert ((0, 1), (1, 2)) == (counts(first)[:2], counts(second)[:2])


def test_without_the_config_naming_them_there_are_none(load_handler, personalize, context, published):
    """An environment whose config has no observed types forwards every type that has an animal."""
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES="")

    handler.lambda_handler(kinesis_event(site_event(eventType="Shown"), SHOWN), context)

    assert ["Shown"] == [event["eventType"] for event in personalize.stored()]
    [metrics] = published()
    assert (1, 0, 1, 0, 1) == counts(metrics)
