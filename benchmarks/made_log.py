"""A made interaction log of a given shape, to try what the quality benchmark takes on a log like your own.

    python -m benchmarks.made_log --users 22000 --items 12000 --events 9 --out FILE [--seed N]

Nobody's behaviour: visitors have three of many groups of items, keep mostly to them, and take popular items more;
popularity falls as 1 / rank^0.8. So there is something to learn, and little of each visitor. How good a model is on
real people it does not tell.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_PER_GROUP = 100
_TASTES = np.array([0.6, 0.25, 0.15])
_LEAST_EVENTS = 5
_AWAY = 0.2
"""Share of events outside a visitor's groups."""
_EVENLY = 0.35
"""Share of events on any item of the group, however rare."""
_GAP_SECONDS = 40_000.0


def made(users: int, items: int, events: int, *, seed: int) -> Iterator[tuple[str, str, int]]:
    """User, item and time of each event; `events` is the mean for a visitor, nobody has fewer than five.

    Nobody meets an item twice. Of the default size nearly all items have the five events that the benchmark asks for.
    """
    rng = np.random.default_rng(seed)
    groups = max(3, items // _PER_GROUP)
    members = np.array_split(rng.permutation(items), groups)
    popularity = rng.permutation(1 / np.arange(1, items + 1) ** 0.8)
    chances = [popularity[group] / popularity[group].sum() for group in members]
    for user in range(users):
        count = min(max(_LEAST_EVENTS, int(rng.poisson(events))), items)
        tastes = rng.choice(groups, 3, replace=False)
        time = 1_600_000_000 + int(rng.integers(0, 30_000_000))
        met: set[int] = set()
        while len(met) < count:
            group = int(rng.integers(groups)) if rng.random() < _AWAY else int(rng.choice(tastes, p=_TASTES))
            # Rare items too: now and then anything of the group.
            even = rng.random() < _EVENLY
            item = int(rng.choice(members[group], p=None if even else chances[group]))
            if item in met:
                continue
            met.add(item)
            time += 1 + int(rng.exponential(_GAP_SECONDS))
            yield f"u{user}", f"i{item}", time


def main() -> None:
    """Write the log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=22_000)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--events", type=int, default=9, help="of a visitor, on average (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args()
    if given.users < 1 or given.items < 3 or given.events < 1:
        sys.exit("--users and --events must be at least 1, --items at least 3")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["USER_ID", "ITEM_ID", "TIMESTAMP"])
        table.writerows(made(given.users, given.items, given.events, seed=given.seed))


if __name__ == "__main__":
    main()
