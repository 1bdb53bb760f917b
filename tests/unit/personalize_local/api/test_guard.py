"""Which requests a server on this computer refuses, by the headers alone."""

import asyncio
from typing import Any

import pytest

from personalize_local.api.bind import check_bind
from personalize_local.api.guard import Guard, HostNameError, host_name, refuse
from tests.refusal import refusal

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a name to refuse
HOST = b"127.0.0.1:4600"


def _refused(*headers: tuple[str, str], host: bytes | None = HOST, target: bytes = b"/", version: str = "1.1") -> bool:
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if host is not None:
        given.insert(0, (b"host", host))
    return Guard(["cloud", "*.inner.example", "10.1.2.3"]).refusal(target, given, version=version) is not None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:4600", "127.0.0.1", "127.0.0.1:4600", "127.255.3.4:1", "[::1]", "[::1]:4600"),
        *("bucket.localhost:4600", "a.b.c.localhost", "x1.execute-api.localhost:4600"),
        *("cloud", "Cloud:80", "a.inner.example", "10.1.2.3:4600"),
    ],
)
def test_this_computer_and_what_was_allowed_are_hosts(host: str) -> None:
    """Loopback names and addresses, virtual hosts below localhost, names that were given."""
    assert not _refused(host=host.encode())


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:4600", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1.nip.io"),
        *("evillocalhost", "evil-localhost:4600", ".localhost", "..localhost", "a..localhost", "localhost."),
        *(
            "evil.example.:4600",
            "127.0.0.1.",
            EVERYWHERE,
            f"{EVERYWHERE}:4600",
            "[::]",
            "[::ffff:127.0.0.1]",
            "::1",
            "[::1",
        ),
        *("[::1]x", "[::1]:x", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.01", "128.0.0.1", "192.168.0.1"),
        *("localhost:", "localhost:x", "localhost:99999", "localhost:4600:4600", "localhost@evil.example", "", " "),
        *("localhost, evil.example", "localhost/evil", "evil.example#localhost", "\xe9.localhost", "lo\x00calhost"),
        *("inner.example", "a.b.inner.example", "cloud.evil.example", "10.1.2.4", "a" * 70000),
    ],
)
def test_any_other_host_is_a_name_that_was_bound_to_this_computer(host: str) -> None:
    """DNS rebinding: the browser takes the page's own name for this computer, and says it."""
    assert _refused(host=host.encode("latin-1"))


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://evil.example:4600", "null", "", "file://", "chrome-extension://abc"),
        *("http://127.0.0.1", "http://127.0.0.1:8000", "https://127.0.0.1:4600", "http://localhost:4600"),
        *("http://127.0.0.1:4600/", "http://127.0.0.1:4600.evil.example", "http://a@127.0.0.1:4600"),
        "http://127.0.0.1:4600 https://evil.example",
    ],
)
def test_an_origin_is_the_requests_own_or_it_is_foreign(origin: str) -> None:
    """Scheme, host and port; `null` is anybody's."""
    assert _refused(("origin", origin))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:4600", "http://127.0.0.1:4600"),
        ("LOCALHOST:4600", "http://localhost:4600"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("bucket.localhost:4600", "http://bucket.localhost:4600"),
        ("[::1]:4600", "http://[::1]:4600"),
    ],
)
def test_the_requests_own_origin_is_served(host: str, origin: str) -> None:
    """A page that the server itself shows."""
    assert not _refused(("origin", origin), host=host.encode())


@pytest.mark.parametrize(
    ("site", "refused"),
    [
        *(("same-origin", False), ("none", False), ("cross-site", True), ("same-site", True)),
        *(("Cross-Site", True), ("", True), ("anything", True), ("none, cross-site", True)),
    ],
)
def test_a_page_of_another_site_is_refused_without_an_origin(site: str, refused: bool) -> None:
    """An image, a link: what a browser fetches without an Origin header."""
    assert refused == _refused(("sec-fetch-site", site))


