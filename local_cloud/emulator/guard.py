"""The emulator behind the guard (personalize_local/api/guard.py), and what MiniStack alone needs beside it.

MiniStack answers every origin with `Access-Control-Allow-Origin: *` and takes any key, and none, for the account's.
Here no answer has such a header, what acts carries a signature in its `Authorization` header, which no page can send
unasked, and a document that a browser is shown gets an origin of its own (`sandbox`): what somebody stored in a bucket
cannot ask the emulator as a page of the emulator.

Whether a signature is right is not asked for the account's key: the key is known to all. That it is there is the point.
"""

import http.server
import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from personalize_local.api.guard import App, Guard, Headers, Receive, Scope, Send, refuse

OPEN_PATHS = (
    "/_ministack/health",
    "/_ministack/ready",
    "/_localstack/health",
    # Addresses that the emulator hands out: GetFunction's code, and tokens that custom resources and wait conditions
    # answer to, with PUT.
    "/_ministack/lambda-code/",
    "/_ministack/lambda-layers/",
    "/_ministack/cfn-response/",
    "/_ministack/cfn-signal/",
    # APIs and functions that a template publishes; their own authorization holds.
    "/_aws/execute-api/",
    "/_aws/lambda-url/",
)
"""Beginnings of those of the administering paths that ask for no header. Of what begins so, only what MiniStack itself
answers there needs no signature either (`_OPEN`, `_PUBLISHED_PATH`): the rest it takes for calls of services."""
_ADMIN_PATHS = ("/_local/", "/_ministack/", "/_localstack/", "/_aws/")
_OPEN = re.compile(
    r"(GET|HEAD) (/health|/_ministack/health|/_ministack/ready|/_localstack/health)"
    r"|GET /_ministack/lambda-code/.+"
    r"|GET /_ministack/lambda-layers/([^/]+/[^/]+/)?[^/]+/[0-9]+/content"
    r"|PUT /_ministack/cfn-(response|signal)/.+",
    re.DOTALL,
)
"""Method and path of what MiniStack answers before it looks for a service."""
_PUBLISHED_PATH = re.compile(
    r"/_aws/execute-api/[^/]+/|/_aws/lambda-url/[^/]+|/restapis/[^/]+/[^/]*/_user_request_(/|\Z)"
)
"""As MiniStack's `_parse_execute_api_url` and `_parse_lambda_url` read paths: an API has a stage, a URL an id."""
_FUNCTION_HOST = re.compile(
    rb"([a-z0-9]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.lambda-url\.[a-z0-9-]+\."  # as `_parse_lambda_url`
)
_NOT_OF_THE_HOST = re.compile(
    r"\S+ /(iceberg|v20180820/|v2/email|v2/?\Z|v2/_catalog\Z|v2/.*(/blobs/|/manifests/|/tags/list\Z))"
    r"|\S+ /(Execute|BeginTransaction|CommitTransaction|RollbackTransaction|BatchExecute)\Z"
    r"|\S+ /oauth2/user[Ii]nfo\Z|GET /(oauth2/authorize|logout)\Z"
    r"|POST /(oauth2/login|login|oauth2/token|WriteGetObjectResponse)\Z",
    re.DOTALL,
)
"""What MiniStack gives to other services, whatever the host is, before it looks for an API or a function."""
_SIGNED = re.compile(rb"(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256|AWS|Bearer) +\S", re.IGNORECASE)
_ACTION = re.compile(
    rb"&" + b"".join(rb"(?:%c|%%%02x|%%%02x)" % (one, one, one - 32) for one in b"action") + rb"(?:[=&]|\Z)",
    re.IGNORECASE,
)
"""A field named `Action`, its letters percent-encoded or not, of a query or a form after an `&`."""
_FORM = b"application/x-www-form-urlencoded"
_CORS = b"access-control-"
_WITHOUT_SIGNATURE = (
    "The request carries no signature. Every AWS SDK and the AWS CLI sign what they send, with any keys "
    "(AWS_ACCESS_KEY_ID=test, AWS_SECRET_ACCESS_KEY=test)."
)
_SAFE = [(b"content-security-policy", b"sandbox"), (b"x-content-type-options", b"nosniff")]


def guard(allowed_hosts: Iterable[str] = ()) -> Guard:
    """The guard of the emulator's ports."""
    return Guard(allowed_hosts, admin_paths=_ADMIN_PATHS, open_paths=OPEN_PATHS)


