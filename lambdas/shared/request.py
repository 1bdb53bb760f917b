"""The forms in which the site asks `recommend` and `rerank`, and the answers in kind.

| form | request | answer | error |
| --- | --- | --- | --- |
| bare | the payload itself | the result itself | `{"statusCode": 400, "body": {"error": ...}}` |
| object | `{"body": {...}}` | `{"statusCode": 200, "body": "JSON"}` | `{"statusCode": 400, "body": "JSON"}` |
| proxy | `{"body": "JSON", ...}` | the same, with `headers` | the same, with `headers` |

Proxies are API Gateway, function URLs, load balancers. A request of theirs that has no body comes with `body` null, or
without the member; it is known by what else is in it.
"""

import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import members, parse_json

LONGEST_BODY = 1_048_576
"""Bytes of a proxy's body."""

_OWN_FIELDS = frozenset(("userId", "sessionId", "limit", "filters", "context", "detail", "itemMetadataList"))
"""No proxy has one of these beside its own members: a request that has one is bare, whatever else is in it."""

_CONTEXTS = frozenset(("http", "elb", "httpMethod", "connectionId", "serviceNetworkArn"))
"""A member of each proxy's `requestContext`, in this order:

- HTTP APIs in format 2.0, https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
  and function URLs, https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html;
- load balancers, https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html;
- REST APIs, and HTTP APIs in format 1.0;
- WebSocket APIs;
- VPC Lattice in format 2.0, https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html.
"""

Form = Literal["bare", "object", "proxy"]


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation of a serving function."""

    event: object

    @property
    def form(self) -> Form:
        """In which of the forms the function was invoked."""
        event = self.event
        if not isinstance(event, dict):
            return "bare"
        body = event.get("body")
        if isinstance(body, str):
            return "proxy"
        if body is None and _is_proxy(event):
            return "proxy"
        return "object" if "body" in event else "bare"

    def payload(self) -> dict[str, Any]:
        """What the site asked. Raises PayloadError."""
        if not isinstance(self.event, dict) or self.form == "bare":
            return members(self.event, "request")
        body = self.event.get("body")
        if isinstance(body, str):
            body = parse_json(self._text(body), "body", longest=LONGEST_BODY)
        return members(body, "body")

    def answered(self, result: object) -> object:
        """The answer that carries `result`."""
        return result if self.form == "bare" else self._response(200, result)

    def refused(self, error: PayloadError) -> dict[str, Any]:
        """The answer to a request that is wrong: it names field and value."""
        content = {"error": error.as_json()}
        return {"statusCode": 400, "body": content} if self.form == "bare" else self._response(400, content)

    def _response(self, status: int, content: object) -> dict[str, Any]:
        response: dict[str, Any] = {"statusCode": status, "body": json.dumps(content)}
        if self.form == "proxy":
            response["headers"] = {"Content-Type": "application/json"}
        return response

    def _text(self, body: str) -> str | bytes:
        if not (isinstance(self.event, dict) and self.event.get("isBase64Encoded") is True):
            return body
        if len(body) > LONGEST_BODY * 4 // 3 + 4:
            raise PayloadError("body", None, f"must have at most {LONGEST_BODY} bytes")
        try:
            return binascii.a2b_base64(body, strict_mode=True)
        except ValueError as error:
            raise PayloadError("body", None, "must be base64, as isBase64Encoded says") from error


class Answer(Protocol):
    """What a function answers with."""

    @property
    def body(self) -> object:
        """The result as the site gets it."""
        ...

    @property
    def failure(self) -> str | None:
        """Why the popular list answered instead of Personalize; None when it did not, or because it was asked to."""
        ...

    @property
    def asleep(self) -> bool:
        """Whether the popular list answered because the environment sleeps."""
        ...


def respond(
    event: object,
    answer: Callable[[dict[str, Any]], Answer],
    count: Callable[[str, int], None],
    warn: Callable[[str], None],
) -> object:
    """The answer to an event, in its form: `answer` gets the payload, and may raise PayloadError.

    `count` gets the metrics of the invocation (`Requests`, `BadRequests`, `Fallbacks`, `Asleep`), `warn` the reason of
    a fallback.
    """
    count("Requests", 1)
    request = Request(event)
    try:
        answered = answer(request.payload())
    except PayloadError as error:
        count("BadRequests", 1)
        return request.refused(error)
    count("Fallbacks", int(answered.failure is not None))
    if answered.asleep:
        count("Asleep", 1)
    if answered.failure is not None:
        warn(answered.failure)
    return request.answered(answered.body)


def _is_proxy(event: Mapping[str, Any]) -> bool:
    """Whether a request without a body comes from a proxy."""
    if not _OWN_FIELDS.isdisjoint(event):
        return False
    context = event.get("requestContext")
    if isinstance(context, dict) and not _CONTEXTS.isdisjoint(context):
        return True
    # As REST APIs and load balancers ask, their `requestContext` left out, as in events that people write for tests.
    named = isinstance(event.get("httpMethod"), str) and isinstance(event.get("path"), str)
    return named and ("body" in event or isinstance(event.get("headers"), dict))
