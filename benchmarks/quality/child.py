"""One contestant in a process of its own: `python -m benchmarks.quality.child FOLDER`.

Trains what `FOLDER/task.json` names on `FOLDER/events.npz` and answers the questions of `FOLDER/questions.npz`. No file
holds a test item. A process of its own makes peak memory and CPU seconds honest, and lets a peer live in another
environment; so this module needs numpy, scipy and what the contestant needs.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.quality.answers import CUTOFF, EVERY, RULES, SHORTER, SHORTER_ASKED, TIMED, WHOLE
from benchmarks.quality.progress import Answering, Training, to_parent
from personalize_local.engine.base.data import Events, Float32, History, Int32
from personalize_local.engine.base.scores import ranking

Score = Callable[[int, History], Float32]
"""Scores for all items, shape [n_items], of one visitor: the number in training, and the history known now."""


@dataclass(frozen=True, slots=True)
class ScoreMany:
    """Scores for all items of many visitors at once, shape [q, n_items], and how many are best asked at once."""

    score: Callable[[Sequence[History]], Float32]
    at_once: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained contestant, its parts if it has some that can be judged alone, and what else is worth telling."""

    score: Score
    score_many: ScoreMany | None = None
    compare_histories: bool = False
    """Whether it is also asked what it would answer visitors of whom it knew fewer events."""
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
    with Training(to_parent):
        trained = contestant(training, asked, validation, seed=task["seed"], **task["setting"])
    return trained, {
        "training_cpu_seconds": time.process_time() - cpu,
        "training_seconds": time.perf_counter() - wall,
        "peak_mebibytes": peak_mebibytes(),
        "mebibytes_before_training": before,
        **trained.told,
    }


def answer(folder: Path, trained: Trained) -> dict[str, float]:
    """Write the lists of every question into `answers.npz`; the median and 99th percentile of a scoring, in us.

    What one scoring takes is measured on the first few hundred visitors, one after the other; the answers themselves
    are made in batches where the contestant can.
    """
    lists: dict[str, Int32] = {}
    with np.load(folder / "questions.npz", allow_pickle=False) as stored:
        asked = {stage: _questions(stored, stage) for stage in ("validation", "test")}
    shorter = _shorter(*asked["test"]) if trained.compare_histories else {}
    total = sum(len(users) for users, _ in asked.values()) * (1 + len(trained.parts))
    progress = Answering(to_parent, total + sum(len(users) for users, _ in shorter.values()))
    for stage, (users, histories) in asked.items():
        for name, score in {"": trained.score, **trained.parts}.items():
            many = trained.score_many if not name else None
            for rule, ranked in _lists(score, many, users, histories, progress).items():
                lists[f"{stage}/{rule}/{name}"] = ranked
    for newest, (users, histories) in shorter.items():
        met = [asked["test"][1][user] for user in users]
        lists[f"shorter/{newest}"] = _lists(trained.score, trained.score_many, users, histories, progress, met)[WHOLE]
        lists[f"shorter/{newest}/asked"] = users
    np.savez(folder / "answers.npz", allow_pickle=False, **lists)
    taken = _scoring_times(trained.score, *asked["test"])
    return {
        "serving_p50_us": 1e6 * float(np.median(taken)) if taken else 0.0,
        "serving_p99_us": 1e6 * float(np.quantile(taken, 0.99)) if taken else 0.0,
    }


def _questions(stored: Mapping[str, Any], stage: str) -> tuple[Int32, list[History]]:
    users, items, times = (stored[f"{stage}_{name}"] for name in ("user", "item", "time"))
    ends = np.cumsum(stored[f"{stage}_length"])
    histories = [
        History(items[begin:end], times[begin:end], np.ones(end - begin, np.float32))
        for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True)
    ]
    return users, histories


def _shorter(users: Int32, histories: list[History]) -> dict[int, tuple[Int32, list[History]]]:
    """By number of newest events: visitors who have more, and what their history would be if they had only so many.

    The same visitors for every number: those with more events than the largest that half of all visitors exceed; at
    most SHORTER_ASKED of them, drawn with a fixed seed. The first array holds their places among the questions.
    """
    lengths = np.array([len(history) for history in histories])
    numbers = [newest for newest in SHORTER if len(lengths) and newest < np.median(lengths)]
    if not numbers:
        return {}
    able = np.flatnonzero(lengths > numbers[-1])
    chosen = np.sort(np.random.default_rng(0).permutation(able)[:SHORTER_ASKED]).astype(np.int32)
    whole = [histories[place] for place in chosen]
    cut: dict[int, tuple[Int32, list[History]]] = {
        newest: (chosen, [History(one.item[-newest:], one.time[-newest:], one.weight[-newest:]) for one in whole])
        for newest in numbers
    }
    return {**cut, EVERY: (chosen, whole)}


def _lists(
    score: Score,
    many: ScoreMany | None,
    users: Int32,
    histories: list[History],
    progress: Answering,
    met: list[History] | None = None,
) -> dict[str, Int32]:
    """The first items of each visitor by rule. met: whose items are not ranked, where not the history's own."""
    lists = {rule: np.full((len(users), CUTOFF), -1, np.int32) for rule in RULES}
    size = 1 if many is None else many.at_once
    for begin in range(0, len(users), size):
        part = range(begin, min(begin + size, len(users)))
        if many is None:
            found = [score(int(users[begin]), histories[begin])]
        else:
            found = list(many.score([histories[number] for number in part]))
        for number, scores in zip(part, found, strict=True):
            seen = (histories if met is None else met)[number].item
            ranked = _first(scores, seen)
            for rule, newest in RULES.items():
                best = ranked if newest is None or len(seen) <= newest else _first(scores, seen[-newest:])
                lists[rule][number, : len(best)] = best
        progress.add(len(part))
    return lists


def _first(scores: Float32, seen: Int32) -> Int32:
    left = np.array(scores, np.float32)
    left[seen] = -np.inf
    best = ranking(left, limit=CUTOFF)
    return best[np.isfinite(left[best])].astype(np.int32)


def _scoring_times(score: Score, users: Int32, histories: list[History]) -> list[float]:
    taken = []
    for user, history in zip(users[:TIMED].tolist(), histories[:TIMED], strict=True):
        began = time.perf_counter()
        score(user, history)
        taken.append(time.perf_counter() - began)
    return taken


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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.child", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    trained, costs = train(folder)
    costs |= answer(folder, trained)
    (folder / "costs.json").write_text(json.dumps({**costs, "parts": list(trained.parts)}), encoding="utf-8")


if __name__ == "__main__":
    main()
