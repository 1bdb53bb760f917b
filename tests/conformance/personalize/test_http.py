"""HTTP as clients that are no SDK speak it, badly meant ones among them: each gets an answer, and the server goes on."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.testing import LocalPersonalize

LIST = {"X-Amz-Target": "AmazonPersonalize.ListSchemas", "Content-Type": "application/x-amz-json-1.1"}
SECONDS = 60.0
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with LocalPersonalize(tmp_path_factory.mktemp("http")) as server:
        parts = urlsplit(server.endpoint)
        yield str(parts.hostname), int(parts.port or 0)


def _asked(
    address: tuple[str, int], method: str, path: str, body: bytes = b"{}", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)
    try:
        connection.request(method, path, body, LIST if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _said(address: tuple[str, int], text: bytes, *, whole: bool = True) -> bytes:
    """Everything that the server answers to these bytes before it closes.

    whole: the text ends with a request after which the server closes. Else the client says that nothing more comes,
    which may end the connection before the answer.
    """
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(text)
        if not whole:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.nullcontext() if whole else contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    return answer


def _alive(address: tuple[str, int]) -> bool:
    return _asked(address, "POST", "/") == (200, b'{"schemas":[]}')


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.0", "text/plain", "", "\u00fc", "x" * 4000])
def test_the_content_type_does_not_matter(address: tuple[str, int], content_type: str) -> None:
    """The operation says what the body is."""
    headers = {**LIST, "Content-Type": content_type}
    assert 200 == _asked(address, "POST", "/", headers=headers)[0]


def test_header_names_have_no_case(address: tuple[str, int]) -> None:
    """A proxy may have changed it."""
    assert 200 == _asked(address, "POST", "/", headers={"x-AMZ-target": LIST["X-Amz-Target"]})[0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("PUT", "/", 404),
        ("HEAD", "/", 404),
        ("OPTIONS", "/", 404),
        ("DELETE", "/events", 404),
        ("GET", "/_local/health", 200),
        ("GET", "/_local/nothing", 404),
        ("POST", "/" + "x" * 8000, 404),
        ("POST", "/%00%ff", 404),
        ("POST", "/../../etc/passwd", 404),
    ],
)
def test_other_methods_and_paths(address: tuple[str, int], method: str, path: str, status: int) -> None:
    """What is no operation is not found."""
    assert status == _asked(address, method, path, headers=LOCAL_REQUEST)[0]


def test_a_query_is_ignored(address: tuple[str, int]) -> None:
    """Signed links carry one."""
    assert 200 == _asked(address, "POST", "/?Action=x&Action=y")[0]


@pytest.mark.parametrize("megabytes", [7, 10])
def test_a_body_that_is_too_large(address: tuple[str, int], megabytes: int) -> None:
    """It is refused, by an answer or by the end of the connection, and the next request is served."""
    try:
        status, _ = _asked(address, "POST", "/", b'{"a":"' + b"x" * (megabytes * MEGABYTE) + b'"}')
    except (BrokenPipeError, ConnectionResetError):
        status = 413
    assert 413 == status
    assert _alive(address)


def test_a_large_body_that_is_allowed(address: tuple[str, int]) -> None:
    """Five megabytes of a member that no operation has."""
    assert 200 == _asked(address, "POST", "/", b'{"a":"' + b"x" * (5 * MEGABYTE) + b'"}')[0]


def test_a_body_in_chunks(address: tuple[str, int]) -> None:
    """Without a length, as streaming clients send it."""
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonPersonalize.ListSchemas\r\nTransfer-Encoding: chunked\r\n"
    answer = _said(address, head + b"Connection: close\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"schemas":[]}')


def test_an_older_http(address: tuple[str, int]) -> None:
    """Version 1.0 closes the connection after the answer."""
    head = b"POST / HTTP/1.0\r\nX-Amz-Target: AmazonPersonalize.ListSchemas\r\nContent-Length: 2\r\n\r\n{}"
    assert b'{"schemas":[]}' == _said(address, head).rpartition(b"\r\n\r\n")[2]


def test_requests_that_do_not_wait_for_answers(address: tuple[str, int]) -> None:
    """Three on one connection are answered in order."""
    one = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonPersonalize.List%s\r\nContent-Length: 2\r\n%s\r\n{}"
    )
    text = one % (b"Schemas", b"") + one % (b"DatasetGroups", b"") + one % (b"Solutions", b"Connection: close\r\n")
    answer = _said(address, text)
    assert 3 == answer.count(b"HTTP/1.1 200")
    places = [answer.index(name) for name in (b'"schemas"', b'"datasetGroups"', b'"solutions"')]
    assert sorted(places) == places


def test_a_client_that_asks_before_it_sends(address: tuple[str, int]) -> None:
    """`Expect: 100-continue` is told to go on."""
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonPersonalize.ListSchemas\r\nContent-Length: 2\r\n"
    answer = _said(address, head + b"Expect: 100-continue\r\nConnection: close\r\n\r\n{}")
    assert b'{"schemas":[]}' in answer


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nno header at all\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"\x00" * 1000,
        b"",
    ],
)
def test_what_is_no_http(address: tuple[str, int], text: bytes) -> None:
    """It is refused or the connection ends; whoever speaks HTTP is served."""
    answer = _said(address, text, whole=False)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert _alive(address)


def test_errors_are_json_with_the_code_in_both_places(address: tuple[str, int]) -> None:
    """`__type` in the body, for the control plane's clients, and the header of the others'."""
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)
    try:
        connection.request("POST", "/events", b"{", {})
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    assert (400, "SerializationException", "SerializationException") == (
        answer.status,
        body["__type"],
        answer.getheader("x-amzn-ErrorType"),
    )
