"""An endpoint for Amazon Personalize's events and runtime in a process of its own: answers after a while.

For PutEvents it records, per session, the order of the events and whether two calls were ever in progress at once.
Recommendations and rankings are always the same.
"""

import asyncio
import json
import multiprocessing
import multiprocessing.connection
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ITEMS = [{"itemId": f"2-Breed {n}-3-2", "score": 0.04} for n in range(25)]
ANSWERS = {
    b"/recommendations": json.dumps({"itemList": ITEMS, "recommendationId": "RID-1"}).encode(),
    b"/personalize-ranking": json.dumps({"personalizedRanking": ITEMS, "recommendationId": "RID-1"}).encode(),
}


class Statistics:
    """The calls since the last reset."""

    def __init__(self) -> None:
        self.calls = 0
        self.order: defaultdict[str, list[str]] = defaultdict(list)
        self.in_progress: Counter[str] = Counter()
        self.overlapping: set[str] = set()

    def as_json(self) -> dict[str, Any]:
        """`{"calls", "order": {session: [event ids]}, "overlapping": [sessions]}`."""
        return {"calls": self.calls, "order": self.order, "overlapping": sorted(self.overlapping)}


async def _serve(port: "multiprocessing.connection.Connection[Any, Any]", latency_seconds: float) -> None:
    statistics = Statistics()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal statistics
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1]
                if path == b"/statistics":
                    writer.write(_response(json.dumps(statistics.as_json()).encode()))
                    statistics = Statistics()
                    continue
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                content = await reader.readexactly(length)
                if path in ANSWERS:
                    await asyncio.sleep(latency_seconds)
                    writer.write(_response(ANSWERS[path]))
                    continue
                request = json.loads(content)
                session = request["sessionId"]
                statistics.calls += 1
                statistics.order[session].extend(event["eventId"] for event in request["eventList"])
                if statistics.in_progress[session]:
                    statistics.overlapping.add(session)
                statistics.in_progress[session] += 1
                await asyncio.sleep(latency_seconds)
                statistics.in_progress[session] -= 1
                writer.write(_response(b""))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, backlog=512)
    port.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _run(port: "multiprocessing.connection.Connection[Any, Any]", latency_seconds: float) -> None:
    asyncio.run(_serve(port, latency_seconds))


@contextmanager
def personalize_endpoint(latency_seconds: float) -> Iterator[str]:
    """The URL of an endpoint that runs during the block; `GET /statistics` returns its statistics and resets them."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(theirs, latency_seconds), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
