"""What the processes of a local cloud are and what memory they hold, read from /proc where there is one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local_cloud.supervisor.services import ALL_SERVICES

_MODULES = {
    "emulator": "local_cloud.emulator.host",
    "personalize": "local_cloud.supervisor.personalize_host",
    "delivery": "local_cloud.delivery.host",
}
_BELOW = {"emulator": "function", "personalize": "training"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of a local cloud."""

    name: str
    """`supervisor`, one of the services, `function` (a Lambda's process) or `training` (of Personalize)."""
    pid: int
    memory_megabytes: float
    """Proportional set size: memory shared by n processes counts a n-th in each, so that the sum is true."""


def processes(supervisor: int, proc: Path = Path("/proc")) -> list[Process]:
    """The supervisor, its children and their functions' processes; empty where there is no /proc."""
    if not (proc / str(supervisor)).exists():
        return []
    found = [Process(name="supervisor", pid=supervisor, memory_megabytes=_memory(proc, supervisor))]
    for child in _children(proc, supervisor):
        name = _name(proc, child)
        found.append(Process(name=name, pid=child, memory_megabytes=_memory(proc, child)))
        below = _BELOW.get(name, "other")
        found += [Process(name=below, pid=pid, memory_megabytes=_memory(proc, pid)) for pid in _children(proc, child)]
    return found


def _children(proc: Path, pid: int) -> Iterator[int]:
    for task in (proc / str(pid) / "task").glob("*/children"):
        try:
            yield from sorted(int(child) for child in task.read_text().split())
        except OSError:
            continue


def _name(proc: Path, pid: int) -> str:
    try:
        arguments = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended"
    return next((name for name in ALL_SERVICES if _MODULES[name] in arguments), "other")


def _memory(proc: Path, pid: int) -> float:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
