"""recommend and rerank against a Personalize that refuses, stalls, talks nonsense and dies.

Never an exception to the caller; an answer in time from the popular list, marked in answer and metric; and Personalize's
own answer again as soon as it gives one, without a restart. The same with S3, which holds the popular list: what fails
there is nobody's trouble while Personalize answers, and over with the reading in which it happened.
"""

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from lambdas.shared import popular
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
PATIENCE_SECONDS = 20.0
"""How long a test waits for a reading of the popular list."""


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
    """Visitors in a row have their answers though the stall does not end, and Personalize's when it answers again."""
    ask = load(HASTY)
    ruins.behaviour = behaviour
    for number in range(5):
        assert "popular" == source(ask())
        assert number < ruins.asked
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


def list_of(*item_ids: str) -> bytes:
    return json.dumps({"itemList": [{"itemId": item_id} for item_id in item_ids]}).encode()


def with_headers(*headers: str, body: bytes = list_of("2-Pug-1-4")) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


S3_NONSENSE = {
    "no HTTP": answer(b"what?\r\n\r\n"),
    "nothing": b"",
    "an empty list": answer(list_of()),
    "an empty object": answer(b""),
    "half a list": answer(list_of("2-Pug-1-4")[:-9]),
    "less than it said": answer(list_of("2-Pug-1-4"), declared=5000),
    "no text": answer(b"\xff\xfe\x00"),
    "a list": answer(b"[]"),
    "null": answer(b"null"),
    "items that are a text": answer(b'{"itemList": "x"}'),
    "items that are numbers": answer(b'{"itemList": [1, null, {}]}'),
    "no groups": answer(list_of("pug", "<b>", "2-www.example.com-1-1")),
    "a number that is too long": answer(b'{"itemList": ' + b"9" * 200_000 + b"}"),
    "a deep nest": answer(b"[" * 100_000),
    "a list that is too long": answer(list_of(*(f"2-Breed {number}-1-1" for number in range(1001)))),
    "an object that is too big": answer(list_of(*["2-Pug-1-4"] * 20_000)),
    "no gzip, though it says so": with_headers("Content-Encoding: gzip", "Content-Length: 20", body=b"x" * 20),
    "a length that is no number": with_headers("Content-Length: many"),
    "a negative length": with_headers("Content-Length: -5"),
    "two lengths": with_headers("Content-Length: 5", "Content-Length: 6"),
    "a date that is none": with_headers("Last-Modified: never", "Content-Length: 39"),
    "a count that is none": with_headers(
        "x-amz-missing-meta: many", "x-amz-mp-parts-count: many", "Content-Length: 39"
    ),
    "another checksum": with_headers("x-amz-checksum-crc32: AAAAAA==", "Content-Length: 39"),
    "a checksum that is none": with_headers("x-amz-checksum-crc32: \xff", "Content-Length: 39"),
    "chunks that are none": with_headers("Transfer-Encoding: chunked", body=b"zz\r\nhm\r\n"),
    "half a chunk": with_headers("Transfer-Encoding: chunked", body=b"ff\r\nhm"),
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "a thousand headers": with_headers(*(f"X-{number}: x" for number in range(1000))),
    "headers that are none": with_headers("\x00\x01", ": x", " y"),
    "a page as an error": answer(b"<html>", status=500),
    "no XML as an error": answer(b"<Error><Code>", status=403),
    "somewhere else": answer(b"", status=301),
}
S3_FAILURES = {
    **{name: says(content) for name, content in S3_NONSENSE.items()},
    "slow down": refuses("SlowDown", 503),
    "not allowed": refuses("AccessDenied", 403),
    "not there": refuses("NoSuchKey", 404),
    "reset": wreck.breaks_off,
}


@pytest.fixture
def list_ruins() -> Iterator[Wreck]:
    with Wreck() as server:
        yield server


# The SDK leaves the socket of an answer that it could not read to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("function", ["recommend", "rerank"])
def test_whatever_s3_says_visitors_get_an_answer(
    function: str, load_handler: Any, ruins: Wreck, list_ruins: Wreck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the list cannot be read Personalize answers, without it the last list does; read again it is the new one."""
    monkeypatch.setattr(popular, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(popular, "REFRESH_SECONDS", 0.0)
    module = load_handler(
        function,
        DEADLINE_MILLISECONDS=str(PATIENT),
        AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=ruins.url,
        AWS_ENDPOINT_URL_S3=list_ruins.url,
    )
    groups = (module.recommender if function == "recommend" else module.reranker).campaign.popular

    def ask() -> str:
        return source(module.lambda_handler(REQUESTS[function], Context()))

    for number, (failure, behaviour) in enumerate(S3_FAILURES.items()):
        newest = f"2-Breed {number}-1-1"
        list_ruins.behaviour = behaviour
        ruins.behaviour = wreck.healthy
        assert (failure, ["personalize"] * 3) == (failure, [ask() for _ in range(3)])
        ruins.behaviour = refuses("ServiceUnavailable", 503)
        assert (failure, ["popular"] * 2) == (failure, [ask() for _ in range(2)])
        list_ruins.behaviour = says(answer(list_of(newest)))
        for _ in range(2):  # the first may have found the failed reading still under way
            assert (failure, "popular") == (failure, ask())
        assert (failure, newest) == (failure, groups.groups(wait_seconds=PATIENCE_SECONDS)[0])


@pytest.mark.parametrize("function", ["recommend", "rerank"])
@pytest.mark.parametrize("behaviour", [wreck.stalls, wreck.stalls_inside, wreck.drips])
def test_a_slow_s3_keeps_nobody_waiting(
    function: str, behaviour: wreck.Behaviour, load_handler: Any, ruins: Wreck, list_ruins: Wreck
) -> None:
    """Personalize's answer does not wait for the list, nor the popular one longer than the deadline."""
    list_ruins.behaviour = behaviour
    module = load_handler(
        function,
        DEADLINE_MILLISECONDS=str(HASTY),
        AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=ruins.url,
        AWS_ENDPOINT_URL_S3=list_ruins.url,
    )
    eventually(
        lambda: source(module.lambda_handler(REQUESTS[function], Context())) == "personalize",
        what="Personalize's answer",
    )
    ruins.behaviour = wreck.breaks_off
    assert "popular" == source(module.lambda_handler(REQUESTS[function], Context()))
    assert list_ruins.asked >= 1
