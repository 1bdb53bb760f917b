"""The overhead of the handlers: cold, compared with `import boto3`; warm, compared with the boto3 call alone.

    python -m benchmarks.handlers [--rounds 9] [--calls 2000] [--json FILE]

Cold: a new interpreter imports the handler as Lambda does (clients and all); the ratio is of the medians of `--rounds`
interleaved rounds. Warm: the handler and the bare call (same client settings, same request, same endpoint that answers
at once) take turns; the overhead is the difference of the medians of `--calls` calls.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.lambda_environment import Context, handler_environment
from benchmarks.personalize.endpoint import ITEMS, personalize_endpoint
from lambdas.shared.animal import AnimalGroup

HANDLERS = ("forward_events", "recommend", "rerank", "evaluate_version")
ROOT = Path(__file__).resolve().parent.parent
TIMED_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
ANIMALS = [
    {"itemId": str(number), "animalMetadata": AnimalGroup("2", f"Breed {number}", "3", "2").metadata}
    for number in range(25)
]


def cold_seconds(rounds: int) -> dict[str, float]:
    """Median seconds that a new interpreter needs to import `boto3` and each handler."""
    seconds: dict[str, list[float]] = {"boto3": [], **{handler: [] for handler in HANDLERS}}
    for _ in range(rounds):
        for name, taken in seconds.items():
            module = name if name == "boto3" else f"lambdas.{name}.handler"
            environment = {**os.environ, **handler_environment(name, "http://127.0.0.1:9")}
            result = subprocess.run(
                [sys.executable, "-c", TIMED_IMPORT.format(module)],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
            )
            taken.append(float(result.stdout))
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def warm_microseconds(calls: int) -> dict[str, dict[str, float]]:
    """Median microseconds of each serving handler and of the bare boto3 call that it makes."""
    figures: dict[str, dict[str, float]] = {}
    with personalize_endpoint(0.0) as url:
        for function, operation, event, request in (
            ("recommend", "get_recommendations", {"userId": "u", "limit": 25}, {"numResults": 25}),
            (
                "rerank",
                "get_personalized_ranking",
                {"userId": "u", "itemMetadataList": ANIMALS},
                {"inputList": [item["itemId"] for item in ITEMS]},
            ),
        ):
            os.environ.update(handler_environment(function, url))
            from lambdas.shared.clients import runtime_client

            handler = importlib.import_module(f"lambdas.{function}.handler").lambda_handler
            call = getattr(runtime_client(1.0), operation)
            bare = {"campaignArn": os.environ["CAMPAIGN_ARN"], "userId": "u", **request}
            with contextlib.redirect_stdout(io.StringIO()):
                ours, theirs = _alternating(calls, lambda: handler(event, Context()), lambda: call(**bare))  # noqa: B023 - called within the turn
            figures[function] = {"handler_us": ours, "bare_us": theirs, "overhead_us": ours - theirs}
    return figures


def _alternating(calls: int, *functions: Callable[[], Any]) -> list[float]:
    taken: list[list[float]] = [[] for _ in functions]
    for number in range(calls + 20):
        for function, times in zip(functions, taken, strict=True):
            start = time.perf_counter()
            function()
            if number >= 20:  # connections are open and code paths warm by then
                times.append((time.perf_counter() - start) * 1e6)
    return [statistics.median(times) for times in taken]


def main() -> None:
    """Measure, print, and write the figures where `--json` says."""
    parser = argparse.ArgumentParser(description="cold imports and warm overhead of the handlers")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    cold, warm = cold_seconds(given.rounds), warm_microseconds(given.calls)
    ratios = {handler: cold[handler] / cold["boto3"] for handler in HANDLERS}
    print(f"cold import: boto3 alone {cold['boto3'] * 1000:.0f} ms")
    for handler, ratio in ratios.items():
        print(f"  {handler:18} {cold[handler] * 1000:5.0f} ms  {ratio:5.2f} times boto3")
    print("warm call: median")
    for handler, figures in warm.items():
        print(
            f"  {handler:18} {figures['handler_us']:5.0f} us, bare boto3 {figures['bare_us']:.0f} us,"
            f" overhead {figures['overhead_us']:.0f} us"
        )
    if given.json:
        content = {"cold_ratio": ratios, "cold_seconds": cold, "warm": warm}
        given.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
