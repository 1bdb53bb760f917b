"""The benchmark of the Personalize server: its client, its limits, its constant."""

import json
import socket
import threading
from typing import Any

import pytest

from benchmarks.personalize_client import KeptConnection, request
from benchmarks.personalize_server import LIMITS, judged


def _figures(ratio: float) -> dict[str, Any]:
    rows = {"whole": {"ratio": ratio}, "without_scoring": {"ratio": ratio}}
    names = ("GetRecommendations", "GetRecommendations, filtered", "GetPersonalizedRanking", "PutEvents")
    return {"small": dict.fromkeys(names, rows), "large": dict.fromkeys(names, rows)}


def test_every_limit_is_judged() -> None:
    """Each limit stands beside its figure, and is met up to itself."""
    found = judged(_figures(2.0))
    assert LIMITS.keys() == found.keys()
    assert {"overhead"} == {name for name, one in found.items() if not one["met"]}
    small_only = {"small": _figures(1.0)["small"]}
    assert LIMITS.keys() - judged(small_only).keys() == {"GetRecommendations, large, filtered"}


def test_the_client_reads_what_comes_in_pieces() -> None:
    """An answer is read by its length, however it is cut; another status than 200 is an error."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"cde",
        b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1 << 16)
                for piece in answers[:2]:
                    peer.sendall(piece)
                peer.recv(1 << 16)
                peer.sendall(answers[2])

        thread = threading.Thread(target=serve)
        thread.start()
        with KeptConnection(listening.getsockname()[1]) as connection:
            sent = request("/events", {"a": 1}, target="X.Y")
            assert b"abcde" == connection.exchange(sent)
            with pytest.raises(RuntimeError, match="400"):
                connection.exchange(sent)
        thread.join()
    head, _, body = sent.partition(b"\r\n\r\n")
    assert {"a": 1} == json.loads(body)
    assert b"X-Amz-Target: X.Y" in head
    assert f"Content-Length: {len(body)}".encode() in head
