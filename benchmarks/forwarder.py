"""The forwarder against one call per record in a loop: wall time, calls, order and CPU time per event.

    python -m benchmarks.forwarder [--events 2000] [--sessions 100] [--batch 500] [--latency 20] [--json FILE]

Both are measured in one run, against a PutEvents endpoint in a process of its own that answers after `--latency`
milliseconds. Events of all sessions are interleaved. The loop makes one client for all its calls (which is kinder to
it than the published reference, which makes one for each); both begin with one call to open a connection. The
theoretical minimum of calls is, per batch, the sum over its sessions of ceil(n / 10). The floor is what decoding
alone costs: base64 and JSON.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import boto3

from benchmarks.lambda_environment import Context, handler_environment
from benchmarks.personalize.endpoint import personalize_endpoint
from lambdas.shared.animal import AnimalGroup
from lambdas.shared.event import decode_event

ARRIVAL = 1_700_000_000.0
BREEDS = ("Beagle", "Saint_Bernard", "domestic short hair", "Russian_Blue")


def invocations(events: int, sessions: int, batch: int) -> list[dict[str, Any]]:
    """Lambda invocations of `batch` records; consecutive events belong to different sessions."""
    records = [_record(number, number % sessions) for number in range(events)]
    return [{"Records": records[start : start + batch]} for start in range(0, events, batch)]


def minimum_calls(batches: list[dict[str, Any]]) -> int:
    """Per batch, the sum over its sessions of ceil(n / 10)."""
    total = 0
    for batch in batches:
        sessions = Counter(_decoded(record)["sessionId"] for record in batch["Records"])
        total += sum(-(-count // 10) for count in sessions.values())
    return total


def _record(number: int, session: int) -> dict[str, Any]:
    event = {
        "userId": f"user-{session}",
        "sessionId": f"session-{session}",
        "eventType": "DetailView",
        "eventId": f"event-{number:06d}",
        "timestamp": ARRIVAL - 1000 + number / 10,
        "animal_id": str(number),
        "animalMetadata": AnimalGroup("2", BREEDS[number % len(BREEDS)], str(1 + number % 5), "2").metadata,
    }
    return {
        "kinesis": {
            "sequenceNumber": f"{number:056d}",
            "data": base64.b64encode(json.dumps(event).encode()).decode(),
            "approximateArrivalTimestamp": ARRIVAL,
        },
        "eventID": f"shardId-000000000000:{number:056d}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/benchmark",
    }


def _decoded(record: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(base64.b64decode(record["kinesis"]["data"]))
    return event


def _sent_ids(batches: list[dict[str, Any]]) -> dict[str, list[str]]:
    """By session, the ids under which the handler sends its events, in their order."""
    expected: defaultdict[str, list[str]] = defaultdict(list)
    for batch in batches:
        for record in batch["Records"]:
            event = decode_event(base64.b64decode(record["kinesis"]["data"]), arrival=ARRIVAL)
            expected[event.session_id].append(event.identity(record["eventID"]))
    return expected


def one_call_a_record(client: Any, batch: dict[str, Any]) -> None:
    """As the reference does it: one call for each record, one after the other."""
    for record in batch["Records"]:
        event = _decoded(record)
        client.put_events(
            trackingId="tracker",
            userId=event["userId"],
            sessionId=event["sessionId"],
            eventList=[
                {
                    "eventId": event["eventId"],
                    "eventType": event["eventType"],
                    "itemId": AnimalGroup.from_metadata(event["animalMetadata"]).item_id,
                    "sentAt": time.time(),
                }
            ],
        )


def _statistics(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/statistics") as answer:  # noqa: S310 - the endpoint of this benchmark
        statistics: dict[str, Any] = json.load(answer)
    return statistics


def measure(events: int, sessions: int, batch: int, latency_seconds: float) -> dict[str, Any]:
    """Run the handler and the loop; the figures by name, with their units in the names."""
    batches = invocations(events, sessions, batch)
    with personalize_endpoint(latency_seconds) as url:
        os.environ.update(handler_environment("forward_events", url))
        from lambdas.forward_events.handler import lambda_handler  # reads the environment when imported

        client = boto3.client("personalize-events")
        first = {"Records": batches[0]["Records"][:1]}
        with contextlib.redirect_stdout(io.StringIO()):
            lambda_handler(first, Context())
            one_call_a_record(client, first)
            _statistics(url)

            wall, cpu = time.perf_counter(), time.process_time()
            answers = [lambda_handler(event, Context()) for event in batches]
            ours, ours_cpu = time.perf_counter() - wall, time.process_time() - cpu
            seen = _statistics(url)

            wall, cpu = time.perf_counter(), time.process_time()
            for event in batches:
                one_call_a_record(client, event)
            theirs, theirs_cpu = time.perf_counter() - wall, time.process_time() - cpu
            theirs_calls = _statistics(url)["calls"]

    floor = time.process_time()
    for event in batches:
        for record in event["Records"]:
            _decoded(record)
    floor = time.process_time() - floor
    return {
        "speedup": theirs / ours,
        "calls": seen["calls"],
        "minimum_calls": minimum_calls(batches),
        "cpu_us_per_event": ours_cpu / events * 1e6,
        "floor_cpu_us_per_event": floor / events * 1e6,
        "loop_cpu_us_per_event": theirs_cpu / events * 1e6,
        "seconds": ours,
        "loop_seconds": theirs,
        "loop_calls": theirs_calls,
        "order_kept": seen["order"] == _sent_ids(batches) and not seen["overlapping"],
        "failures": sum(len(answer["batchItemFailures"]) for answer in answers),
        "events": events,
        "sessions": sessions,
        "batch": batch,
        "latency_ms": latency_seconds * 1000,
    }


def main() -> None:
    """Measure, print, and write the figures where `--json` says."""
    parser = argparse.ArgumentParser(description="forward_events against one PutEvents call per record")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds until the endpoint answers")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    figures = measure(given.events, given.sessions, given.batch, given.latency / 1000)
    print(f"{given.events} events of {given.sessions} sessions, batches of {given.batch}, {given.latency:g} ms a call")
    print(f"  one call a record  {figures['loop_seconds']:7.2f} s  {figures['loop_calls']:5} calls")
    print(f"  forward_events     {figures['seconds']:7.2f} s  {figures['calls']:5} calls", end="")
    print(f" (at least {figures['minimum_calls']} needed), {figures['failures']} failures")
    print(f"  speed-up           {figures['speedup']:7.1f} times")
    print(f"  CPU per event      {figures['cpu_us_per_event']:7.0f} us", end="")
    print(f" (decoding alone {figures['floor_cpu_us_per_event']:.0f}, loop {figures['loop_cpu_us_per_event']:.0f})")
    print(f"  order in sessions  {'kept' if figures['order_kept'] else 'NOT kept'}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
