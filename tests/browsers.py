"""Requests byte by byte as browsers send them: what a page can make a browser send to a port of this computer.

The headers are those of current browsers; `old` ones leave out what they do not know. A page is at PAGE unless told
otherwise.
"""

import contextlib
import socket
from dataclasses import dataclass

PAGE = "https://evil.example"
SECONDS = 60.0
AGENT = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


def fetched(site: str = "cross-site", mode: str = "cors", destination: str = "empty") -> list[str]:
    """The fetch metadata that current browsers send to this computer's own addresses."""
    return [f"Sec-Fetch-Site: {site}", f"Sec-Fetch-Mode: {mode}", f"Sec-Fetch-Dest: {destination}"]


def image(path: str, host: str, *, old: bool = False) -> bytes:
    """`<img src="http://HOST/PATH">`: no Origin."""
    return request("GET", path, host, *([] if old else fetched(mode="no-cors", destination="image")))


def navigation(path: str, host: str) -> bytes:
    """A click on a link in a page."""
    return request("GET", path, host, "Upgrade-Insecure-Requests: 1", *fetched(mode="navigate", destination="document"))


def form(path: str, host: str, body: bytes, *, origin: str = PAGE, old: bool = False) -> bytes:
    """A form that a script sends off: no question is asked before."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    return request("POST", path, host, f"Origin: {origin}", kind, *([] if old else fetched(mode="navigate")), body=body)


def simple_post(path: str, host: str, body: bytes, *, origin: str = PAGE) -> bytes:
    """`fetch(URL, {method: "POST", mode: "no-cors", body})`: text/plain, whatever the body is."""
    kind = "Content-Type: text/plain;charset=UTF-8"
    return request("POST", path, host, f"Origin: {origin}", kind, *fetched(mode="no-cors"), body=body)


def preflight(path: str, host: str, *, method: str = "POST", origin: str = PAGE, headers: str = "") -> bytes:
    """What is asked before a request with a method or header that is not simple."""
    asked = [f"Access-Control-Request-Method: {method}", f"Access-Control-Request-Headers: {headers}"]
    return request("OPTIONS", path, host, f"Origin: {origin}", *asked, *fetched())


def request(
    method: str, target: str, host: str | None, *headers: str, body: bytes = b"", version: str = "1.1"
) -> bytes:
    """Any request; without a Host header when it is None."""
    lines = [f"{method} {target} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), AGENT, *headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def ask(address: tuple[str, int], text: bytes) -> Seen:
    """The answer to these bytes."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(text)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Seen(int(first.split(" ")[1]), headers, body)
