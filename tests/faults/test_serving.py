"""recommend and rerank against a Personalize that refuses, stalls, talks nonsense and dies.

Never an exception to the caller; an answer in time from the popular list, marked in answer and metric; and Personalize's
own answer again as soon as it gives one, without a restart.
"""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.deadline import eventually
from tests.faults import wreck
from tests.faults.wreck import Wreck, answer, refuses, says
from tests.unit.lambdas.conftest import Context, aws, load_handler, personalize, published

__all__ = ["aws", "load_handler", "personalize", "published"]  # the fixtures of the handlers' tests

ANIMAL = {
    "animal_species_id": "2",
    "animal_primary_breed_id": "Beagle",
    "animal_size_id": "3",
    "animal_age_id": "3",
}
REQUESTS: dict[str, dict[str, Any]] = {
    "recommend": {"userId": "u", "limit": 3, "detail": True},
    "rerank": {"userId": "u", "itemMetadataList": [{"itemId": "1", "animalMetadata": ANIMAL}]},
}
PATIENT, HASTY = 20_000, 300
"""Milliseconds: where an answer comes at once, however busy the machine is; and where none comes."""
LIMIT_SECONDS = 20.0
"""Far above the hasty deadline on the busiest machine, far below the minute that a stall lasts."""


@pytest.fixture
def ruins() -> Iterator[Wreck]:
    with Wreck() as server:
        yield server


@pytest.fixture(params=["recommend", "rerank"])
def load(request: Any, load_handler: Any, ruins: Wreck) -> Callable[[int], Callable[[], Any]]:
    """Makes one of the functions, with a deadline in milliseconds, into a call that gives its answer."""

    def made(milliseconds: int) -> Callable[[], Any]:
        module: ModuleType = load_handler(
            request.param,
            DEADLINE_MILLISECONDS=str(milliseconds),
            AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=ruins.url,
        )
        return lambda: module.lambda_handler(REQUESTS[request.param], Context())

    return made


def source(given: Any) -> str:
    """Where an answer came from, as it says itself."""
    return str(given["source"] if isinstance(given, dict) else given[0]["source"])


NONSENSE = {
    "a proxy's page": answer(b"<html>busy</html>"),
    "nothing": answer(b""),
    "no HTTP": b"what?\r\n\r\n",
    "half a JSON": answer(b'{"itemList": [{"itemId": "2-Bea'),
    "less than it said": answer(wreck.RECOMMENDED[:-20], declared=5000),
    "no text": answer(b"\xff\xfe\x00"),
    "a list": answer(b"[]"),
    "null": answer(b"null"),
    "a number": answer(b"12"),
    "items that are a text": answer(b'{"itemList": "x", "personalizedRanking": "x"}'),
    "items that are numbers": answer(b'{"itemList": [1], "personalizedRanking": [1]}'),
    "items that are null": answer(b'{"itemList": [null], "personalizedRanking": [null]}'),
    "items without an id": answer(b'{"itemList": [{}], "personalizedRanking": [{}]}'),
    "a score that is a text": answer(b'{"itemList": [{"score": "a"}], "personalizedRanking": [{"score": "a"}]}'),
    "a deep nest": answer(b"[" * 100_000),
    "nonsense as an error": answer(b"\xff\xfe\x00", status=500),
    "a list as an error": answer(b"[]", status=400),
    "somewhere else": answer(b"", status=302),
    "no content": answer(b"", status=204),
}
FAILURES = {
    **{name: says(content) for name, content in NONSENSE.items()},
    "throttled": refuses("ThrottlingException", 429),
    "broken": refuses("InternalServerException", 500),
    "away": refuses("ServiceUnavailable", 503),
    "not there": refuses("ResourceNotFoundException", 404),
    "not allowed": refuses("AccessDeniedException", 403),
    "reset": wreck.breaks_off,
}


def test_whatever_personalize_says_visitors_get_an_answer(
    load: Callable[[int], Callable[[], Any]],
    ruins: Wreck,
    published: Callable[[], list[dict[str, Any]]],
) -> None:
    """Refusals and nonsense of every kind: the popular list, marked; and the campaign's answer right after it."""
    ask = load(PATIENT)
    for failure, behaviour in FAILURES.items():
        ruins.behaviour = behaviour
        assert (failure, "popular") == (failure, source(ask()))
        assert [1] == [each["Fallbacks"][0] for each in published() if "Fallbacks" in each], failure
        ruins.behaviour = wreck.healthy
        assert (failure, "personalize") == (failure, source(ask()))
        assert [0] == [each["Fallbacks"][0] for each in published() if "Fallbacks" in each], failure


@pytest.mark.parametrize("behaviour", [wreck.stalls, wreck.stalls_inside, wreck.drips])
def test_the_deadline_holds_however_long_personalize_takes(
    load: Callable[[int], Callable[[], Any]], ruins: Wreck, behaviour: wreck.Behaviour
) -> None:
    """Visitors in a row have their answers long before the stall ends, and Personalize's once it has ended."""
    ask = load(HASTY)
    ruins.behaviour = behaviour
    for _ in range(5):
        begun = time.monotonic()
        assert "popular" == source(ask())
        assert time.monotonic() - begun < LIMIT_SECONDS
    ruins.behaviour = wreck.healthy
    eventually(lambda: source(ask()) == "personalize", what="recovery")


def test_a_dead_personalize_comes_back(load: Callable[[int], Callable[[], Any]], ruins: Wreck) -> None:
    """Nobody listens, then somebody does, at the same address: kept connections are no obstacle."""
    ask = load(PATIENT)
    assert "personalize" == source(ask())
    for _ in range(2):
        ruins.die()
        assert "popular" == source(ask())
        ruins.rise()
        assert "personalize" == source(ask())
