"""The guard before the emulator, tried without it."""

import asyncio
import http.client
import http.server
import threading
from typing import Any

import pytest

from local.cloud import emulator_guard
from local.cloud.emulator_guard import Guarded, guard, guard_small_servers

SIGNED = (b"authorization", b"AWS4-HMAC-SHA256 Credential=test/1/r/s/aws4_request, SignedHeaders=a, Signature=0")


def _asked(
    path: str = "/", *headers: tuple[bytes, bytes], method: str = "GET", query: bytes = b"", kind: str = "http"
) -> tuple[list[dict[str, Any]], list[str]]:
    """What is sent, and whether the application was reached or the body read."""
    sent: list[dict[str, Any]] = []
    reached: list[str] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        reached.append("app")
        cors = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-expose-headers", b"*"), (b"etag", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": cors})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        reached.append("body")
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = (
        list(headers) if any(name.lower() == b"host" for name, _ in headers) else [(b"host", b"localhost"), *headers]
    )
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": given,
        "scheme": "ws" if kind == "websocket" else "http",
        "http_version": "1.1",
    }
    asyncio.run(Guarded(app, guard())(scope, receive, send))
    return sent, reached


def test_a_signed_request_is_passed_on_and_no_cors_header_comes_back() -> None:
    """In whatever case they are written."""
    sent, reached = _asked("/bucket", SIGNED)
    assert ["app"] == reached
    assert {b"etag", b"content-security-policy", b"x-content-type-options"} == {name for name, _ in sent[0]["headers"]}


@pytest.mark.parametrize(
    "header",
    [(b"origin", b"https://evil.example"), (b"Origin", b"null"), (b"sec-fetch-site", b"same-site"), (b"host", b"evil")],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_refused_request_reaches_nothing(header: tuple[bytes, bytes], kind: str) -> None:
    """The body is not read either."""
    sent, reached = _asked("/", SIGNED, header, kind=kind)
    assert [] == reached
    assert sent[0].get("status", 403) == 403


def test_a_web_socket_of_this_origin_is_passed_on() -> None:
    """Its origin is a page's, whose scheme is http."""
    assert ["app"] == _asked("/", (b"host", b"a.localhost:1"), (b"origin", b"http://a.localhost:1"), kind="websocket")[
        1
    ]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (b"abc.execute-api.localhost:1", "/prod/x"),
        (b"abc.lambda-url.us-east-1.localhost", "/"),
        (b"localhost", "/_aws/lambda-url/abc/"),
        (b"localhost", "/_aws/execute-api/abc/prod/"),
        (b"localhost", "/restapis/abc/prod/_user_request_/x"),
    ],
)
def test_what_a_template_publishes_needs_no_signature(host: bytes, path: str) -> None:
    """Whether it asks for one is its own setting; its answers are those of the function."""
    sent, reached = _asked(path, (b"host", host))
    assert ["app"] == reached
    assert [(b"etag", b"1")] == sent[0]["headers"]


@pytest.mark.parametrize("path", ["/restapis/abc/prod/x", "/x/_aws/lambda-url/", "/restapis/abc/_user_request_x"])
def test_what_only_looks_published_needs_one(path: str) -> None:
    """The path begins as the emulator reads it."""
    assert 403 == _asked(path)[0][0]["status"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_small_servers_of_the_process_are_guarded_too(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """MiniStack opens one for each function with a runtime of its own."""

    class Small(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - as http.server names it

        def log_message(self, *_: Any) -> None:
            pass

    handler = http.server.BaseHTTPRequestHandler
    monkeypatch.setattr(handler, "parse_request", handler.parse_request)
    guard_small_servers(emulator_guard.guard())
    with http.server.HTTPServer(("127.0.0.1", 0), Small) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        statuses = []
        for headers in ({}, {"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "none"}):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
            connection.request(method, "/2018-06-01/runtime/invocation/next", headers=headers)
            statuses.append(connection.getresponse().status)
            connection.close()
        server.shutdown()
    assert [204, 403, 403, 204] == statuses
