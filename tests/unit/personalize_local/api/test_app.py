"""The ASGI application and the protocol at their edges."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_local.api.app import App
from personalize_local.api.protocol import Protocol
from personalize_local.api.service import FolderInUseError, Personalize
from personalize_local.jobs.running import InProcess
from personalize_local.operations import OPERATIONS
from personalize_local.settings.options import Options


@pytest.fixture
def protocol(tmp_path: Path) -> Iterator[Protocol]:
    service = Personalize(Options(folder=tmp_path, worker=InProcess()))
    service.start()
    yield Protocol(service)
    service.close()


def test_a_folder_has_one_server(protocol: Protocol, tmp_path: Path) -> None:
    """A second server on the folder of a running one is refused; once that has ended, it starts."""
    with pytest.raises(FolderInUseError, match=str(tmp_path)):
        Personalize(Options(folder=tmp_path))
    other = Personalize(Options(folder=tmp_path / "other"))
    other.start()
    other.close()
    again = Personalize(Options(folder=tmp_path / "other"))
    again.start()
    again.close()


LIST = {b"x-amz-target": b"AmazonPersonalize.ListSchemas"}


def test_a_defect_is_a_500_and_a_log_entry(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of the server is not the caller's, and its trace is in the log only."""

    def broken(service: Any, request: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setitem(OPERATIONS, "ListSchemas", broken)
    with caplog.at_level(logging.ERROR):
        answer = asyncio.run(protocol.answer("POST", "/", LIST, b"{}"))
    assert (500, True) == (answer.status, b"secret" not in answer.body)
    assert "secret" in caplog.text


def test_answers_outside_the_model_are_defects(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer with a member that the model does not have never leaves the server."""
    monkeypatch.setitem(OPERATIONS, "ListSchemas", lambda service, request: {"schema": []})
    assert 500 == asyncio.run(protocol.answer("POST", "/", LIST, b"{}")).status
    assert "AnswerError" in caplog.text


def test_errors_can_be_read_both_ways(protocol: Protocol) -> None:
    """The code stands in the body and in the header, as the two protocols want it."""
    answer = asyncio.run(protocol.answer("POST", "/events", {}, b"{}"))
    assert (b"x-amzn-errortype", b"InvalidInputException") in answer.headers
    assert b'"__type": "InvalidInputException"' in answer.body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_local/health", 200),
        ("DELETE", "/_local/faults", 200),
        ("POST", "/_local/faults", 400),
        ("GET", "/_local/guess", 404),
    ],
)
def test_the_admin_endpoint(protocol: Protocol, method: str, path: str, status: int) -> None:
    """Health and faults, and nothing else."""
    assert status == asyncio.run(protocol.answer(method, path, {}, b"[]")).status


def test_health_knows_whether_lifecycles_move(tmp_path: Path) -> None:
    """A server whose lifecycles do not run is not healthy."""
    service = Personalize(Options(folder=tmp_path, worker=InProcess()))
    protocol = Protocol(service)

    def status() -> int:
        return asyncio.run(protocol.answer("GET", "/_local/health", {}, b"")).status

    before = status()
    service.start()
    after = status()
    service.close()
    assert [503, 200, 503] == [before, after, status()]


async def _run(app: App, *messages: dict[str, Any], scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_bodies_come_in_pieces_and_have_a_limit(tmp_path: Path) -> None:
    """A body in pieces is one request; a body without end is cut off with 413."""

    async def life() -> None:
        app = App(Options(folder=tmp_path, worker=InProcess()))
        http = {"type": "http", "method": "POST", "path": "/", "headers": list(LIST.items())}
        with pytest.raises(RuntimeError, match="start-up"):
            await _run(app, {"body": b"{}"}, scope=http)
        stop = asyncio.Event()
        started = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not started.is_set():
                return {"type": "lifespan.startup"}
            await stop.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, Any]) -> None:
            started.set()

        lifespan = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        await started.wait()
        pieces: list[dict[str, Any]] = [{"body": b'{"max', "more_body": True}, {"body": b'Results": 5}'}]
        assert [200, b'{"schemas":[]}'] == [
            next(message[part] for message in await _run(app, *pieces, scope=http) if part in message)
            for part in ("status", "body")
        ]
        endless = [{"body": b" " * 2**20, "more_body": True}] * 8
        assert 413 == (await _run(app, *endless, scope=http))[0]["status"]
        stop.set()
        await lifespan

    asyncio.run(life())
