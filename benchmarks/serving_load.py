"""recommend and rerank under load, and while Personalize stalls: errors, fallbacks, p50, p99, the slowest answer.

    python -m benchmarks.serving_load [--clients 16] [--seconds 60] [--deadline 1000] [--json FILE]

As in Lambda each client has a process of its own that runs one of the two handlers, one request after the other,
against one embedded Personalize; every second client ranks. Four phases: one client of each function alone; all of
them for `--seconds`; all of them while Personalize answers nothing; all of them again. The ratio is of the loaded p99
and the p50 of the clients that were alone, in the same run. Visitors get an error when a handler raises or answers with
one; they get the popular list (a fallback) when the deadline is near.
"""

import argparse
import contextlib
import importlib
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.handlers import ANIMALS
from benchmarks.lambda_environment import Context, handler_environment
from benchmarks.personalize.world import Made, World, make
from personalize_local.api.guard import LOCAL_REQUEST
from personalize_local.testing import LocalPersonalize

REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "recommend": {"limit": 25, "detail": True},
    "rerank": {"itemMetadataList": ANIMALS},
}
OPERATIONS = ("GetRecommendations", "GetPersonalizedRanking")
STALL = 3
"""How many deadlines long Personalize stalls."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one phase; times in milliseconds."""

    requests: int
    errors: int
    fallbacks: int
    p50: float
    p99: float
    slowest: float

    @classmethod
    def of(cls, milliseconds: Sequence[float], errors: int, fallbacks: int) -> "Answers":
        ordered = sorted(milliseconds)
        return cls(len(ordered), errors, fallbacks, percentile(ordered, 50), percentile(ordered, 99), ordered[-1])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def client(function: str, environment: Mapping[str, str], orders: "Connection[Any, Any]") -> None:
    """A process of its own: answers each order (seconds) with (milliseconds, errors, fallbacks); None ends it."""
    os.environ.update(environment)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the metrics that the handler prints
    handler = importlib.import_module(f"lambdas.{function}.handler").lambda_handler
    visitor = 0
    while (seconds := orders.recv()) is not None:
        taken: list[float] = []
        errors = fallbacks = 0
        until = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < until:
            visitor += 1
            try:
                answer = handler({"userId": f"u{visitor % 1000}", **REQUESTS[function]}, Context())
            except Exception:  # noqa: BLE001 - errors are counted
                answer = {"error": "raised"}
            taken.append((time.perf_counter() - begun) * 1000)
            errors += not isinstance(answer, list) and "ranking" not in answer
            fallbacks += _source(answer) == "popular"
        orders.send((taken, errors, fallbacks))


def _source(answer: Any) -> str:
    marked = answer[0] if isinstance(answer, list) and answer else answer
    return str(marked.get("source", "")) if isinstance(marked, dict) else ""


class Clients:
    """Client processes with connections open, until the block ends."""

    def __init__(self, number: int, url: str, made: Made, deadline: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._orders: list[Connection[Any, Any]] = []
        self._processes = []
        for place in range(number):
            function, campaign = (("recommend", made.campaign), ("rerank", made.ranking))[place % 2]
            environment = {
                **handler_environment(function, url),
                "CAMPAIGN_ARN": campaign,
                "DEADLINE_MILLISECONDS": str(deadline),
            }
            ours, theirs = spawn.Pipe()
            self._orders.append(ours)
            self._processes.append(spawn.Process(target=client, args=(function, environment, theirs), daemon=True))

    def __enter__(self) -> "Clients":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for orders in self._orders:
            with contextlib.suppress(OSError):
                orders.send(None)
        for process in self._processes:
            process.join(30)

    def run(self, seconds: float, number: int | None = None) -> Answers:
        """The answers of the first `number` clients, or of all, in so many seconds."""
        chosen = self._orders[:number]
        for orders in chosen:
            orders.send(seconds)
        results = [orders.recv() for orders in chosen]
        return Answers.of(
            [each for taken, _, _ in results for each in taken],
            sum(e for _, e, _ in results),
            sum(f for _, _, f in results),
        )


@contextlib.contextmanager
def stalling(url: str, deadline: int) -> Iterator[None]:
    """Personalize takes every request and answers none before the deadline (in milliseconds)."""
    for operation in OPERATIONS:
        order = {"operation": operation, "times": 1_000_000, "outcome": {"delaySeconds": STALL * deadline / 1000}}
        _admin(f"{url}/_local/faults", "POST", json.dumps(order).encode())
    try:
        yield
    finally:
        _admin(f"{url}/_local/faults", "DELETE", None)


def _admin(url: str, method: str, body: bytes | None) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, LOCAL_REQUEST, method=method), timeout=10):  # noqa: S310 - http
        pass


def measure(number: int, seconds: float, deadline: int, items: int = 900) -> dict[str, Any]:
    """The figures of all phases. `number` clients, `seconds` under load, the deadline in milliseconds."""
    short = max(1.0, seconds / 6)
    with tempfile.TemporaryDirectory() as name:
        made = make(World(items), Path(name) / "world")
        with LocalPersonalize(Path(name) / "world") as server, Clients(number, server.endpoint, made, deadline) as all_:
            all_.run(0.5)  # imports are done, connections open
            phases = {"alone": all_.run(short, 2), "under load": all_.run(seconds)}
            with stalling(server.endpoint, deadline):
                phases["while Personalize stalls"] = all_.run(short)
            phases["after it"] = all_.run(short)
    return {
        "clients": number,
        "seconds": seconds,
        "deadline": deadline,
        "phases": {phase: asdict(answers) for phase, answers in phases.items()},
        "error_rate": sum(each.errors for each in phases.values()) / sum(each.requests for each in phases.values()),
        "p99_to_unloaded_p50": phases["under load"].p99 / phases["alone"].p50,
        "slowest_to_deadline": phases["while Personalize stalls"].slowest / deadline,
    }


def shown(figures: Mapping[str, Any]) -> str:
    """The figures as a table."""
    lines = [f"{'':26}{'requests':>9}{'errors':>8}{'fallbacks':>11}{'p50 ms':>9}{'p99 ms':>9}{'slowest':>9}"]
    for phase, each in figures["phases"].items():
        counts = f"{each['requests']:>9,}{each['errors']:>8}{each['fallbacks']:>11,}"
        lines.append(f"{phase:26}{counts}{each['p50']:>9.1f}{each['p99']:>9.1f}{each['slowest']:>9.1f}")
    lines.append(f"error rate {figures['error_rate']:g}")
    lines.append(f"p99 under load: {figures['p99_to_unloaded_p50']:.1f} times the unloaded p50")
    lines.append(f"slowest answer while Personalize stalls: {figures['slowest_to_deadline']:.2f} of the deadline")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the figures where `--json` says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--deadline", type=int, default=1000, metavar="MILLISECONDS")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    figures = measure(given.clients, given.seconds, given.deadline)
    print(shown(figures))
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
