"""Handlers meet input from strangers: an answer, a refusal or a quarantine, at a bounded price, and nothing told."""

import base64
import io
import json
import math
import re
import sys
import threading
import tracemalloc
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.lambdas.conftest import Context
from tests.unit.lambdas.forward_events.stream import kinesis_event, site_event
from tests.unit.lambdas.personalize_server import PersonalizeServer

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
MEGABYTE = 1024 * 1024

# What must never be in a log line. Long enough to be nobody's by chance.
USER, SESSION = "visitor-5d1f0c2e7b", "session-8a43e9b061"
SECRET = "body-of-a-stranger-27c4"
SIGNED = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=0f3c"

# What a field may hold that is not meant to be in it.
LOOK_ALIKE, OVERLONG = "Rus\u0455ian_Blue", "i" * 300
HOSTILE: tuple[Any, ...] = (
    1e400, -1e400, math.nan, 10**400, -(10**400), True, None, "", " ", "\x00", "\ud800", "\u202e", LOOK_ALIKE, OVERLONG,
    "\uff11", "\u2168", "\u2800", "a\u034f", "a\ufe0f", "\u115f", "\u0421\u043e\u0431", "<b>a</b>", "www.example.com",
    [], {}, [[[[]]]], {"a": {"b": [SECRET]}}, SECRET, SIGNED, USER, SESSION, b"bytes".hex() * 1000,
    "'; DROP TABLE events; --", "../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "%00", "1e400", "NaN", -1, 0, 0.5,
)  # fmt: skip
FIELDS = (
    "userId", "sessionId", "eventType", "animal_id", "animalMetadata", "timestamp", "eventId", "eventValue", "context",
    "recommendationId", "impression", "limit", "userID", "user_id", "sessionid", "animalId", "redriven",
    "filters", "itemMetadataList", "detail", "body", "isBase64Encoded", "any",
)  # fmt: skip

JSON = st.recursive(
    st.sampled_from(HOSTILE) | st.text(max_size=20) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(FIELDS), inner),
    max_leaves=10,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(HOSTILE) | JSON, max_size=4)


def text(value: object) -> str:
    """The value as the text that a site could send: what is no JSON too."""
    return json.dumps(value, ensure_ascii=True)


def animals(count: int) -> list[dict[str, Any]]:
    metadata = {"animal_species_id": "1", "animal_primary_breed_id": "Pug", "animal_size_id": "1"}
    return [
        {"itemId": f"a{number}", "animalMetadata": {**metadata, "animal_age_id": str(1 + number % 5)}}
        for number in range(count)
    ]


def base(function: str) -> dict[str, Any]:
    """A valid request of a function, by a visitor whom no log line may name."""
    if function == "forward_events":
        return site_event(userId=USER, sessionId=SESSION)
    request: dict[str, Any] = {"userId": USER, "sessionId": SESSION}
    return request if function == "recommend" else {**request, "itemMetadataList": animals(3)}


def wrapped(function: str, request: Any, form: str) -> Any:
    """The request in one of the forms in which a function is invoked."""
    match form if function != "forward_events" else "stream":
        case "stream":
            return kinesis_event(text(request).encode(), site_event())
        case "proxy":
            return {"body": text(request)}
        case "base64":
            return {"body": base64.b64encode(text(request).encode()).decode(), "isBase64Encoded": True}
        case "object":
            return {"body": request}
    return request


def sent_values(value: Any) -> Iterator[Any]:
    """Every text and number in what Personalize was sent."""
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from sent_values(json.loads(item) if key == "properties" else item)
        case list():
            for item in value:
                yield from sent_values(item)
        case _:
            yield value


READABLE = re.compile(r"[12]-[A-Za-z0-9 \-_.'()&,/\u00c0-\u02af\u0300-\u036f\u1e00-\u1eff]{1,80}-[1-5]-[1-5]")
"""A group as other visitors may read it, where breeds are written in Latin."""


def sent_groups(request: Any) -> Iterator[str]:
    """The groups that a request of PutEvents or GetPersonalizedRanking names."""
    yield from request.get("inputList", ())
    for event in request.get("eventList", ()):
        yield event["itemId"]
        yield from event.get("impression", ())


def acceptable(value: Any) -> bool:
    """What may reach Personalize: visible text without look-alikes of at most 256 characters, finite numbers."""
    if isinstance(value, str):
        if regex.search(r"[\p{Default_Ignorable_Code_Point}\u2800]", value):
            return False
        scripts = {unicodedata.name(c, "?").split()[0] for c in value if c.isalpha() and not c.isascii()}
        mixed = bool(scripts & {"CYRILLIC", "GREEK"}) and any(c.isascii() and c.isalpha() for c in value)
        return len(value) <= 256 and value.isprintable() and not mixed
    return not isinstance(value, int | float) or math.isfinite(value)


