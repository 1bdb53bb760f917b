"""A Personalize in ruins: a server that does whatever a test says with each connection, at an address that stays."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket, threading.Event], None]
"""Gets a connection whose request has been read, and an event that is set when the test is over."""

RECOMMENDED = b'{"itemList": [{"itemId": "2-Beagle-3-3", "score": 0.5}], "recommendationId": "r"}'
RANKED = b'{"personalizedRanking": [{"itemId": "2-Beagle-3-3", "score": 0.5}], "recommendationId": "r"}'


class Wreck:
    """Listens on a free port of 127.0.0.1 until the block ends. `behaviour` is read for each connection."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = healthy
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._serving: list[threading.Thread] = []
        self.asked = 0
        """How many requests were read."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def die(self) -> None:
        """Nobody listens any more; connections are refused."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()

    def rise(self) -> None:
        """Somebody listens again, at the same address."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._accepting.is_alive():
            self.die()
        for thread in self._serving:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._serving.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            try:
                path = _request(connection)
                if path:
                    self.asked += 1
                    self.behaviour(connection, self._over)
            except OSError:
                return  # the client has gone


def _request(connection: socket.socket) -> str:
    """Reads one request; its path, empty where the client closed the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65_536)
        if not received:
            return ""
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(headers.get(b"content-length", b"0")):
        body += connection.recv(65_536)
    return head.split(b" ")[1].decode()


def answer(body: bytes, *, status: int = 200, declared: int | None = None) -> bytes:
    length = len(body) if declared is None else declared
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


def says(content: bytes) -> Behaviour:
    """Sends these bytes and closes the connection."""
    return lambda connection, over: connection.sendall(content)


def healthy(connection: socket.socket, _over: threading.Event) -> None:
    """An answer that has what both operations answer."""
    connection.sendall(answer(RECOMMENDED[:-1] + b"," + RANKED[1:]))


def refuses(code: str, status: int) -> Behaviour:
    """An AWS error."""
    body = f'{{"__type": "{code}", "message": "to order"}}'.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nx-amzn-ErrorType: {code}\r\nConnection: close\r\n"
    return says(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def stalls(connection: socket.socket, over: threading.Event) -> None:
    """Takes the request and says nothing as long as the test lasts: who has an answer did not wait for this one."""
    over.wait()


def stalls_inside(connection: socket.socket, over: threading.Event) -> None:
    """Says half of an answer, and nothing more."""
    connection.sendall(answer(RECOMMENDED)[:-20])
    over.wait()


def drips(connection: socket.socket, over: threading.Event) -> None:
    """A byte now and then, without end: no time-out between two bytes ever comes."""
    connection.sendall(answer(RECOMMENDED, declared=1_000_000_000))
    while not over.wait(0.05):
        connection.sendall(b" ")


def breaks_off(connection: socket.socket, _over: threading.Event) -> None:
    """Resets the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
