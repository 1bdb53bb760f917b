"""The web server in front of an application: one protocol, which asks the guard before a request begins."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from personalize_local.api.guard import Guard, Receive, Scope, Send, refuse

_KEEP_ALIVE_SECONDS = 75
"""Clients keep connections for about a minute: the server must not close first."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol; a request that the guard refuses gets its answer and never reaches the application."""

    guard = Guard()

    def on_headers_complete(self) -> None:
        """Called once the request's head is read, and before any of its body."""
        why = self.guard.refusal(
            self.url, self.headers, scheme=self.scheme or "http", version=self.parser.get_http_version()
        )
        if why is None:
            super().on_headers_complete()
            return
        app = self.app
        self.app = partial(_refused, why)
        try:
            super().on_headers_complete()
        finally:
            self.app = app


async def _refused(why: str, scope: Scope, _receive: Receive, send: Send) -> None:
    await refuse(why, scope, send)


def config(app: Any, *, allowed_hosts: Iterable[str] = (), **more: Any) -> uvicorn.Config:
    """How uvicorn serves an application of ours, whatever it is: behind the guard.

    `allowed_hosts` are names of this server beside those of this computer; `more` is what uvicorn.Config takes.
    """
    protocol = type("GuardedProtocol", (GuardedProtocol,), {"guard": Guard(allowed_hosts)})
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        # The scheme and address of a request are the connection's own, whatever its headers say.
        proxy_headers=False,
        **more,
    )
