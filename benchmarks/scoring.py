"""The time of one scoring of the sequence model, compared with computing all features of the history.

    python -m benchmarks.scoring [--items 873,10000] [--events 50000] [--history 20] [--repeat 300] [--json FILE]

Generated events: items with four categorical fields, popularity that falls as 1 / rank, users who prefer some items.
The model is trained once for each catalogue size. "general" multiplies the features of one history by the blend's
weights, as training does for many; "single" is `SequenceModel.score`; both score the same histories in turn. "batch" is
`SequenceModel.score_many` on the same histories, as many at once as `batch_size` gives. Figures are microseconds per
history.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from personalize_local.engine.base.data import Catalogue, Events, Float32, History
from personalize_local.engine.ranking.batch_scoring import batch_size
from personalize_local.engine.recommenders.sequence import SequenceModel

_FIELDS = (12, 5, 5, 60)
"""The numbers of values of the fields, as in the catalogue of animals: species, age, size, breed."""


def world(n_items: int, n_events: int, seed: int = 0) -> tuple[Events, Catalogue]:
    """Events in which users prefer a tenth of the items, and a catalogue with one value in each field of an item."""
    rng = np.random.default_rng(seed)
    n_users = max(50, n_events // 15)
    user = rng.integers(0, n_users, n_events).astype(np.int32)
    rank = np.minimum(np.exp(rng.uniform(0, np.log(n_items), n_events)).astype(np.int64) - 1, n_items - 1)
    item = np.where(rng.random(n_events) < 0.7, (rank // 10) * 10 + user % 10, rank) % n_items
    values = [offset + rng.integers(0, size, n_items) for offset, size in zip(_offsets(), _FIELDS, strict=True)]
    rows = np.repeat(np.arange(n_items), len(_FIELDS))
    attributes = sparse.csr_matrix(
        (np.ones(len(rows), np.float32), (rows, np.stack(values, axis=1).ravel())), shape=(n_items, sum(_FIELDS))
    )
    fields = np.repeat(np.arange(len(_FIELDS)), _FIELDS).astype(np.int32)
    events = Events(
        user,
        item.astype(np.int32),
        np.sort(rng.uniform(0, 1e7, n_events)),
        np.ones(n_events, np.float32),
        n_users,
        n_items,
    )
    return events, Catalogue(n_items, attributes, None, fields)


def _offsets() -> list[int]:
    return [sum(_FIELDS[:number]) for number in range(len(_FIELDS))]


def measure(n_items: int, n_events: int, length: int, repeat: int) -> dict[str, Any]:
    """Median and 99th percentile of each way in microseconds, and the largest difference between their scores."""
    events, catalogue = world(n_items, n_events)
    model = SequenceModel.fit(events, catalogue)
    rng = np.random.default_rng(1)
    histories = [
        History(
            events.item[rng.integers(0, n_events, length)],
            np.arange(length, dtype=np.float64),
            np.ones(length, np.float32),
        )
        for _ in range(repeat)
    ]
    blend = model.blend.astype(np.float32)

    def general(history: History) -> Float32:
        scores: Float32 = model.extractor.history_features(history) @ blend
        return scores

    taken: dict[str, list[float]] = {"general": [], "single": [], "batch": []}
    furthest = 0.0
    for history in histories:
        first = _timed(general, history, taken["general"])
        second = _timed(model.score, history, taken["single"])
        furthest = max(furthest, float(np.abs(first - second).max()))
    size = batch_size(n_items)
    batches = [histories[begin : begin + size] for begin in range(0, len(histories), size)]
    for batch in batches:
        began = time.perf_counter()
        many = model.score_many(batch)
        taken["batch"].append(1e6 * (time.perf_counter() - began) / len(batch))
        furthest = max(furthest, float(np.abs(many[-1] - model.score(batch[-1])).max()))
    median = {name: float(np.median(values)) for name, values in taken.items()}
    return {
        "items": n_items,
        "events": n_events,
        "history": length,
        **{f"{name}_p50_us": round(value, 1) for name, value in median.items()},
        **{f"{name}_p99_us": round(float(np.quantile(values, 0.99)), 1) for name, values in taken.items()},
        "times_faster": round(median["general"] / median["single"], 1),
        "batch_times_faster": round(median["single"] / median["batch"], 1),
        "histories_at_once": size,
        "largest_difference": furthest,
    }


def _timed(call: Callable[[History], Float32], history: History, taken: list[float]) -> Float32:
    began = time.perf_counter()
    result = call(history)
    taken.append(1e6 * (time.perf_counter() - began))
    return result


def main() -> None:
    """Measure each catalogue size, print the figures and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="873", help="catalogue sizes, comma-separated")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--history", type=int, default=20, help="events of each history")
    parser.add_argument("--repeat", type=int, default=300, help="histories")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = [
        measure(int(items), options.events, options.history, options.repeat) for items in options.items.split(",")
    ]
    for result in results:
        print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps({"scoring": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
