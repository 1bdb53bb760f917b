"""A constructed log: visitors walk along rings of items, so that the last item tells the next."""

from pathlib import Path

import numpy as np

from benchmarks.quality.data import Log

RING = 10
"""Items of a ring; the log has three."""


def ring_log(n_users: int = 60, length: int = 9, seed: int = 0) -> Log:
    """Each visitor walks one ring in one direction, with a step aside now and then; times are all different."""
    rng = np.random.default_rng(seed)
    items = []
    for user in range(n_users):
        ring, place = user % 3, int(rng.integers(RING))
        walk = (place + np.arange(length)) % RING
        astray = rng.random(length) < 0.2
        walk[astray] = rng.integers(0, RING, int(astray.sum()))
        items.append(ring * RING + walk)
    return Log(
        user=np.repeat(np.arange(n_users), length).astype(np.int32),
        item=np.concatenate(items).astype(np.int32),
        time=np.arange(n_users * length, dtype=np.float64),
        n_users=n_users,
        n_items=3 * RING,
    )


def poisoned(log: Log, newest: int) -> Log:
    """The log with the item of every visitor's event `newest` places from the end moved to another ring."""
    ends = np.cumsum(np.bincount(log.user, minlength=log.n_users))
    item = log.item.copy()
    item[ends - 1 - newest] = (item[ends - 1 - newest] + RING) % log.n_items
    return Log(log.user, item, log.time, log.n_users, log.n_items)


def write_csv(log: Log, path: Path) -> Path:
    """The log as a CSV of USER_ID,ITEM_ID,TIMESTAMP."""
    rows = (f"{user},{item},{time:.0f}" for user, item, time in zip(log.user, log.item, log.time, strict=True))
    path.write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]) + "\n", encoding="utf-8")
    return path
