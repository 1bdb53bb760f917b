"""The ASGI application: HTTP around the protocol, nothing else. server.py puts the guard before it."""

from personalize_local.api.guard import Receive, Scope, Send
from personalize_local.api.protocol import DroppedError, Protocol
from personalize_local.api.service import Personalize
from personalize_local.settings.options import Options

_MAXIMUM_BODY = 6 * 1024 * 1024


class App:
    """Serves one data folder. The service lives from the server's start-up to its shutdown."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._service: Personalize | None = None
        self._protocol: Protocol | None = None

    def make_service(self, options: Options) -> Personalize:
        """The service that is served; not started yet."""
        return Personalize(options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > _MAXIMUM_BODY:
                await _send(send, 413, [], b"")
                return
        if self._protocol is None:
            raise RuntimeError("the application got a request before its start-up")
        try:
            answer = await self._protocol.answer(scope["method"], scope["path"], dict(scope["headers"]), body)
        except DroppedError:
            # A body in chunks whose last chunk never comes: the server closes the connection, as if it had broken.
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return
        await _send(send, answer.status, answer.headers, answer.body)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._service = self.make_service(self._options)
                self._protocol = Protocol(self._service)
                self._service.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._service is not None:
                    self._service.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
