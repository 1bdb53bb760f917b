"""Free ports that stay the same over restarts, so that endpoints in shells and notebooks go on working."""

import random
import socket
from collections.abc import Iterable

from local_cloud.common.state import LocalCloudError, StateFolder, read_json, write_json

LOWEST, HIGHEST = 20_000, 32_000
"""Below Linux's range for outgoing connections (32768 on): no client socket can take a port between two starts."""


def remembered_ports(state: StateFolder, names: Iterable[str]) -> dict[str, int]:
    """A free port of 127.0.0.1 for each name: the one of last time where it is still free, else a new one."""
    known = read_json(state.ports_file) or {}
    chosen: dict[str, int] = {}
    for name in names:
        last = known.get(name)
        chosen[name] = last if isinstance(last, int) and is_free(last) else _free_port(set(chosen.values()))
    write_json(state.ports_file, known | chosen)
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a port whose last connections linger in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        if port not in taken and is_free(port):
            return port
    raise LocalCloudError(f"no free port between {LOWEST} and {HIGHEST} on 127.0.0.1")
