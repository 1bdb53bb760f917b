"""The overhead of the embedded Personalize over its web server, as ratios: `python -m benchmarks.personalize.server`.

A raw client on a kept connection asks in turns the same web server that answers a path with a constant of the same
size, and (a) the server with its model and filters taken out, so that it reads, checks, routes and shapes, (b) the
whole server. Ratios are of medians over rounds that alternate between the two servers, so that whatever else the
computer does meets both. For these comparisons the client and both servers share one processor, where that can be
asked for: one that waits for the other then never sleeps, and waking a sleeping (virtual) processor takes as long as
half of an answer, at random. Eight clients have the whole computer. Scoring is also timed alone, inside this process.

    --quick          small sizes, few rounds: shows that the benchmark works, says little
    --items N        items of the small world (900)
    --large N        items of the large world (100000); 0 leaves it out
    --events N       stored events for memory and start (1000000); 0 leaves it out
    --parts PART...  measure these alone: small, large, rest
    --json FILE      write the figures into this file, beside those of other parts that it holds
    --plot FILE      draw the figures into this file
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.personalize.client import PersistentConnection, concurrent, request, seconds_each
from benchmarks.personalize.world import Made, World, fill_with_events, make
from personalize_local.engine.base.data import History
from personalize_local.serving.loaded_versions import LoadedVersions

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "overhead": 1.5,
    "GetRecommendations": 3.0,
    "GetPersonalizedRanking": 3.0,
    "PutEvents": 2.0,
    "GetRecommendations, large, filtered": 10.0,
}
"""The most that each may cost, in answers of a constant."""
PARTS = ("small", "large", "rest")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked, and of how large a world."""

    items: int
    large: int
    events: int
    rounds: int
    calls: int


def started(*arguments: str) -> tuple["subprocess.Popen[bytes]", int, float]:
    """A server process, its port, and the seconds until it answered."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.personalize.servers", *arguments], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the server {arguments} did not start")
    return process, int(line), time.perf_counter() - began


@contextmanager
def server(*arguments: str) -> Iterator[int]:
    """The port of a server that lives as long as the block."""
    process, port, _ = started(*arguments)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def one_processor() -> Iterator[None]:
    """This process, and the processes that it starts, stay on one processor; nothing where that cannot be asked for."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def requests_of(made: Made, world: World, sizes: Sizes) -> dict[str, tuple[str, list[bytes]]]:
    """For each question its path and the requests; no two calls of PutEvents bring the same events."""
    users = [f"u{number}" for number in range(200)]
    numbers = itertools.count()
    puts = sizes.rounds * sizes.calls * 4 + 1_000

    def events(user: str) -> bytes:
        listed = [
            {"eventId": f"e{next(numbers)}", "eventType": "click", "itemId": f"i{number}", "sentAt": 1_750_000_000}
            for number in range(10)
        ]
        body = {"trackingId": made.tracking_id, "userId": user, "sessionId": user, "eventList": listed}
        return request("/events", body)

    def recommendations(user: str, **more: Any) -> bytes:
        return request("/recommendations", {"campaignArn": made.campaign, "userId": user, "numResults": 25, **more})

    def ranking(user: str) -> bytes:
        chosen = [f"i{(7 * number) % world.items}" for number in range(100)]
        return request("/personalize-ranking", {"campaignArn": made.ranking, "userId": user, "inputList": chosen})

    price = {"filterArn": made.filter, "filterValues": {"KIND": '"k1","k2","k3"'}}
    return {
        "GetRecommendations": ("/recommendations", [recommendations(user) for user in users]),
        "GetRecommendations, filtered": ("/recommendations", [recommendations(user, **price) for user in users]),
        "GetPersonalizedRanking": ("/personalize-ranking", [ranking(user) for user in users]),
        "PutEvents": ("/events", [events(users[number % 200]) for number in range(puts)]),
    }


def compared(ports: Mapping[str, int], asked: list[bytes], sizes: Sizes) -> dict[str, dict[str, float]]:
    """Microseconds of each server, asked in turns (see `shown`)."""
    taken: dict[str, list[float]] = {name: [] for name in ports}
    # Each server has its own turn through the requests, after a first turn through some that is not counted.
    with ExitStack() as stack:
        connections = {name: stack.enter_context(PersistentConnection(port)) for name, port in ports.items()}
        for connection in connections.values():
            seconds_each(connection, asked[:200])
        sources = {name: itertools.cycle(asked[200:] or asked) for name in ports}
        for _ in range(sizes.rounds):
            for name, connection in connections.items():
                taken[name] += seconds_each(connection, list(itertools.islice(sources[name], sizes.calls)))
    return {name: shown(seconds) for name, seconds in taken.items()}


