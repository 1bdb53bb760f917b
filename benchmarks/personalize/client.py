"""A raw HTTP client on one persistent connection: its cost is small and the same for every server."""

import itertools
import json
import select
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self


def request(path: str, body: Mapping[str, Any], *, target: str | None = None) -> bytes:
    """A POST request as the bytes on the wire; `target` for an operation of the control plane."""
    content = json.dumps(body).encode()
    kind = "application/json" if target is None else "application/x-amz-json-1.1"
    named = "" if target is None else f"X-Amz-Target: {target}\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n{named}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class PersistentConnection:
    """One connection; requests one after the other."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, sent: bytes) -> bytes:
        """The body of the answer; RuntimeError unless its status is 200."""
        self._socket.sendall(sent)
        return self.receive()

    def send(self, sent: bytes) -> None:
        """Send without waiting."""
        self._socket.sendall(sent)

    def receive(self) -> bytes:
        """The body of the next answer."""
        received = self._more()
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        status, _, headers = head.lower().partition(b"\r\n")
        length = int(headers.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        if b" 200 " not in status:
            raise RuntimeError(f"{head.decode()}: {body.decode()}")
        return body

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 16)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def seconds_each(connection: PersistentConnection, requests: Sequence[bytes]) -> list[float]:
    """How long each request took, one after the other."""
    clock, taken = time.perf_counter, []
    for sent in requests:
        started = clock()
        connection.exchange(sent)
        taken.append(clock() - started)
    return taken


def concurrent(port: int, requests: Sequence[bytes], *, clients: int) -> tuple[float, list[float]]:
    """Requests a second of that many clients, each waiting for its answer before it asks again, and all latencies."""
    connections = [PersistentConnection(port) for _ in range(clients)]
    waiting, taken, began = iter(requests), [], {}
    started = time.perf_counter()
    try:
        for connection, sent in zip(connections, waiting, strict=False):
            began[connection] = time.perf_counter()
            connection.send(sent)
        while began:
            for connection in select.select(list(began), [], [])[0]:
                connection.receive()
                taken.append(time.perf_counter() - began.pop(connection))
                for following in itertools.islice(waiting, 1):
                    began[connection] = time.perf_counter()
                    connection.send(following)
        return len(taken) / (time.perf_counter() - started), taken
    finally:
        for connection in connections:
            connection.__exit__(None, None, None)
