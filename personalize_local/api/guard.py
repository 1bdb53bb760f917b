"""Who may ask a server on this computer: programs of this computer, and no page that a browser shows.

A browser reaches every port of the computer that it runs on, for any page that it shows. Such a request says where it
comes from (`Origin`, `Sec-Fetch-Site`) or, after the page's name was bound to 127.0.0.1 (DNS rebinding), by which name
it was asked for (`Host`); what it cannot do without asking first is carry a header of its own. Refused, before the body
is read: an origin other than the request's own, a site other than it, a host that is not this computer, and what
administers the server without the header `X-Local-Request`.

https://fetch.spec.whatwg.org/#origin-header
https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
https://fetch.spec.whatwg.org/#cors-safelisted-request-header

Standard library only: the emulator's environment runs it too.
"""

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LOCAL_REQUEST = {"X-Local-Request": "1"}
"""What requests to `/_local/` carry. Any header that is not safelisted makes a browser ask before it sends it."""

ADMIN_PATHS = ("/_local/",)
"""Beginnings of the paths that administer a server."""
_JUDGED = frozenset({b"host", b"origin", b"sec-fetch-site", b"x-local-request"})
_LONGEST_HOST = 300
_OWN_SITES = frozenset({b"same-origin", b"none"})
"""`none`: somebody typed the address, or opened a bookmark."""
_MOST_HOSTS_KNOWN = 256
_PORT = re.compile(r"(.*?)(?::(\d{1,5}))?", re.DOTALL)
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class HostNameError(ValueError):
    """A text that names no host."""


class Guard:
    """Says of each request whether it is refused.

    `allowed_hosts` are names beside those of this computer: host names or addresses without a port; `*.NAME` stands for
    every name below NAME. `admin_paths` are beginnings of paths that ask for the header, `open_paths` of those among
    them that do not. Raises HostNameError.
    """

    def __init__(
        self,
        allowed_hosts: Iterable[str] = (),
        *,
        admin_paths: tuple[str, ...] = ADMIN_PATHS,
        open_paths: tuple[str, ...] = (),
    ) -> None:
        self._allowed = frozenset(host_name(name) for name in allowed_hosts)
        self._admin_paths = admin_paths
        self._open_paths = open_paths
        self._known: set[bytes] = set()

    def refusal(self, target: bytes, headers: Headers, *, scheme: str = "http", version: str = "1.1") -> str | None:
        """Why a request is refused, or None. `target` is the path as it was sent; header names are in lower case."""
        told = [header for header in headers if header[0] in _JUDGED]
        if len(told) == 1 and told[0][1] in self._known and told[0][0] == b"host" and _is_plain(target):
            return None  # what nearly every request is: a host that is known, and nothing of a page
        return self._judged(target, told, scheme, version)

    def _judged(self, target: bytes, told: Headers, scheme: str, version: str) -> str | None:
        host = origin = site = None
        asked = False
        for name, value in told:
            if name == b"host":
                if host is not None:
                    return "The request has several Host headers."
                host = value
            elif name == b"origin":
                if origin is not None:
                    return "The request has several Origin headers."
                origin = value
            elif name == b"sec-fetch-site":
                if site is not None:
                    return "The request has several Sec-Fetch-Site headers."
                site = value
            else:
                asked = True
        if host is None:
            if version != "1.0":
                return "The request has no Host header."
        elif host not in self._known and not self._is_ours(host):
            return (
                f"The host {_shown(host)} is not this computer. A name that it is known by, as in a container, is "
                "given to the server with --allow-host NAME."
            )
        if origin is not None and not _same(origin, scheme, host):
            return f"The request comes from {_shown(origin)}, and pages of other origins are not served."
        if site is not None and site.strip().lower() not in _OWN_SITES:
            return f"The request comes from a page of another site (Sec-Fetch-Site: {_shown(site)})."
        if target[:1] != b"/" and target != b"*":
            return "The request is for a proxy: its target is no path."
        if not asked and not _is_plain(target) and self._administers(target):
            return "Requests to this path carry the header X-Local-Request: 1, which a page cannot send unasked."
        return None

    def _administers(self, target: bytes) -> bool:
        path = unquote(target.partition(b"?")[0].decode("latin-1"))
        return path.startswith(self._admin_paths) and not path.startswith(self._open_paths)

    def _is_ours(self, host: bytes) -> bool:
        name, port = _parts(host)
        if name is None or (port is not None and int(port) > 65535):
            return False
        ours = is_loopback(name) or name in self._allowed or f"*.{name.partition('.')[2]}" in self._allowed
        if ours and len(self._known) < _MOST_HOSTS_KNOWN:
            self._known.add(host)
        return ours


def _is_plain(target: bytes) -> bool:
    """Whether a target is a path that surely administers nothing."""
    return target[:1] == b"/" and target[1:2] != b"_" and b"%" not in target


def host_name(text: str) -> str:
    """The name in lower case, without a trailing dot. Raises HostNameError for what is no name or address."""
    name = text.strip().lower().removesuffix(".")
    if _NAME.fullmatch(name) and name != "*":
        return name
    try:
        return str(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    raise HostNameError(f"{text!r} is no host name: it takes a name or an address without a scheme or a port")


def _parts(host: bytes) -> tuple[str | None, str | None]:
    """Name and port of a Host header; the name is None when it is malformed."""
    if len(host) > _LONGEST_HOST:
        return None, None
    try:
        text = host.decode("ascii").strip().lower()
    except UnicodeDecodeError:
        return None, None
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not re.fullmatch(r":\d{1,5}", rest)):
            return None, None
        try:
            return str(ipaddress.IPv6Address(inside)), rest[1:] or None
        except ValueError:
            return None, None
    found = _PORT.fullmatch(text)
    if found is None:
        return None, None
    return found[1], found[2]


def is_loopback(name: str) -> bool:
    """Whether a host name in lower case, or an address, is one of this computer's own."""
    if name == "localhost" or (name.endswith(".localhost") and _NAME.fullmatch(name) is not None):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback and not (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None)


def _same(origin: bytes, scheme: str, host: bytes | None) -> bool:
    """Whether an Origin header names the request's own scheme, host and port."""
    if host is None:
        return False
    port = b":443" if scheme == "https" else b":80"
    own = scheme.encode() + b"://" + host.strip().lower().removesuffix(port)
    return origin.strip().lower().removesuffix(port) == own


def _shown(value: bytes) -> str:
    return repr(value[:100].decode("latin-1"))


async def refuse(why: str, scope: Scope, send: Send) -> None:
    """Answers 403 with the reason, without having read anything, and ends the connection."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"__type": "AccessDeniedException", "message": why}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", b"AccessDeniedException"),
        (b"content-length", str(len(body)).encode()),
    ]
    if scope["http_version"].startswith("1"):  # later versions have no such header
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
