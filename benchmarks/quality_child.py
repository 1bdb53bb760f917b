"""One contestant in a process of its own: `python -m benchmarks.quality_child FOLDER`.

Trains what `FOLDER/task.json` names on `FOLDER/events.npz` and answers the questions of `FOLDER/questions.npz`. No file
holds a test item. A process of its own makes peak memory and CPU seconds honest, and lets a peer live in another
environment; so this module needs numpy, scipy and what the contestant needs.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.quality_answers import CUTOFF, RULES
from local.engine.data import Events, Float32, History, Int32
from local.engine.scores import ranking

Score = Callable[[int, History], Float32]
"""Scores for all items, shape [n_items], of one visitor: the number in training, and the history known now."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained contestant, its parts if it has some that can be judged alone, and what else is worth telling."""

    score: Score
    parts: Mapping[str, Score] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)


class Contestant(Protocol):
    """How a contestant is trained: the visitors' training events and the validation item of those in `asked`."""

    def __call__(self, training: Events, asked: Int32, validation: Int32, *, seed: int, **setting: Any) -> Trained: ...


def train(folder: Path) -> tuple[Trained, dict[str, float]]:
    """The contestant that the folder names, trained, and what the training cost."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    contestant: Contestant = getattr(importlib.import_module(task["module"]), task["function"])
    with np.load(folder / "events.npz", allow_pickle=False) as stored:
        training = Events(
            **{name: stored[name] for name in ("user", "item", "time", "weight")},
            n_users=int(stored["n_users"]),
            n_items=int(stored["n_items"]),
        )
        asked, validation = stored["asked"], stored["validation"]
    before, cpu, wall = peak_mebibytes(), time.process_time(), time.perf_counter()
    trained = contestant(training, asked, validation, seed=task["seed"], **task["setting"])
    return trained, {
        "training_cpu_seconds": time.process_time() - cpu,
        "training_seconds": time.perf_counter() - wall,
        "peak_mebibytes": peak_mebibytes(),
        "mebibytes_before_training": before,
        **trained.told,
    }


def answer(folder: Path, trained: Trained) -> dict[str, float]:
    """Write the lists of every question into `answers.npz`; the median and 99th percentile of a scoring, in us."""
    lists: dict[str, Int32] = {}
    taken: list[float] = []
    with np.load(folder / "questions.npz", allow_pickle=False) as stored:
        for stage in ("validation", "test"):
            users, items, times = (stored[f"{stage}_{name}"] for name in ("user", "item", "time"))
            ends = np.cumsum(stored[f"{stage}_length"])
            histories = [
                History(items[begin:end], times[begin:end], np.ones(end - begin, np.float32))
                for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True)
            ]
            for name, score in {"": trained.score, **trained.parts}.items():
                clock = taken if not name else []
                for rule, ranked in _lists(score, users, histories, clock).items():
                    lists[f"{stage}/{rule}/{name}"] = ranked
    np.savez(folder / "answers.npz", allow_pickle=False, **lists)
    return {
        "serving_p50_us": 1e6 * float(np.median(taken)) if taken else 0.0,
        "serving_p99_us": 1e6 * float(np.quantile(taken, 0.99)) if taken else 0.0,
    }


def _lists(score: Score, users: Int32, histories: list[History], taken: list[float]) -> dict[str, Int32]:
    lists = {rule: np.full((len(users), CUTOFF), -1, np.int32) for rule in RULES}
    for number, (user, history) in enumerate(zip(users.tolist(), histories, strict=True)):
        began = time.perf_counter()
        scores = score(user, history)
        taken.append(time.perf_counter() - began)
        for rule, newest in RULES.items():
            left = np.array(scores, np.float32)
            left[history.item if newest is None else history.item[-newest:]] = -np.inf
            best = ranking(left, limit=CUTOFF)
            best = best[np.isfinite(left[best])]
            lists[rule][number, : len(best)] = best
    return lists


def peak_mebibytes() -> float:
    """The most memory that this process ever held (Linux: VmHWM; ru_maxrss would count the parent's before exec)."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> None:
    """Train, answer, and write `costs.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality_child", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    trained, costs = train(folder)
    costs |= answer(folder, trained)
    (folder / "costs.json").write_text(json.dumps({**costs, "parts": list(trained.parts)}), encoding="utf-8")


if __name__ == "__main__":
    main()