class Invoked:
    """A function as Lambda calls it, and what it printed and logged since it was last asked."""

    def __init__(self, name: str, handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.name = name
        self._handler = handler
        self._capsys = capsys
        self._log = io.StringIO()
        for one in handler.logger.handlers:
            one.setStream(self._log)

    def __call__(self, event: Any) -> Any:
        return self._handler.lambda_handler(event, Context())

    def told(self) -> str:
        text = self._log.getvalue() + "".join(self._capsys.readouterr())
        self._log.seek(0)
        self._log.truncate()
        return text


@pytest.fixture(params=["forward_events", "recommend", "rerank"])
def invoked(request: pytest.FixtureRequest, load_handler: Any, capsys: pytest.CaptureFixture[str]) -> Invoked:
    """Each function in turn."""
    return Invoked(request.param, load_handler(request.param, DEADLINE_MILLISECONDS="20000"), capsys)


def check(invoked: Invoked, answer: Any, personalize: PersonalizeServer) -> None:
    """An answer of the documented form; only sound values went on; no line tells of the visitor."""
    json.dumps(answer)
    told = invoked.told()
    assert '"_aws"' in told
    if invoked.name == "forward_events":
        assert [] == answer["batchItemFailures"]
        assert "batch forwarded" in told
    elif isinstance(answer, dict) and "statusCode" in answer:
        assert answer["statusCode"] in (200, 400)
    assert [] == personalize.beyond_limits
    assert [] == [value for _, sent in personalize.requests for value in sent_values(sent) if not acceptable(value)]
    assert [] == [
        item for _, sent in personalize.requests for item in sent_groups(sent) if not READABLE.fullmatch(item)
    ]
    personalize.requests.clear()
    assert [] == [word for word in (USER, SESSION, SECRET, "X-Amz-Signature", "Traceback") if word in told]


@FUZZ
@given(changes=CHANGES, form=st.sampled_from(["bare", "proxy", "base64", "object"]))
def test_a_request_with_hostile_fields(invoked, personalize, changes, form) -> None:
    """A valid request with some fields replaced by anything at all."""
    event = wrapped(invoked.name, {**base(invoked.name), **changes}, form)
    check(invoked, invoked(event), personalize)


@FUZZ
@given(data=st.binary(max_size=300) | JSON.map(lambda value: text(value).encode()))
def test_raw_bytes(invoked, personalize, data) -> None:
    """What is no request of any kind, as a record, as a body and as the event itself."""
    if invoked.name == "forward_events":
        events: list[Any] = [kinesis_event(data, site_event())]
    else:
        body = data.decode("utf-8", errors="surrogateescape")
        events = [{"body": body}, {"body": data.hex(), "isBase64Encoded": True}, body, [body], None]
    for event in events:
        check(invoked, invoked(event), personalize)


def bombs(function: str) -> dict[str, Any]:
    """The dearest things that fit into an invocation, by what they are."""
    bodies = {
        "nested lists": "[" * MEGABYTE,
        "nested objects": '{"a":' * 200_000,
        "a long number": "9" * MEGABYTE,
        "a long exponent": '{"limit": 1e' + "9" * 100_000 + "}",
        "a long text": '{"userId": "' + "u" * MEGABYTE + '"}',
        "escapes": '{"userId": "' + "\\u0041" * 150_000 + '"}',
        "many members": text({f"k{number}": number for number in range(60_000)}),
        "the same member": '{"userId": "u", ' + '"a": 1, ' * 100_000 + '"b": 2}',
        "many elements": text({"itemMetadataList": [0] * 300_000, "impression": [0] * 300_000}),
        "zeros": "\x00" * MEGABYTE,
    }
    if function == "forward_events":
        return {name: kinesis_event(*[body.encode()[: 1000 * 1024]] * 4) for name, body in bodies.items()}
    return {name: {"body": body} for name, body in bodies.items()} | {
        "an object with a long text": {"userId": "u" * 5 * MEGABYTE},
        "many animals": {"userId": "u", "itemMetadataList": animals(30_000)},
        "many filters": {"userId": "u", "filters": {f"f{number}": SECRET for number in range(60_000)}},
    }


def ordinary(function: str) -> Any:
    """A normal request of the size that a site sends: a full batch, or a page of animals."""
    if function == "forward_events":
        return kinesis_event(*[site_event(userId=f"u{n % 50}", sessionId=f"s{n % 50}", timestamp=1_699_990_000 + n)
                               for n in range(500)])  # fmt: skip
    return (
        {"userId": "u", "limit": 500} if function == "recommend" else {"userId": "u", "itemMetadataList": animals(500)}
    )


IDLE_MEGABYTES = 48
"""What a function's process holds before its first request, interpreter and SDK; counted to both sides."""


@dataclass
class Work:
    """What the processor is asked to do: calls of functions, in C too, and characters that are read as JSON."""

    calls: int = 0
    characters: int = 0

    def count(self, frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            self.calls += 1
        if event == "call" and frame.f_code is json.JSONDecoder.decode.__code__:
            self.characters += len(frame.f_locals["s"])


LEAST_WORK = Work(calls=50_000, characters=128 * 1024)
"""A normal request's work is taken for at least this: ten times as much are tenths of a second."""


def work_of(call: Callable[[], Any]) -> Work:
    """The work of this thread and of those that it starts: the same on every computer, however busy it is."""
    work, before = Work(), sys.getprofile()
    threading.setprofile(work.count)
    sys.setprofile(work.count)
    try:
        call()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return work


def peak_bytes(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_no_request_costs_much_more_than_a_normal_one(invoked) -> None:
    """At most twice the memory of the process and ten times the work, whatever a stranger sends."""
    normal = ordinary(invoked.name)
    invoked(normal)
    usual = work_of(partial(invoked, normal))
    most = Work(10 * max(LEAST_WORK.calls, usual.calls), 10 * max(LEAST_WORK.characters, usual.characters))
    memory = IDLE_MEGABYTES * MEGABYTE + peak_bytes(partial(invoked, normal))
    dear = {}
    for name, bomb in bombs(invoked.name).items():
        work = work_of(partial(invoked, bomb))
        share = (IDLE_MEGABYTES * MEGABYTE + peak_bytes(partial(invoked, bomb))) / memory
        if work.calls > most.calls or work.characters > most.characters or share > 2:
            dear[name] = f"{work} instead of at most {most}, {share:.1f} times the memory"
    assert {} == dear
    assert SECRET not in invoked.told()
