"""The examples of docs/develop/payloads.md, executed, and its table of fields, checked against the reader."""

import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.settings import load_settings
from lambdas.shared.observed import NEEDED
from tests.unit.lambdas.conftest import Context, aws, load_handler, personalize, published
from tests.unit.lambdas.forward_events.stream import kinesis_event, site_event
from tests.unit.lambdas.personalize_server import NOT_THERE

__all__ = ["aws", "load_handler", "personalize", "published"]  # the fixtures of the handlers' tests

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "develop" / "payloads.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json ([a-z-]+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLES = [(kind, json.loads(text)) for kind, text in BLOCKS]
EVENT_FIELDS = re.findall(r"^\| `(\w+)` \| (yes|no) \|", PAGE, flags=re.MULTILINE)


def of(kind: str) -> list[Any]:
    return [content for name, content in EXAMPLES if name == kind]


def conversations() -> Iterator[tuple[str, Any, Any]]:
    """Each request with its function and the answer that the page shows right after it."""
    for (kind, request), (answer_kind, answer) in pairwise(EXAMPLES):
        function, _, part = kind.partition("-")
        if part.startswith("request"):
            assert f"{function}-answer" == answer_kind
            yield kind, request, answer


def test_every_block_of_json_is_executed():
    """No example on the page has an unknown kind, so none goes unchecked."""
    kinds = {
        "event",
        "observed-event",
        "quarantined-observed-event",
        "quarantined-event",
        "quarantine-object",
        "recommend-request",
        "recommend-request-without-personalize",
        "recommend-answer",
        "rerank-request",
        "rerank-answer",
    }

    assert kinds == {kind for kind, _ in EXAMPLES}
    assert len(EXAMPLES) == PAGE.count("```json")
    assert len(of("recommend-answer") + of("rerank-answer")) == len(list(conversations()))


def test_the_events_are_accepted(load_handler, personalize):
    """Each documented event reaches Personalize with what it says."""
    handler = load_handler("forward_events")

    answer = handler.lambda_handler(kinesis_event(*of("event")), Context())

    assert {"batchItemFailures": []} == answer
    expected = [
        ("s1", "12345", "DetailView", "1-Russian_Blue-1-2", 1_700_000_000),
        ("s2", None, "Favorite", "2-Beagle-3-3", 1_700_000_000.5),
        ("s3", None, "AIF", "1-domestic short hair-2-1", 1_700_000_000.25),
    ]
    stored = [
        (event["sessionId"], event["userId"], event["eventType"], event["itemId"], event["sentAt"])
        for event in personalize.stored()
    ]
    assert expected == sorted(stored)


def test_the_bad_event_is_quarantined_as_shown(load_handler):
    """The object in quarantine is the documented one, around the record's own data."""
    handler = load_handler("forward_events")
    [bad], [shown] = of("quarantined-event"), of("quarantine-object")

    handler.lambda_handler(kinesis_event(bad), Context())

    s3 = boto3.client("s3")
    [entry] = s3.list_objects_v2(Bucket="quarantine")["Contents"]
    stored = json.loads(s3.get_object(Bucket="quarantine", Key=entry["Key"])["Body"].read())
    assert bad == json.loads(base64.b64decode(stored["payload"]))
    assert shown == {**stored, "payload": shown["payload"]}


def test_the_observed_events_are_counted_and_not_forwarded(load_handler, personalize, published):
    """The documented ones have the types of the shipped config, in its order; the bad one is quarantined."""
    types = load_settings("dev").observed_event_types
    handler = load_handler("forward_events", OBSERVED_EVENT_TYPES=",".join(types))

    handler.lambda_handler(kinesis_event(*of("observed-event"), *of("quarantined-observed-event")), Context())

    assert list(types) == [event["eventType"] for event in of("observed-event")]
    assert [] == personalize.stored()
    [metrics] = published()
    assert ([4], [1], [0]) == (metrics["EventsObserved"], metrics["EventsQuarantined"], metrics["EventsAccepted"])


@pytest.mark.parametrize("event", of("observed-event"))
def test_the_table_of_observed_types_is_the_readers(event):
    """A row names exactly what an event of its type must say."""
    (row,) = re.findall(rf"^\| `{event['eventType']}` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    needed = re.findall(r"`(\w+)`:", row)
    assert list(NEEDED[event["eventType"]]) == needed


@pytest.mark.parametrize(("kind", "request_", "answer"), list(conversations()))
def test_requests_are_answered_as_shown(load_handler, personalize, kind, request_, answer):
    """Each documented request gets the documented answer."""
    if kind.endswith("without-personalize"):
        promoted = {"itemList": [{"itemId": "1-Siamese-2-2"}]}
        boto3.client("s3").put_object(Bucket="seed", Key="popular/g1.json", Body=json.dumps(promoted).encode())
        personalize.judge = lambda operation, request: NOT_THERE
    handler = load_handler(kind.partition("-")[0], DEADLINE_MILLISECONDS="20000")

    given = handler.lambda_handler(request_, Context())
    told, shown = (one.get("personalizeResponse", {}) if isinstance(one, dict) else {} for one in (given, answer))
    if metadata := told.get("ResponseMetadata"):
        # Its values are of one call; its members are always these, the id only where the service gives one.
        assert {"RequestId", *metadata} == set(shown["ResponseMetadata"])
        assert set(metadata["HTTPHeaders"]) == set(shown["ResponseMetadata"]["HTTPHeaders"])
        told["ResponseMetadata"] = shown["ResponseMetadata"]
    assert answer == given


@pytest.mark.parametrize(("field", "needed"), EVENT_FIELDS)
def test_the_table_of_fields_is_the_readers(load_handler, personalize, field, needed):
    """Each listed field is read (a wrong value is refused by its name) and is needed exactly when the table says so."""
    handler = load_handler("forward_events")
    without = {name: value for name, value in site_event().items() if name != field}

    handler.lambda_handler(kinesis_event({**site_event(), field: [[]]}, without), Context())

    s3 = boto3.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="quarantine")["Contents"]]
    reasons = [json.loads(s3.get_object(Bucket="quarantine", Key=key)["Body"].read())["reason"] for key in keys]
    named = [re.split(r"[.\[]", reason["field"])[0] for reason in reasons]
    assert [field] * (2 if needed == "yes" else 1) == named


def test_the_table_of_fields_is_there():
    """The page lists twelve fields of an event."""
    assert 12 == len(EVENT_FIELDS)
