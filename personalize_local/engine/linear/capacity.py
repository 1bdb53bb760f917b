"""The memory that training needs, checked before it is allocated.

Training that does not fit would make the machine swap. It is refused with the figures, and with the name of the service
that can train it.
"""

import sys
from pathlib import Path
from typing import Final

from personalize_local.engine.linear.pairs import affordable_reach
from personalize_local.engine.linear.ridge import MAX_ITEMS

_GIBIBYTE: Final = 1 << 30
_FIXED: Final = 650_000_000
"""Bytes for the libraries, the pairs in memory at a time, and the features of the re-ranker's training queries."""
_PER_DENSE_PAIR: Final = 32
"""Bytes of each pair of items in the dense matrices."""
_PER_PAIR: Final = 12
"""Bytes of each pair of items in the largest sparse matrix, while it is summed and transposed."""
_PER_EVENT: Final = 180
_PER_ITEM: Final = 3000
"""Bytes of an item in the sparse weights of all parts, while these are computed."""


class TooLargeError(MemoryError):
    """Training would not fit into the memory of this machine."""


def needed_bytes(n_events: int, n_items: int, reach: int) -> int:
    """An estimate of the peak memory, in bytes, of training the default model."""
    dense = n_items if n_items <= MAX_ITEMS else MAX_ITEMS // 3
    pairs = min(n_events * affordable_reach(n_events, reach), n_items * n_items)
    by_pair = _PER_PAIR * pairs + _PER_DENSE_PAIR * dense * dense
    return _FIXED + by_pair + _PER_EVENT * n_events + _PER_ITEM * n_items


def available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """The bytes that this process can still allocate, by the machine's memory and its limits; None when unknown."""
    found: list[int] = []
    if meminfo.exists():
        lines = meminfo.read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    if sys.platform != "win32":
        import resource

        found += [
            limit
            for limit, _ in map(resource.getrlimit, (resource.RLIMIT_DATA, resource.RLIMIT_AS))
            if limit != resource.RLIM_INFINITY
        ]
    return min(found, default=None)


def check_fits(n_events: int, n_items: int, reach: int) -> None:
    """Raise TooLargeError when training on so many events and items needs more memory than is available."""
    needed, available = needed_bytes(n_events, n_items, reach), available_bytes()
    if available is not None and needed > available:
        raise TooLargeError(
            f"Training on {n_events:,} events of {n_items:,} items takes about {needed / _GIBIBYTE:.1f} GiB and"
            f" {available / _GIBIBYTE:.1f} GiB are available: train it with Amazon Personalize itself, or on"
            " fewer events."
        )
