"""The cost of a filter over many items, compared with sorting their scores: `python -m
benchmarks.personalize.filters`."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from personalize_local.data.tables import Numbers, Table, Text
from personalize_local.model.schemas import Field, Schema
from personalize_local.serving.filter_expressions import parse_filter
from personalize_local.serving.filter_masks import FilterRequest, ItemColumns, UserInteractions
from personalize_local.serving.item_scores import RankedItems

KINDS = 20
EXPRESSION = "INCLUDE ItemID WHERE Items.KIND IN ($KIND) AND Items.PRICE < $PRICE"
SCHEMA = Schema(
    "Items",
    (
        Field("ITEM_ID", "string", False, False, False),
        Field("KIND", "string", True, True, False),
        Field("PRICE", "float", True, False, False),
    ),
)


def median_microseconds(call: Callable[[int], object], calls: int) -> float:
    """The median time of a call; it gets its number."""
    taken = []
    for number in range(calls):
        started = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken) * 1e6, 1)


def measure(n_items: int, calls: int) -> dict[str, float]:
    """Microseconds of a filter whose values are new, of one with values used before, and of the order of all scores."""
    names = [f"i{number}" for number in range(n_items)]
    table = Table(
        {
            "ITEM_ID": Text(np.arange(n_items, dtype=np.int32), tuple(names)),
            "KIND": Text((np.arange(n_items) % KINDS).astype(np.int32), tuple(f"k{one}|all" for one in range(KINDS))),
            "PRICE": Numbers((np.arange(n_items) % 100).astype(np.float64)),
        }
    )
    columns, parsed = ItemColumns(table, names), parse_filter(EXPRESSION, {"ITEMS": SCHEMA})

    def ask(kind: str, price: float) -> object:
        return FilterRequest(
            parsed,
            {"KIND": kind, "PRICE": str(price)},
            columns=lambda: columns,
            interactions=lambda: UserInteractions((), ()),
            user=dict,
            n_items=n_items,
        ).mask()

    scores = np.random.default_rng(0).random(n_items, np.float32)
    ask('"k1"', 0.25)
    return {
        "items": n_items,
        "new_values_us": median_microseconds(lambda n: ask(f'"k{n % KINDS}","k{n % 7}"', n + 0.5), calls),
        "same_values_us": median_microseconds(lambda _: ask('"k1","k2"', 50.0), calls),
        "best_500_in_order_us": median_microseconds(lambda _: RankedItems.of(scores, 500), calls),
    }


def main() -> None:
    """Print the figures, and write them where `--json` says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.personalize.filters", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = measure(given.items, given.calls)
    print(json.dumps(result))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
