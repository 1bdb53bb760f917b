"""The embedded Personalize and a page in a browser: whatever the page has it send, nothing is done and nothing told."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from personalize_local.testing import LocalPersonalize
from tests.browsers import PAGE, ask, fetched, form, image, navigation, preflight, request, simple_post
from tests.conformance.personalize.test_survival import process

CREATE = b'{"name":"stolen"}'
TARGET = "X-Amz-Target: AmazonPersonalize.CreateDatasetGroup"
EVERY_HEADER = "authorization,content-type,x-amz-target,x-local-request"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPersonalize]:
    with LocalPersonalize(tmp_path_factory.mktemp("browsers")) as running:
        yield running


@pytest.fixture
def address(server: LocalPersonalize) -> tuple[str, int]:
    parts = urlsplit(server.endpoint)
    return "127.0.0.1", int(parts.port or 0)


def _hostile(host: str) -> dict[str, bytes]:
    own = f"http://{host}"
    port = host.rpartition(":")[2]
    rebound = f"rebound.example:{port}"
    order = b'{"operation":"*","outcome":{"drop":true}}'
    return {
        "preflight": preflight("/", host, headers=EVERY_HEADER),
        "preflight for a deletion": preflight("/_local/faults", host, method="DELETE"),
        "simple post": simple_post("/_local/faults", host, order),
        "simple post of an event": simple_post("/events", host, b"{}"),
        "form": form("/_local/faults", host, order),
        "form of a sandboxed page": form("/_local/faults", host, order, origin="null"),
        "form of an old browser": form("/_local/faults", host, order, old=True),
        "image": image("/_local/usage", host),
        "image in an old browser": image("/_local/usage", host, old=True),
        "link": navigation("/_local/health", host),
        "page on another port": request("POST", "/", host, "Origin: http://127.0.0.1:8000", TARGET, body=CREATE),
        "page of a neighbour": request("POST", "/", host, *fetched(site="same-site"), TARGET, body=CREATE),
        "rebound name": request("POST", "/", rebound, f"Origin: http://{rebound}", TARGET, body=CREATE),
        "rebound name, same origin": request("POST", "/", rebound, *fetched(site="same-origin"), TARGET, body=CREATE),
        "two hosts": request("POST", "/", host, "Host: evil.example", TARGET, body=CREATE),
        "two origins": request("POST", "/", host, f"Origin: {own}", f"Origin: {PAGE}", TARGET, body=CREATE),
        "no host": request("POST", "/", None, TARGET, body=CREATE),
        "through a proxy": request("POST", "http://evil.example/", host, TARGET, body=CREATE),
        "web socket": request(
            *("GET", "/", host, f"Origin: {PAGE}", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        ),
    }


@pytest.mark.parametrize("name", list(_hostile("127.0.0.1:1")))
def test_a_page_is_answered_403_and_nothing_is_done(
    server: LocalPersonalize, address: tuple[str, int], name: str
) -> None:
    """No header lets the page read the answer, no group is made, no fault is ordered."""
    host = f"{address[0]}:{address[1]}"
    seen = ask(address, _hostile(host)[name])
    assert (403, []) == (seen.status, [one for one in seen.headers if one.startswith("access-control-")])
    assert [] == server.client("personalize").list_dataset_groups()["datasetGroups"]


def test_a_refusal_waits_for_no_body(address: tuple[str, int]) -> None:
    """The answer comes with the head: a page cannot hold the server, or its memory, with a body."""
    head = f"POST / HTTP/1.1\r\nHost: evil.example\r\n{TARGET}\r\nContent-Length: 1000000\r\n\r\n"
    assert 403 == ask(address, head.encode()).status


def test_a_refusal_waits_for_its_turn(address: tuple[str, int]) -> None:
    """On one connection answers come in the order of the requests, refusals too, and then it ends."""
    listing = TARGET.replace("CreateDatasetGroup", "ListDatasetGroups")
    good = f"POST / HTTP/1.1\r\nHost: localhost\r\n{listing}\r\nContent-Length: 2\r\n\r\n{{}}"
    bad = f"POST / HTTP/1.1\r\nHost: evil.example\r\n{listing}\r\nContent-Length: 2\r\n\r\n{{}}"
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall((good + bad + good).encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert [b"200", b"403"] == re.findall(rb"HTTP/1\.1 (\d+)", answer)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "personalize.localhost"])
def test_programs_of_this_computer_are_served(address: tuple[str, int], host: str) -> None:
    """By any name of it, with the agent of any program."""
    listing = TARGET.replace("CreateDatasetGroup", "ListDatasetGroups")
    seen = ask(address, request("POST", "/", f"{host}:{address[1]}", listing, body=b"{}"))
    assert (200, b'{"datasetGroups":[]}') == (seen.status, seen.body)


def test_the_health_of_the_server_is_told_to_whoever_asks_with_the_header(address: tuple[str, int]) -> None:
    """As the documentation says for CI."""
    host = f"localhost:{address[1]}"
    assert 403 == ask(address, request("GET", "/_local/health", host)).status
    assert 200 == ask(address, request("GET", "/_local/health", host, "X-Local-Request: 1")).status


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104 - refused
def test_the_command_opens_to_others_only_under_a_name(tmp_path: Path, address: str) -> None:
    """The error says what to give, and nothing listens."""
    command = [sys.executable, "-m", "personalize_local", "--data", str(tmp_path / "data"), "--bind", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (2, True) == (done.returncode, "--allow-host NAME" in done.stderr)


def test_the_command_serves_the_name_that_it_is_given(tmp_path: Path) -> None:
    """In a container: every address, and the container's name beside those of this computer."""
    with process(tmp_path, "--bind", "0.0.0.0", "--allow-host", "cloud") as (_, endpoint):  # noqa: S104
        port = int(endpoint.rpartition(":")[2])
        hosts = {"cloud": 200, "localhost": 200, "127.0.0.1": 200, "0.0.0.0": 403, "evil.example": 403}  # noqa: S104
        for host, status in hosts.items():
            text = request("GET", "/_local/health", f"{host}:{port}", "X-Local-Request: 1")
            assert status == ask(("127.0.0.1", port), text).status, host
