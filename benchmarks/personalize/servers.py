"""The servers that `server.py` compares, each in a process of its own; prints its port once it answers.

constant: the same web server; each path has one answer. without-scoring: the server, but the runtime operations answer
with one recorded answer, which is shaped and written as any. whole: the server as users start it.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from personalize_local.api.app import App
from personalize_local.api.guard import Receive, Scope, Send
from personalize_local.api.server import config
from personalize_local.api.service import Personalize
from personalize_local.model.entries import Entry
from personalize_local.settings.options import Options


class Constant:
    """Reads the request and answers its path with the bytes that it was given."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = {path: answer.encode() for path, answer in answers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        while (await receive()).get("more_body"):
            pass
        body = self._answers[scope["path"]]
        headers = [
            (b"content-type", b"application/json"),
            (b"x-amzn-requestid", b"00000000-0000-0000-0000-000000000000"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _of_entries(answer: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer as the server has it before it is written."""
    return {name: msgspec.convert(one, list[Entry]) if type(one) is list else one for name, one in answer.items()}


class WithoutScoring(App):
    """The server with recorded answers in place of its models."""

    def __init__(self, options: Options, answers: Mapping[str, str]) -> None:
        super().__init__(options)
        self._recorded = {path: _of_entries(json.loads(answer)) for path, answer in answers.items() if answer}

    def make_service(self, options: Options) -> Personalize:
        """The service, whose runtime answers what was recorded."""
        service = super().make_service(options)
        recorded: dict[str, Any] = self._recorded
        service.runtime.recommend = lambda request: recorded["/recommendations"]  # type: ignore[method-assign]
        service.runtime.rank = lambda request: recorded["/personalize-ranking"]  # type: ignore[method-assign]
        return service


async def _serve(application: Any) -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(config(application))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    print(listening.getsockname()[1], flush=True)
    await serving


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.personalize.servers")
    parser.add_argument("kind", choices=("constant", "without-scoring", "whole"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--durability", default="NORMAL")
    given = parser.parse_args()
    answers = json.loads(given.answers.read_text(encoding="utf-8")) if given.answers else {}
    application: Any
    if given.kind == "constant":
        application = Constant(answers)
    else:
        options = Options(folder=given.data, synchronous=given.durability)
        application = App(options) if given.kind == "whole" else WithoutScoring(options, answers)
    with asyncio.Runner(loop_factory=config(application).get_loop_factory()) as runner:
        runner.run(_serve(application))


if __name__ == "__main__":
    main()
