"""The guard before the emulator, tried without it."""

import asyncio
import http.client
import http.server
import threading
from typing import Any

import pytest

from local_cloud.emulator import guard as emulator_guard
from local_cloud.emulator.guard import OPEN_PATHS, Guarded, guard, guard_small_servers

API = b"0123abcd.execute-api.localhost:1"
FUNCTION = b"a" * 32 + b".lambda-url.us-east-1.localhost:1"
FORM = (b"content-type", b"application/x-www-form-urlencoded")
CALLS: dict[str, Any] = {
    "query": ("GET", b"Action=CreateQueue&QueueName=a&Version=2012-11-05"),
    "encoded query": ("GET", b"a=1&%41ction=CreateQueue"),
    "query in an answer": ("PUT", b"Action=CreateQueue"),
    "form": ("POST", b"", FORM),
    "target": ("POST", b"", (b"x-amz-target", b"AmazonSSM.DescribeParameters")),
    "target of a read": ("GET", b"", (b"X-Amz-Target", b"AmazonSSM.DescribeParameters")),
    "target in an answer": ("PUT", b"", (b"x-amz-target", b"AmazonSSM.DescribeParameters")),
}
"""How MiniStack is asked for a service: method, query and headers. The bodies are not looked at."""
SIGNED = (b"authorization", b"AWS4-HMAC-SHA256 Credential=test/1/r/s/aws4_request, SignedHeaders=a, Signature=0")


def _asked(
    path: str = "/",
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    query: bytes = b"",
    kind: str = "http",
    parts: tuple[bytes, ...] = (b"",),
) -> tuple[list[dict[str, Any]], list[str]]:
    """What is sent, and whether the application was reached or the body read."""
    sent: list[dict[str, Any]] = []
    reached: list[str] = []
    left = iter(parts)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        reached.append("app")
        cors = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-expose-headers", b"*"), (b"etag", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": cors})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        reached.append("body")
        return {"type": "http.request", "body": next(left), "more_body": reached.count("body") < len(parts)}

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
        (API, "/prod/x"),
        (FUNCTION, "/"),
        (FUNCTION, "/login"),
        (b"01234567-89ab-cdef-0123-456789abcdef.lambda-url.us-east-1.localhost:1", "/a"),
        (b"localhost", "/_aws/lambda-url/abc"),
        (b"localhost", "/_aws/lambda-url/abc/"),
        (b"localhost", "/_aws/execute-api/abc/prod/"),
        (b"localhost", "/_aws/execute-api/abc/"),
        (b"localhost", "/restapis/abc/prod/_user_request_/x"),
        (b"localhost", "/restapis/abc//_user_request_"),
    ],
)
def test_what_a_template_publishes_needs_no_signature(host: bytes, path: str) -> None:
    """Whether it asks for one is its own setting; its answers are those of the function, whatever it is sent."""
    for method, query, *headers in (("GET", b""), *CALLS.values()):
        sent, reached = _asked(path, (b"host", host), *headers, method=method, query=query)
        if (method, path) == ("POST", "/login"):
            assert [] == reached  # Cognito's
        else:
            assert (["app"], [(b"etag", b"1")]) == (reached, sent[0]["headers"])


@pytest.mark.parametrize("path", ["/restapis/abc/prod/x", "/x/_aws/lambda-url/", "/restapis/abc/_user_request_x"])
def test_what_only_looks_published_needs_one(path: str) -> None:
    """The path begins as the emulator reads it."""
    assert 403 == _asked(path)[0][0]["status"]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        *((b"localhost", beginning) for beginning in OPEN_PATHS),
        *((b"localhost", beginning + "x") for beginning in OPEN_PATHS[:-1]),
        *((b"localhost", path) for path in ("/", "/health", "/healthz", "/_ministack/readyz", "/_aws/lambda-url//")),
        *((b"localhost", path) for path in ("/_aws/execute-api//prod/", "/restapis//a/_user_request_/")),
        *((b"localhost", f"/_ministack/lambda-layers/{path}") for path in ("l/1/content", "1/r/l/1/content")),
        *((host, "/") for host in (b"x.execute-api.localhost", b"x.lambda-url.us-east-1.localhost")),
        *((host, "/") for host in (API.upper(), b"a" + API, API.replace(b".localhost", b".a.localhost"))),
        (FUNCTION.replace(b"us-east-1", b"aoss"), "/"),
        (b"abc.us-east-1.aoss.localhost", "/_aws/lambda-url/abc/"),
    ],
)
@pytest.mark.parametrize("call", list(CALLS))
def test_no_open_path_and_no_name_leads_to_a_service(call: str, host: bytes, path: str) -> None:
    """MiniStack looks for a service wherever it has no answer of its own; what calls one is signed."""
    method, query, *headers = CALLS[call]
    sent, reached = _asked(path, (b"host", host), *headers, method=method, query=query)
    assert ([], 403) == (reached, sent[0]["status"])


