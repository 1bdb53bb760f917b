"""One contestant in a process of its own: `python -m benchmarks.quality.child FOLDER`.

Trains the contestant of `FOLDER/task.json` on `FOLDER/events.npz` and answers the questions of `FOLDER/questions.npz`.
No file has a test item. In a process of its own, peak memory and CPU seconds are those of the contestant, and a peer
can have another environment; so this module imports only numpy, scipy and what the contestant needs.
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

from benchmarks.quality.answers import CUT_LENGTHS, CUTOFF, MAX_CUT_USERS, MAX_TIMED_USERS, RULES, UNCUT, WHOLE
from benchmarks.quality.progress import AnsweringProgress, TrainingProgress, to_parent
from personalize_local.engine.base.data import Events, Float32, History, Int32
from personalize_local.engine.base.scores import ranking

Score = Callable[[int, History], Float32]
"""From a user (the number in training) and the history up to now to scores of all items, shape [n_items]."""


@dataclass(frozen=True, slots=True)
class ScoreMany:
    """Scores many histories at once."""

    score: Callable[[Sequence[History]], Float32]
    """From q histories to scores of all items, shape [q, n_items]."""
    at_once: int
    """The best number of histories in one call."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained contestant."""

    score: Score
    score_many: ScoreMany | None = None
    compare_histories: bool = False
    """Whether it also answers for histories that are cut to fewer events."""
    parts: Mapping[str, Score] = field(default_factory=dict)
    """Parts of the contestant that are evaluated separately."""
    extra_costs: Mapping[str, float] = field(default_factory=dict)
    """More figures of the training, to be reported with the costs."""


class Contestant(Protocol):
    """Trains a contestant on training events; validation: [q], the validation items of the users `asked` [q]."""

    def __call__(self, training: Events, asked: Int32, validation: Int32, *, seed: int, **setting: Any) -> Trained: ...


def train(folder: Path) -> tuple[Trained, dict[str, float]]:
    """The contestant of the folder, trained, and the costs of the training."""
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
    with TrainingProgress(to_parent):
        trained = contestant(training, asked, validation, seed=task["seed"], **task["setting"])
    return trained, {
        "training_cpu_seconds": time.process_time() - cpu,
        "training_seconds": time.perf_counter() - wall,
        "peak_mebibytes": peak_mebibytes(),
        "mebibytes_before_training": before,
        **trained.extra_costs,
    }


def answer(folder: Path, trained: Trained) -> dict[str, float]:
    """Write the ranked lists into `answers.npz`; return the median and 99th percentile of the time of a scoring, in us.

    The time is measured on the first few hundred users, one after the other; the answers are made in batches if the
    contestant can score batches.
    """
    lists: dict[str, Int32] = {}
    with np.load(folder / "questions.npz", allow_pickle=False) as stored:
        asked = {stage: _questions(stored, stage) for stage in ("validation", "test")}
    shorter = _shorter(*asked["test"]) if trained.compare_histories else {}
    total = sum(len(users) for users, _ in asked.values()) * (1 + len(trained.parts))
    progress = AnsweringProgress(to_parent, total + sum(len(users) for users, _ in shorter.values()))
    for stage, (users, histories) in asked.items():
        for name, score in {"": trained.score, **trained.parts}.items():
            many = trained.score_many if not name else None
            for rule, ranked in _lists(score, many, users, histories, progress).items():
                lists[f"{stage}/{rule}/{name}"] = ranked
    for newest, (users, histories) in shorter.items():
        excluded = [asked["test"][1][user] for user in users]
        lists[f"shorter/{newest}"] = _lists(trained.score, trained.score_many, users, histories, progress, excluded)[
            WHOLE
        ]
        lists[f"shorter/{newest}/asked"] = users
    np.savez(folder / "answers.npz", allow_pickle=False, **lists)
    seconds = _scoring_times(trained.score, *asked["test"])
    return {
        "serving_p50_us": 1e6 * float(np.median(seconds)) if seconds else 0.0,
        "serving_p99_us": 1e6 * float(np.quantile(seconds, 0.99)) if seconds else 0.0,
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
    """By number of newest events: the places of users among the questions, and their histories cut to that number.

    The users are the same for every number: those with more events than the largest number that half of all users
    exceed; at most MAX_CUT_USERS of them, drawn with a fixed seed.
    """
    lengths = np.array([len(history) for history in histories])
    numbers = [newest for newest in CUT_LENGTHS if len(lengths) and newest < np.median(lengths)]
    if not numbers:
        return {}
    eligible = np.flatnonzero(lengths > numbers[-1])
    chosen = np.sort(np.random.default_rng(0).permutation(eligible)[:MAX_CUT_USERS]).astype(np.int32)
    whole = [histories[place] for place in chosen]
    cut: dict[int, tuple[Int32, list[History]]] = {
        newest: (chosen, [History(one.item[-newest:], one.time[-newest:], one.weight[-newest:]) for one in whole])
        for newest in numbers
    }
    return {**cut, UNCUT: (chosen, whole)}


def _lists(
    score: Score,
    many: ScoreMany | None,
    users: Int32,
    histories: list[History],
    progress: AnsweringProgress,
    excluded: list[History] | None = None,
) -> dict[str, Int32]:
    """By rule the first items of each user, shape [q, CUTOFF].

    excluded: histories whose items are not ranked; by default those of `histories`.
    """
    lists = {rule: np.full((len(users), CUTOFF), -1, np.int32) for rule in RULES}
    size = 1 if many is None else many.at_once
    for begin in range(0, len(users), size):
        part = range(begin, min(begin + size, len(users)))
        if many is None:
            found = [score(int(users[begin]), histories[begin])]
        else:
            found = list(many.score([histories[number] for number in part]))
        for number, scores in zip(part, found, strict=True):
            seen = (histories if excluded is None else excluded)[number].item
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
    seconds = []
    for user, history in zip(users[:MAX_TIMED_USERS].tolist(), histories[:MAX_TIMED_USERS], strict=True):
        started = time.perf_counter()
        score(user, history)
        seconds.append(time.perf_counter() - started)
    return seconds


def peak_mebibytes() -> float:
    """The peak memory of this process in MiB (Linux: VmHWM; ru_maxrss would include the parent's before exec)."""
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