@pytest.mark.parametrize("name", ["host", "origin", "sec-fetch-site"])
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    """Whoever reads the other one would see another request."""
    value = {"host": "127.0.0.1:4600", "origin": "http://127.0.0.1:4600", "sec-fetch-site": "none"}[name]
    assert _refused((name, value), *([] if name == "host" else [(name, value)]))


def test_a_request_names_its_host() -> None:
    """HTTP 1.1 asks for it, and every browser sends it; the clients of version 1.0 are none."""
    assert _refused(host=None)
    assert not _refused(host=None, version="1.0")
    assert _refused(("origin", "http://127.0.0.1:4600"), host=None, version="1.0")


@pytest.mark.parametrize("target", [b"http://evil.example/", b"http://127.0.0.1:4600/", b"evil.example:80", b""])
def test_a_target_is_a_path(target: bytes) -> None:
    """What a proxy is asked for names a host of its own, which would be another than the one that was judged."""
    assert _refused(target=target)


@pytest.mark.parametrize(
    "target", [b"/_local/faults", b"/_local/health", b"/%5flocal/faults", b"/_loca%6C/faults?a=b", b"/_local/x?%"]
)
def test_what_administers_asks_for_a_header_that_a_page_cannot_send(target: bytes) -> None:
    """However the path is written."""
    assert _refused(target=target)
    assert not _refused(("x-local-request", "1"), target=target)


@pytest.mark.parametrize("target", [b"/", b"/events", b"/_localx", b"/a/_local/b", b"/%20", b"/?/_local/", b"*"])
def test_other_paths_ask_for_nothing(target: bytes) -> None:
    """AWS clients send nothing of ours."""
    assert not _refused(target=target)


def test_a_refusal_remembers_nothing_for_the_next_request() -> None:
    """Known hosts are remembered, refused ones are judged again; and only so many are remembered."""
    guard = Guard()
    for number in range(1000):
        assert guard.refusal(b"/", [(b"host", b"b%d.localhost" % number)]) is None
        assert guard.refusal(b"/", [(b"host", b"b%d.example" % number)]) is not None
    assert len(guard._known) <= 256


@pytest.mark.parametrize("name", ["*", "", "http://cloud", "cloud:4600", "a b", "-a", "*.*", "cloud/x", "a..b"])
def test_a_name_to_allow_is_a_name(name: str) -> None:
    """A mistake would allow nothing, or all."""
    with pytest.raises(HostNameError, match="is no host name"):
        host_name(name)


@pytest.mark.parametrize("address", [EVERYWHERE, "::", "[::]", "192.168.1.5", "example.org"])
def test_an_address_that_others_reach_needs_a_name(address: str) -> None:
    """The error says which option is missing."""
    with pytest.raises(HostNameError, match="--allow-host NAME"):
        check_bind(address, [])
    assert "" == refusal(HostNameError, check_bind, address, ["cloud"])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
def test_an_address_of_this_computer_needs_no_name(address: str) -> None:
    """Nobody else can reach it."""
    assert "" == refusal(HostNameError, check_bind, address, [])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_refusal_ends_the_connection(method: str) -> None:
    """The body was not read: nothing that follows can be told from it."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(refuse("No.", {"type": "http", "method": method, "http_version": "1.1"}, send))
    assert (403, True) == (sent[0]["status"], (b"connection", b"close") in sent[0]["headers"])
    assert (method == "GET") == bool(sent[1]["body"])


def test_a_refusal_over_a_later_http_has_no_header_of_connections() -> None:
    """HTTP 2 does not know it, and would break off without an answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(refuse("No.", {"type": "http", "method": "GET", "http_version": "2"}, send))
    assert b"connection" not in dict(sent[0]["headers"])


def test_a_web_socket_is_refused_before_it_opens() -> None:
    """Web sockets carry an Origin and ask nothing before."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(refuse("No.", {"type": "websocket", "http_version": "1.1"}, send))
    assert [{"type": "websocket.close", "code": 1008}] == sent
