"""Generates an interaction log of a given size, to measure the cost of the quality benchmark on a log like your own.

    python -m benchmarks.made_log --users 22000 --items 12000 --events 9 --out FILE [--seed N]

The behaviour is simulated: users prefer three of many groups of items, and popular items; popularity falls as 1 /
rank^0.8. So a model can learn something, but little of each user. The log does not show how good a model is for real
users.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_PER_GROUP = 100
_GROUP_SHARES = np.array([0.6, 0.25, 0.15])
_MIN_EVENTS = 5
_OUTSIDE_SHARE = 0.2
"""The share of events outside the user's groups."""
_UNIFORM_SHARE = 0.35
"""The share of events on uniformly drawn items of the group."""
_GAP_SECONDS = 40_000.0


def generate(users: int, items: int, events: int, *, seed: int) -> Iterator[tuple[str, str, int]]:
    """User, item and time of each event; `events` is the mean number of a user, and no user has fewer than five.

    No user has two events on one item. With the default size nearly all items have the five events that the benchmark
    needs.
    """
    rng = np.random.default_rng(seed)
    groups = max(3, items // _PER_GROUP)
    members = np.array_split(rng.permutation(items), groups)
    popularity = rng.permutation(1 / np.arange(1, items + 1) ** 0.8)
    probabilities = [popularity[group] / popularity[group].sum() for group in members]
    for user in range(users):
        count = min(max(_MIN_EVENTS, int(rng.poisson(events))), items)
        preferred = rng.choice(groups, 3, replace=False)
        time = 1_600_000_000 + int(rng.integers(0, 30_000_000))
        seen: set[int] = set()
        while len(seen) < count:
            group = (
                int(rng.integers(groups))
                if rng.random() < _OUTSIDE_SHARE
                else int(rng.choice(preferred, p=_GROUP_SHARES))
            )
            # Sometimes a uniform draw, so that rare items have events too.
            uniform = rng.random() < _UNIFORM_SHARE
            item = int(rng.choice(members[group], p=None if uniform else probabilities[group]))
            if item in seen:
                continue
            seen.add(item)
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
        table.writerows(generate(given.users, given.items, given.events, seed=given.seed))


if __name__ == "__main__":
    main()