def shown(seconds: list[float]) -> dict[str, float]:
    """The 10th percentile, the median and the 99th percentile in microseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {f"p{percent}_us": round(cuts[percent - 1] * 1e6, 1) for percent in (10, 50, 99)}


def measure(world: World, sizes: Sizes, folder: Path, *, large: bool) -> dict[str, Any]:
    """The figures of one world."""
    made = make(world, folder, rankings=not large)
    asked = requests_of(made, world, sizes)
    if large:
        asked = {name: asked[name] for name in ("GetRecommendations", "GetRecommendations, filtered")}
    figures: dict[str, Any] = {}
    answers = folder / "answers.json"
    whole = ["whole", "--data", str(folder / "data")]
    with server(*whole) as port, PersistentConnection(port) as connection:
        recorded = {name: connection.exchange(requests[0]).decode() for name, (_, requests) in asked.items()}
    for name, (path, requests) in asked.items():
        answers.write_text(json.dumps({path: recorded[name]}), encoding="utf-8")
        bare = ["without-scoring", "--data", str(folder / "data"), "--answers", str(answers)]
        durable = [*whole, "--durability", "FULL"]
        rows: dict[str, Any] = {}
        # One server at a time holds the data folder, so each is compared with the constant in its own block.
        kinds = {"whole": whole} if large else {"whole": whole, "without_scoring": bare}
        if path == "/events":
            kinds = {"whole": whole, "whole_with_fsync": durable}
        for kind, arguments in kinds.items():
            with one_processor(), server("constant", "--answers", str(answers)) as base, server(*arguments) as port:
                both = compared({"constant": base, "asked": port}, requests, sizes)
                # The 10th percentile tells what other work on the computer adds to the median.
                rows[kind] = both | {
                    name: round(both["asked"][cut] / both["constant"][cut], 2)
                    for name, cut in (("ratio", "p50_us"), ("ratio_p10", "p10_us"))
                }
        if not large:
            with server(*whole) as port, PersistentConnection(port) as connection:
                seconds_each(connection, requests[:200])  # users asked about before
                again = requests[-sizes.calls * sizes.rounds :] * (1 if path == "/events" else 5)
                rate, latencies = concurrent(port, again, clients=8)
                rows["eight_clients"] = {"requests_per_second": round(rate), **shown(latencies)}
        figures[name] = rows
    figures["scoring alone"] = scoring(made, folder, sizes)
    return figures


def scoring(made: Made, folder: Path, sizes: Sizes) -> dict[str, float]:
    """Microseconds of the model alone, for the users of the questions."""
    from personalize_local.api.service import Personalize  # the servers above must be gone
    from personalize_local.settings.options import Options

    service = Personalize(Options(folder=folder / "data"))
    try:
        campaign = service.store.get(made.campaign, "campaign")
        assert campaign is not None
        snapshot = LoadedVersions(service).load(campaign.body["_serving"]).snapshot
        histories = [History(*snapshot.events_of(f"u{number}")) for number in range(200)]
        taken = []
        for history in itertools.islice(itertools.cycle(histories), max(100, sizes.calls)):
            began = time.perf_counter()
            snapshot.model.score(history, now=0.0)
            taken.append(time.perf_counter() - began)
        return shown(taken)
    finally:
        service.events.close()
        service.store.close()
        service._lock.close()  # a service that was not started cannot be closed as one


def at_rest(world: World, sizes: Sizes, folder: Path) -> dict[str, float]:
    """Memory and start-up of a server, without events and with many."""
    made = make(world, folder, rankings=False)
    arguments = ["whole", "--data", str(folder / "data")]
    events = sizes.events
    figures: dict[str, float] = {"events": events}
    for name, number in (("empty", 0), ("full", events)):
        if number:
            fill_with_events(folder / "data", number)
        process, port, seconds = started(*arguments)
        try:
            with PersistentConnection(port) as connection:
                asked = requests_of(made, world, sizes)
                seconds_each(connection, asked["GetRecommendations"][1])
            figures[f"{name}_start_seconds"] = round(seconds, 2)
            figures[f"{name}_resident_megabytes"] = round(resident(process.pid), 1)
        finally:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    figures["disk_megabytes"] = round((folder / "data" / "events.db").stat().st_size / 1e6, 1)
    return figures


def resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def compared_with_limits(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each limit beside what was measured."""
    small, large = figures["small"], figures.get("large")
    ratios = {
        "overhead": small["GetRecommendations"]["without_scoring"]["ratio"],
        **{
            name: small[name]["whole"]["ratio"]
            for name in ("GetRecommendations", "GetPersonalizedRanking", "PutEvents")
        },
    }
    if large:
        ratios["GetRecommendations, large, filtered"] = large["GetRecommendations, filtered"]["whole"]["ratio"]
    return {
        name: {"ratio": ratio, "limit": LIMITS[name], "met": ratio <= LIMITS[name]} for name, ratio in ratios.items()
    }


