"""The three forms of a request and the answers in kind."""

import base64
import json
from typing import Any

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


FUNCTION_URL = {
    "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": {"accept": "*/*"},
    "requestContext": {"http": {"method": "POST", "path": "/"}, "domainName": "x.lambda-url.us-east-1.on.aws"},
    "isBase64Encoded": False,
}  # fmt: skip
REST = {
    "resource": "/", "path": "/", "httpMethod": "POST", "headers": None, "queryStringParameters": None, "body": None,
    "requestContext": {"httpMethod": "POST", "stage": "prod", "resourcePath": "/"}, "isBase64Encoded": False,
}  # fmt: skip
LOAD_BALANCER = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}}, "httpMethod": "GET", "path": "/",
    "queryStringParameters": {}, "headers": {}, "isBase64Encoded": False,
}  # fmt: skip
WEB_SOCKET = {"requestContext": {"routeKey": "$connect", "connectionId": "x"}, "isBase64Encoded": False}
LATTICE = {"version": "2.0", "path": "/", "method": "GET", "headers": {}, "requestContext": {"serviceNetworkArn": "x"}}
PROXIES = {
    "a function URL": FUNCTION_URL,
    "a function URL, body null": {**FUNCTION_URL, "body": None},
    "a function URL, body empty": {**FUNCTION_URL, "body": ""},
    "a REST API": REST,
    "a REST API without the member": {name: value for name, value in REST.items() if name != "body"},
    "a load balancer": LOAD_BALANCER,
    "a load balancer, body empty": {**LOAD_BALANCER, "body": ""},
    "a WebSocket": WEB_SOCKET,
    "VPC Lattice": LATTICE,
    "a test's event": {"httpMethod": "POST", "path": "/rerank", "body": None, "isBase64Encoded": False},
    "base64 of nothing": {**FUNCTION_URL, "body": "", "isBase64Encoded": True},
}


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_without_a_body_gets_a_text(name):
    """API Gateway and function URLs turn an answer whose body is no text into 502."""
    request = Request(PROXIES[name])
    with pytest.raises(PayloadError) as refused:
        request.payload()
    answer = request.refused(refused.value)

    assert "body" == refused.value.field
    assert (400, {"Content-Type": "application/json"}) == (answer["statusCode"], answer["headers"])
    assert "body" == json.loads(answer["body"])["error"]["field"]
    answered: Any = request.answered([])
    assert isinstance(answered["body"], str)


@pytest.mark.parametrize(
    "odd",
    [
        {"httpMethod": "POST"}, {"path": "/"}, {"version": "2.0"}, {"requestContext": {}}, {"requestContext": "x"},
        {"headers": {}}, {"rawPath": "/"}, {"isBase64Encoded": True}, {"requestContext": {"stage": "x"}}, {},
        {"httpMethod": 1, "path": 2, "headers": {}}, {"httpMethod": "POST", "path": "/"},
        {**FUNCTION_URL, "userId": "u"}, {**LOAD_BALANCER, "sessionId": "s"}, {**LATTICE, "itemMetadataList": []},
    ],
)  # fmt: skip
def test_a_bare_request_with_odd_members_stays_bare(odd):
    """Members of a proxy's request alone make none, and none has a field of the site's beside them."""
    request = Request(odd)

    assert ("bare", odd, [1]) == (request.form, request.payload(), request.answered([1]))


def test_an_object_with_odd_members_stays_an_object():
    """What has its payload as an object is answered as one."""
    answered: Any = Request({**FUNCTION_URL, "body": PAYLOAD}).answered([1])
    assert "headers" not in answered
    assert "headers" not in Request({"body": None}).refused(PayloadError("body", None, "x"))