class Guarded:
    """An ASGI application that nobody's page can use."""

    def __init__(self, app: App, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._api_host = _api_host()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: Headers = [(name.lower(), value) for name, value in scope["headers"]]
        # A web socket's own scheme; its origin is that of the page.
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        target = scope.get("raw_path") or scope["path"].encode()
        why = self._guard.refusal(target, headers, scheme=scheme, version=scope["http_version"])
        published = why is None and _is_published(scope, headers, self._api_host)
        if why is None and scope["type"] == "http" and not published and not _is_signed(headers):
            if not may_act(scope, headers):
                why = _WITHOUT_SIGNATURE
            elif _is_form(headers):
                calls, receive = await _form_calls_a_service(headers, receive)
                why = _WITHOUT_SIGNATURE if calls else None
        if why is not None:
            await refuse(why, scope, send)
            return

        async def send_safely(message: dict[str, Any]) -> None:
            if "headers" in message:
                kept = [(name, value) for name, value in message["headers"] if not name.lower().startswith(_CORS)]
                message = {**message, "headers": kept if published else [*kept, *_SAFE]}
            await send(message)

        await self._app(scope, receive, send_safely)


def may_act(scope: Scope, headers: Headers) -> bool:
    """Whether a request is one of the few that need no signature though nothing that is published is asked."""
    if _calls_a_service(scope, headers):
        return False
    path = scope["path"]
    if path == "/health" or path.startswith(OPEN_PATHS):
        return _OPEN.fullmatch(f"{scope['method']} {path}") is not None
    return path.startswith(_ADMIN_PATHS) or _is_presigned(scope)  # of those paths, the guard has seen the header


def _is_signed(headers: Headers) -> bool:
    return any(name == b"authorization" and _SIGNED.match(value) for name, value in headers)


def _calls_a_service(scope: Scope, headers: Headers) -> bool:
    """Whether MiniStack would find the service that is called in the header or the query, whatever the path is."""
    if any(name == b"x-amz-target" for name, _ in headers):
        return True
    return _ACTION.search(b"&" + scope["query_string"]) is not None


def _is_form(headers: Headers) -> bool:
    return any(name == b"content-type" and value.strip().lower().startswith(_FORM) for name, value in headers)


async def _form_calls_a_service(headers: Headers, receive: Receive) -> tuple[bool, Receive]:
    """Whether MiniStack would find the service that is called in the body, and what gives the body once more.

    MiniStack itself keeps bodies whole. One that it decodes before it reads it counts as a call.
    """
    for name, value in headers:
        if name in (b"content-encoding", b"x-amz-decoded-content-length"):
            return True, receive
        if name == b"x-amz-content-sha256" and value.startswith(b"STREAMING-"):
            return True, receive
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join([b"&", *(message.get("body", b"") for message in messages)])
    messages.reverse()

    async def receive_again() -> dict[str, Any]:
        return messages.pop() if messages else await receive()

    return _ACTION.search(body) is not None, receive_again


def _is_presigned(scope: Scope) -> bool:
    """Whether it is an address of an S3 object, signed for a while.

    No other service's: a page can have the address of a call to a query service, signed with the known key, fetched as
    an image. POST neither: a page can send a form without being asked.
    """
    if scope["method"] not in ("GET", "HEAD", "PUT", "DELETE"):
        return False
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    credential = query.get("X-Amz-Credential", "").split("/")
    if query.get("X-Amz-Signature") and len(credential) >= 4 and credential[-2] == "s3":
        return True
    return bool(query.get("AWSAccessKeyId") and query.get("Signature") and query.get("Expires"))


def _is_published(scope: Scope, headers: Headers, api_host: re.Pattern[bytes]) -> bool:
    """Whether MiniStack passes it to an API or a function that a template publishes to whoever comes."""
    path = scope["path"]
    host = next((value for name, value in headers if name == b"host"), b"")
    by_path = _PUBLISHED_PATH.match(path)
    if not by_path and not _FUNCTION_HOST.match(host) and not api_host.fullmatch(host):
        return False
    if b".aoss." in host.lower():
        return False  # a search collection's, whatever the rest says
    # A web socket has no method; MiniStack has nothing for one but APIs.
    return bool(by_path) or scope["type"] == "websocket" or not _NOT_OF_THE_HOST.match(f"{scope['method']} {path}")


def _api_host() -> re.Pattern[bytes]:
    """Hosts of APIs as `_parse_execute_api_url` reads them: below the name that MiniStack was given at its start."""
    own = re.escape(os.environ.get("MINISTACK_HOST", "localhost").encode())
    return re.compile(rb"[a-f0-9]{8}\.execute-api\." + own + rb"(:[0-9]+)?")


def guard_small_servers(guard: Guard) -> None:
    """Puts every `http.server` of this process behind the guard: MiniStack starts one for each custom runtime."""
    parse = http.server.BaseHTTPRequestHandler.parse_request

    def parse_request(self: http.server.BaseHTTPRequestHandler) -> bool:
        if not parse(self):
            return False
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        version = self.request_version.removeprefix("HTTP/")
        why = guard.refusal(self.path.encode("latin-1"), headers, version=version)
        if why is not None:
            self.close_connection = True
            self.send_error(403, explain=why)
            return False
        return True

    http.server.BaseHTTPRequestHandler.parse_request = parse_request  # type: ignore[method-assign]
