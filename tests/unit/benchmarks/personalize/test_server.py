"""The benchmark of the Personalize server: its client, its limits, its constant."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from benchmarks.personalize.client import PersistentConnection, request
from benchmarks.personalize.server import LIMITS, compared_with_limits, plot


def _figures(ratio: float) -> dict[str, Any]:
    rows = {"whole": {"ratio": ratio}, "without_scoring": {"ratio": ratio}}
    names = ("GetRecommendations", "GetRecommendations, filtered", "GetPersonalizedRanking", "PutEvents")
    return {"small": dict.fromkeys(names, rows), "large": dict.fromkeys(names, rows)}


def test_every_limit_is_compared_with_limits() -> None:
    """Each limit stands beside its figure, and is met up to itself."""
    found = compared_with_limits(_figures(2.0))
    assert LIMITS.keys() == found.keys()
    assert {"overhead"} == {name for name, one in found.items() if not one["met"]}
    small_only = {"small": _figures(1.0)["small"]}
    assert LIMITS.keys() - compared_with_limits(small_only).keys() == {"GetRecommendations, large, filtered"}


def test_the_plot_shows_every_figure(tmp_path: Path) -> None:
    """Each limit, each crowd and what stored events cost, as text in the picture; the same figures are the same file."""
    figures = _figures(2.0)
    crowd = {"requests_per_second": 9_000, "p50_us": 800.0, "p99_us": 1_600.0}
    figures["small"] = {name: {**rows, "eight_clients": crowd} for name, rows in figures["small"].items()}
    figures["limits"] = compared_with_limits(figures)
    rest = {"start_seconds": 1.0, "resident_megabytes": 90.0}
    sizes = {f"{kind}_{name}": value for kind in ("empty", "full") for name, value in rest.items()}
    figures["at rest"] = {"events": 1_000_000, "disk_megabytes": 150.0, **sizes}
    for name in ("one.svg", "two.svg"):
        plot(figures, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    for text in (*LIMITS, "requests a second", "p99", "disk, MB", "1,000,000 stored events"):
        assert f"<!-- {text}" in drawn or f"{text} -->" in drawn, text


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
        with PersistentConnection(listening.getsockname()[1]) as connection:
            sent = request("/events", {"a": 1}, target="X.Y")
            assert b"abcde" == connection.exchange(sent)
            with pytest.raises(RuntimeError, match="400"):
                connection.exchange(sent)
        thread.join()
    head, _, body = sent.partition(b"\r\n\r\n")
    assert {"a": 1} == json.loads(body)
    assert b"X-Amz-Target: X.Y" in head
    assert f"Content-Length: {len(body)}".encode() in head
