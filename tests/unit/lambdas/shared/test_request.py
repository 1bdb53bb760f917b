"""The three forms of a request and the answers in kind."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.shared.errors import PayloadError
from lambdas.shared.request import Request

PAYLOAD = {"userId": "u1"}
BODY = json.dumps(PAYLOAD)
PROBLEM = {"error": {"field": "limit", "value": 0, "message": "must be from 1 to 500"}}


@pytest.mark.parametrize(
    "event",
    [
        PAYLOAD,
        {"body": PAYLOAD},
        {"body": BODY},
        {"body": BODY, "isBase64Encoded": False, "httpMethod": "POST"},
        {"body": base64.b64encode(BODY.encode()).decode(), "isBase64Encoded": True},
    ],
)
def test_d03_d24_every_documented_form_holds_the_same_payload(event):
    """Bare, in a body, and in a proxy's body as text or base64."""
    assert PAYLOAD == Request(event).payload()


def test_answers_are_in_kind():
    """A bare request gets the result, an object body a JSON text, a proxy a JSON text with its type."""
    proxied = {"statusCode": 200, "body": "[1]", "headers": {"Content-Type": "application/json"}}

    assert [1] == Request(PAYLOAD).answered([1])
    assert {"statusCode": 200, "body": "[1]"} == Request({"body": PAYLOAD}).answered([1])
    assert proxied == Request({"body": BODY}).answered([1])


def test_refusals_are_in_kind():
    """Every form says 400; the bare one says why as an object, the others as JSON."""
    error = PayloadError("limit", 0, "must be from 1 to 500")

    assert {"statusCode": 400, "body": PROBLEM} == Request(PAYLOAD).refused(error)
    assert {"statusCode": 400, "body": json.dumps(PROBLEM)} == Request({"body": PAYLOAD}).refused(error)
    assert (400, PROBLEM) == (
        Request({"body": BODY}).refused(error)["statusCode"],
        json.loads(Request({"body": BODY}).refused(error)["body"]),
    )


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "request"),
        ([], "request"),
        ("text", "request"),
        ({"body": None}, "body"),
        ({"body": []}, "body"),
        ({"body": "[]"}, "body"),
        ({"body": "{"}, "body"),
        ({"body": " " * 1_048_577}, "body"),
        ({"body": "%%", "isBase64Encoded": True}, "body"),
        ({"body": "A" * 1_500_000, "isBase64Encoded": True}, "body"),
    ],
)
def test_requests_that_hold_no_payload_are_refused(event, field):
    """What is no object is named."""
    with pytest.raises(PayloadError) as refused:
        Request(event).payload()

    assert field == refused.value.field


@given(
    st.dictionaries(
        st.sampled_from(["body", "isBase64Encoded", "x"]), st.none() | st.booleans() | st.text() | st.integers()
    )
)
def test_any_event_holds_a_payload_or_is_refused(event):
    """No event raises anything but PayloadError, and every refusal can be answered."""
    request = Request(event)
    try:
        status, held = 200, request.payload()
    except PayloadError as error:
        status, held = 400, request.refused(error)

    assert isinstance(held, dict)
    assert status == held["statusCode"] if status == 400 else "statusCode" not in held