@pytest.mark.parametrize(
    ("methods", "path"),
    [
        *(({"GET", "HEAD"}, path) for path in ("/health", *OPEN_PATHS[:3])),
        ({"GET"}, "/_ministack/lambda-code/000000000000/us-east-1/f"),
        ({"GET"}, "/_ministack/lambda-layers/000000000000/us-east-1/l/1/content"),
        ({"GET"}, "/_ministack/lambda-layers/l/1/content"),
        ({"PUT"}, "/_ministack/cfn-response/a-token"),
        ({"PUT"}, "/_ministack/cfn-signal/a-token"),
        *((set[str](), path) for path in ("/_ministack/healthy", "/_ministack/ready/", "/_localstack/health/x")),
        *((set[str](), path) for path in ("/_ministack/lambda-layers/l", "/_ministack/cfn-signal/")),
        *((set[str](), path) for path in ("/_aws/lambda-url/", "/_aws/execute-api/x")),
    ],
)
def test_an_open_path_is_open_to_the_methods_that_are_served_there(methods: set[str], path: str) -> None:
    """What GetFunction and the like hand out has a query of its own, which changes nothing."""
    every = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    passed = {method for method in every if _asked(path, method=method, query=b"X-Amz-Expires=600")[1] == ["app"]}
    assert methods == passed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/logout", "/oauth2/authorize", "/iceberg/v1/config", "/v2/_catalog")),
        *(("POST", path) for path in ("/login", "/Execute", "/v2/email/outbound-emails", "/oauth2/token")),
        *(("PUT", path) for path in ("/v20180820/tags/x", "/v2/a/manifests/b")),
    ],
)
@pytest.mark.parametrize("host", [API, FUNCTION])
def test_what_other_services_take_first_is_signed_on_every_host(host: bytes, method: str, path: str) -> None:
    """MiniStack looks at these paths before it looks at the host."""
    assert [] == _asked(path, (b"host", host), method=method)[1]
    assert ["app"] == _asked(path, (b"host", host), SIGNED, method=method)[1]


@pytest.mark.parametrize(("own", "reached"), [("127.0.0.1", []), ("localhost", ["app"])])
def test_the_host_of_an_api_is_below_the_emulators_own(
    monkeypatch: pytest.MonkeyPatch, own: str, reached: list[str]
) -> None:
    """MiniStack takes no other for an API's, and looks for a service then."""
    monkeypatch.setenv("MINISTACK_HOST", own)
    assert reached == _asked("/prod/", (b"host", API), query=b"Action=CreateQueue")[1]


@pytest.mark.parametrize("call", ["query in an answer", "target in an answer"])
def test_the_signed_address_of_an_object_calls_no_other_service(call: str) -> None:
    """MiniStack looks for the service in the query and the header first."""
    method, query, *headers = CALLS[call]
    signed = b"AWSAccessKeyId=test&Signature=a&Expires=1"
    assert ["app"] == _asked("/b/k", method=method, query=signed)[1]
    assert [] == _asked("/b/k", *headers, method=method, query=query + b"&" + signed)[1]


@pytest.mark.parametrize(
    ("parts", "passed"),
    [
        ((b"Action=CreateTopic&Name=a",), False),
        ((b"Name=a&Act", b"ion=CreateTopic"), False),
        ((b"%41%63%74%69%6F%6e=CreateTopic",), False),
        ((b"a=Action&Actions=1&xAction=2",), True),
        ((b"x", b"y" * 9), True),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "query", "header"),
    [
        ("PUT", "/b/k", b"AWSAccessKeyId=test&Signature=a&Expires=1", FORM),
        ("POST", "/_ministack/config", b"", (b"x-local-request", b"1")),
    ],
)
def test_a_form_that_need_not_be_signed_calls_no_service(
    method: str, path: str, query: bytes, header: tuple[bytes, bytes], parts: tuple[bytes, ...], passed: bool
) -> None:
    """An object may be uploaded as a form, as some clients do unasked; its body is read before, and passed on whole."""
    kind = (b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8")
    sent, reached = _asked(path, header, kind, method=method, query=query, parts=parts)
    assert (["body"] * len(parts) + (["app"] if passed else []), 200 if passed else 403) == (reached, sent[0]["status"])
    for coded in ((b"content-encoding", b"gzip"), (b"x-amz-content-sha256", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER")):
        assert [] == _asked(path, header, kind, coded, method=method, query=query, parts=parts)[1]


def test_a_body_that_was_read_is_given_to_the_application_again() -> None:
    """Message by message, and then what comes after it."""
    given: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
        {"type": "http.disconnect"},
    ]
    left, seen = iter(given), []

    async def receive() -> dict[str, Any]:
        return next(left)

    async def read() -> None:
        _, again = await emulator_guard._form_calls_a_service([], receive)
        seen.extend([await again() for _ in given])

    asyncio.run(read())
    assert given == seen


@pytest.mark.parametrize("call", ["query", "target"])
def test_the_header_of_administrators_is_no_signature(call: str) -> None:
    """What calls a service is signed, on the paths that administer too."""
    method, query, *headers = CALLS[call]
    asked = (b"x-local-request", b"1")
    assert ["app"] == _asked("/_ministack/reset", asked, method="POST")[1]
    assert [] == _asked("/_ministack/nothing", asked, *headers, method=method, query=query)[1]


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