def plot(figures: Mapping[str, Any], file: Path) -> None:
    """The ratios with their limits, eight clients at once, and what stored events cost."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    by_clients = {name: rows["eight_clients"] for name, rows in figures["small"].items() if "eight_clients" in rows}
    rest = figures.get("at rest")
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    ratios, latencies, rates, stored = figure.subplots(4, 1, height_ratios=[5, 5, 4, 2])
    limits = figures["limits"]
    names = list(limits)[::-1]
    ratios.barh(names, [limits[name]["ratio"] for name in names], color="#4c78a8")
    ratios.plot([limits[name]["limit"] for name in names], names, "|", color="black", markersize=16, label="limit")
    ratios.set_xlabel("one client: time of an answer, in answers of a constant")
    ratios.legend(frameon=False)
    clients = list(by_clients)[::-1]
    for place, (quantile, colour) in enumerate((("p50", "#4c78a8"), ("p99", "#f58518"))):
        where = [number - 0.2 + 0.4 * place for number in range(len(clients))]
        latencies.barh(
            where,
            [by_clients[name][f"{quantile}_us"] / 1000 for name in clients],
            0.38,
            color=colour,
            label=quantile[:3],
        )
    latencies.set_yticks(range(len(clients)), clients)
    latencies.set_xlabel("eight clients: milliseconds of an answer")
    latencies.legend(frameon=False)
    rates.barh(clients, [by_clients[name]["requests_per_second"] for name in clients], color="#4c78a8")
    rates.set_xlabel("eight clients: requests a second")
    if rest:
        more = {
            "start, seconds": rest["full_start_seconds"] - rest["empty_start_seconds"],
            "memory, MB": rest["full_resident_megabytes"] - rest["empty_resident_megabytes"],
            "disk, MB": rest["disk_megabytes"],
        }
        bars = stored.barh(list(more)[::-1], list(more.values())[::-1], color="#4c78a8")
        stored.bar_label(bars, fmt=" %.1f")
        stored.set_xticks([])
        stored.margins(x=0.15)
        stored.set_xlabel(f"{rest['events']:,} stored events: more than none")
    else:
        stored.set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "personalize"}):  # the same figures are the same file
        figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Print the figures; with --json, write them too."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.personalize.server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--items", type=int, default=900)
    parser.add_argument("--large", type=int)
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    sizes = Sizes(
        given.items,
        (0 if given.quick else 100_000) if given.large is None else given.large,
        (0 if given.quick else 1_000_000) if given.events is None else given.events,
        given.rounds or (3 if given.quick else 10),
        100 if given.quick else 300,
    )
    figures: dict[str, Any] = {}
    if given.json is not None and given.json.exists():
        figures = json.loads(given.json.read_text(encoding="utf-8"))
    figures["sizes"] = {name: getattr(sizes, name) for name in Sizes.__slots__}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "small" in given.parts:
            figures["small"] = measure(World(sizes.items), sizes, folder / "small", large=False)
        if "large" in given.parts and sizes.large:
            figures["large"] = measure(World(sizes.large), sizes, folder / "large", large=True)
        if "rest" in given.parts and sizes.events:
            figures["at rest"] = at_rest(World(sizes.items), sizes, folder / "rest")
    if "small" in figures:
        figures["limits"] = compared_with_limits(figures)
    print(json.dumps(figures, indent=1))
    for file in (given.json, given.plot):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if given.plot is not None and "limits" in figures:
        plot(figures, given.plot)


if __name__ == "__main__":
    main()
