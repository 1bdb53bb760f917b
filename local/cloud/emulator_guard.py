"""The emulator behind the guard (local/personalize/guard.py), and what MiniStack alone needs beside it.

MiniStack answers every origin with `Access-Control-Allow-Origin: *` and takes any key, and none, for the account's.
Here no answer has such a header, what acts carries a signature in its `Authorization` header, which no page can send
unasked, and a document that a browser is shown gets an origin of its own (`sandbox`): what somebody stored in a bucket
cannot ask the emulator as a page of the emulator.

Whether a signature is right is not asked for the account's key: the key is known to all. That it is there is the point.
"""

import http.server
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from local.personalize.guard import App, Guard, Headers, Receive, Scope, Send, refuse

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
"""Below the paths that administer the emulator, those that ask for no header."""
_ADMIN_PATHS = ("/_local/", "/_ministack/", "/_localstack/", "/_aws/")
_PUBLISHED_HOST = re.compile(rb"[^.]+\.(execute-api|lambda-url)\.", re.IGNORECASE)
_PUBLISHED_PATH = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(/|$)")
_SIGNED = re.compile(rb"(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256|AWS|Bearer) +\S", re.IGNORECASE)
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: Headers = [(name.lower(), value) for name, value in scope["headers"]]
        # A web socket's own scheme; its origin is that of the page.
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        target = scope.get("raw_path") or scope["path"].encode()
        why = self._guard.refusal(target, headers, scheme=scheme, version=scope["http_version"])
        if why is None and scope["type"] == "http" and not may_act(scope, headers):
            why = _WITHOUT_SIGNATURE
        if why is not None:
            await refuse(why, scope, send)
            return
        published = _is_published(scope, headers)

        async def send_safely(message: dict[str, Any]) -> None:
            if "headers" in message:
                kept = [(name, value) for name, value in message["headers"] if not name.lower().startswith(_CORS)]
                message = {**message, "headers": kept if published else [*kept, *_SAFE]}
            await send(message)

        await self._app(scope, receive, send_safely)


def may_act(scope: Scope, headers: Headers) -> bool:
    """Whether a request is signed, or is one of the few that need not be."""
    path = scope["path"]
    if path == "/health" or path.startswith(_ADMIN_PATHS):
        return True  # of those, the guard has seen who may
    for name, value in headers:
        if name == b"authorization" and _SIGNED.match(value):
            return True
    return _is_published(scope, headers) or _is_presigned(scope)


def _is_presigned(scope: Scope) -> bool:
    """Whether it is an address of an S3 object, signed for a while.

    No other service's: a page can have the address of a call to a query service, signed with the known key, fetched as
    an image. POST neither: a page can send a form without being asked.
    """
    if scope["method"] not in ("GET", "HEAD", "PUT", "DELETE"):
        return False
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if any(name.lower() == "action" for name in query):
        return False
    credential = query.get("X-Amz-Credential", "").split("/")
    if query.get("X-Amz-Signature") and len(credential) >= 4 and credential[-2] == "s3":
        return True
    return bool(query.get("AWSAccessKeyId") and query.get("Signature") and query.get("Expires"))


def _is_published(scope: Scope, headers: Headers) -> bool:
    """Whether it is for an API or a function that a template publishes to whoever comes."""
    path = scope["path"]
    if path.startswith(("/_aws/execute-api/", "/_aws/lambda-url/")) or _PUBLISHED_PATH.match(path):
        return True
    host = next((value for name, value in headers if name == b"host"), b"")
    return _PUBLISHED_HOST.match(host) is not None


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
