"""One point of the growth benchmark, in a process of its own: `python -m benchmarks.scale_child EVENTS ITEMS ...`.

Generates events, trains the engine's default model, scores histories, and prints one line of JSON. The process has
limits of memory and CPU time, so a point that does not fit ends before the machine swaps.
"""

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np

from benchmarks.quality.child import peak_mebibytes
from personalize_local.engine.base.data import Catalogue, Events, History
from personalize_local.engine.recommenders.registry import MODELS

EVENTS_PER_USER = 20
"""On average; half of the users have fewer than 14."""
_CLUSTERS = 50
"""Clusters of items: most events of a user are in one of them."""
_CLUSTER_SHARE = 0.7


def world(n_events: int, n_items: int, *, seed: int = 0, returns: bool = True) -> Events:
    """Events whose items follow Zipf's law (popularity falls as 1 / rank), by users who prefer a cluster of items.

    Without `returns` no user has two events on one item, so that the ranking pipeline is trained too; there are at most
    `n_events` events then.
    """
    rng = np.random.default_rng(seed)
    if not returns:
        drawn = world(2 * n_events, n_items, seed=seed)
        _, first = np.unique(drawn.user.astype(np.int64) * n_items + drawn.item, return_index=True)
        return drawn.of(np.sort(rng.permutation(first)[:n_events]))
    n_users = max(1, n_events // EVENTS_PER_USER)
    activity = rng.exponential(size=n_users)
    user = np.sort(rng.choice(n_users, size=n_events, p=activity / activity.sum()).astype(np.int32))
    # exp of a uniform number has the density 1 / x: Zipf's law with exponent one.
    rank = np.minimum(np.exp(rng.uniform(0, np.log(n_items + 1), n_events)).astype(np.int64) - 1, n_items - 1)
    in_cluster = rng.random(n_events) < _CLUSTER_SHARE
    rank[in_cluster] = (rank[in_cluster] // _CLUSTERS * _CLUSTERS + user[in_cluster] % _CLUSTERS) % n_items
    time_of = np.sort(rng.uniform(0, 1e7, n_events))
    return Events(user, rank.astype(np.int32), time_of, np.ones(n_events, np.float32), n_users, n_items)


def measure(n_events: int, n_items: int, *, model: str, requests: int, returns: bool = True) -> dict[str, Any]:
    """CPU and wall seconds of training, peak memory in MiB, microseconds of scoring all items for one history."""
    events = world(n_events, n_items, returns=returns)
    n_events = len(events)
    before, cpu, wall = peak_mebibytes(), time.process_time(), time.perf_counter()
    trained = MODELS[model].fit(events, Catalogue(n_items))
    costs = {
        "training_cpu_seconds": round(time.process_time() - cpu, 3),
        "training_seconds": round(time.perf_counter() - wall, 3),
        "peak_mebibytes": round(peak_mebibytes(), 1),
        "mebibytes_before_training": round(before, 1),
    }
    rng, taken = np.random.default_rng(1), []
    for _ in range(requests):
        begin = int(rng.integers(max(1, n_events - EVENTS_PER_USER)))
        item = events.item[begin : begin + EVENTS_PER_USER]
        history = History(item, np.arange(len(item), dtype=np.float64), np.ones(len(item), np.float32))
        began = time.perf_counter()
        trained.score(history)
        taken.append(1e6 * (time.perf_counter() - began))
    return {
        **costs,
        "with_pipeline": getattr(trained, "pipeline", None) is not None,
        "request_p50_us": round(float(np.median(taken)), 1),
        "request_p99_us": round(float(np.quantile(taken, 0.99)), 1),
        "peak_mebibytes_with_requests": round(peak_mebibytes(), 1),
    }


def main() -> None:
    """Limit this process, measure, print. A refusal of the model is printed as a result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_child", description=main.__doc__)
    parser.add_argument("events", type=int)
    parser.add_argument("items", type=int)
    parser.add_argument("--model", default="sequence")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--without-returns", action="store_true")
    parser.add_argument("--gibibytes", type=float, default=8.0)
    parser.add_argument("--cpu-seconds", type=int, default=900)
    arguments = parser.parse_args()
    if sys.platform == "linux":
        limit = int(arguments.gibibytes * (1 << 30))
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # One more second before the hard limit, after which the process cannot print anything.
    resource.setrlimit(resource.RLIMIT_CPU, (arguments.cpu_seconds, arguments.cpu_seconds + 1))
    try:
        found = measure(
            arguments.events,
            arguments.items,
            model=arguments.model,
            requests=arguments.requests,
            returns=not arguments.without_returns,
        )
    except MemoryError as error:
        # numpy's message names the array that did not fit; the model's message says what to do instead.
        found = {"refused": str(error) or "out of memory"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
