"""Runs contestants in child processes and chooses their settings on validation items.

The order is fixed: all settings answer; validation items choose one; the chosen setting answers with every seed; all
answers are frozen; the test items are opened; the figures are computed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.answer_cache import AnswerCache, cache_key
from benchmarks.quality.answers import RULES, Answer
from benchmarks.quality.cut import Questions, Task
from benchmarks.quality.figures import METRICS, gains
from benchmarks.quality.progress import clock, sentence
from personalize_local.engine.base.data import Float64, Int32

ROOT = Path(__file__).resolve().parents[2]
SELECTION_METRIC = "NDCG@10"
"""The metric that chooses settings, on validation items."""
STAGES = ("validation", "test")
_CHILD = ("benchmarks/quality/child.py", "benchmarks/quality/answers.py")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant: its function, the interpreter that has its libraries, and the settings to choose from."""

    name: str
    module: str
    function: str
    python: Path = Path(sys.executable)
    settings: tuple[Mapping[str, Any], ...] = ({},)
    seeds: int = 3
    """The most runs with different seeds: 1 if the seed has no influence."""
    peer: bool = True
    code: tuple[str, ...] = ()
    """The files and folders of its code: after a change it is trained again."""


@dataclass(frozen=True, slots=True)
class Run:
    """The results of one training."""

    answers: Mapping[tuple[str, str], Answer]
    """By stage and part ("" is the whole contestant)."""
    costs: Mapping[str, float]
    shorter: Mapping[int, tuple[Int32, Int32]]
    """By number of newest events to which histories are cut (0: not cut): the places [s] of users among the questions,
    and their ranked lists [s, CUTOFF]."""
    from_cache: bool = False
    """Whether the answers and costs are those of an earlier run of the same code on the same bytes."""


class ContestantError(RuntimeError):
    """A contestant's process failed; the message has the end of its output."""


def run(
    entry: Entry, setting: Mapping[str, Any], task: Task, cache: AnswerCache, *, seed: int, progress: Progress
) -> Run:
    """Train one contestant in a process of its own and get its answers, or take them from the cache.

    The process gets training events, validation items and histories, but no test items.
    """
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        folder = Path(name)
        write_task(entry, setting, task, folder, seed=seed)
        digest = cache_key(folder, (*_CHILD, *entry.code))
        cached = cache.restore(digest, folder)
        if not cached:
            _train(entry, setting, folder, progress)
            cache.store(digest, folder)
        costs: dict[str, Any] = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
        parts = ["", *costs.pop("parts")]
        with np.load(folder / "answers.npz", allow_pickle=False) as stored:
            answers = {
                (stage, part): Answer({rule: stored[f"{stage}/{rule}/{part}"] for rule in RULES}, costs)
                for stage in STAGES
                for part in parts
            }
            names = [name for name in stored.files if name.startswith("shorter/") and not name.endswith("/asked")]
            shorter = {int(name.split("/")[1]): (stored[f"{name}/asked"], stored[name]) for name in names}
    return Run(answers, costs, shorter, cached)


def _train(entry: Entry, setting: Mapping[str, Any], folder: Path, progress: Progress) -> None:
    """Run the contestant's process and report its progress. ContestantError when it fails."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with subprocess.Popen(
            [entry.python, "-m", "benchmarks.quality.child", str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as child:
            try:
                for line in child.stdout or ():
                    if message := sentence(line):
                        progress(f"{entry.name:<17} {message}")
            except BaseException:
                child.terminate()
                raise
        if child.returncode:
            errors.seek(0)
            raise ContestantError(f"{entry.name} {dict(setting)} failed:\n{errors.read()[-2000:]}")
    progress(f"{entry.name:<17} done in {clock(time.monotonic() - began)}")


def write_task(entry: Entry, setting: Mapping[str, Any], task: Task, folder: Path, *, seed: int) -> None:
    """Write all inputs of the contestant's process into `folder`. The same task gives the same bytes."""
    described = {"module": entry.module, "function": entry.function, "setting": dict(setting), "seed": seed}
    (folder / "task.json").write_text(json.dumps(described), encoding="utf-8")
    training = task.training
    np.savez(
        folder / "events.npz",
        allow_pickle=False,
        **{name: getattr(training, name) for name in ("user", "item", "time", "weight")},
        n_users=np.array(training.n_users),
        n_items=np.array(training.n_items),
        asked=task.on_validation.user,
        validation=task.validation,
    )
    stages = dict(zip(STAGES, (task.on_validation, task.on_test), strict=True))
    np.savez(
        folder / "questions.npz",
        allow_pickle=False,
        **{f"{stage}_{key}": value for stage, asked in stages.items() for key, value in _arrays(asked).items()},
    )


def choose(entry: Entry, task: Task, cache: AnswerCache, *, progress: Progress) -> tuple[Mapping[str, Any], Run]:
    """The entry's best setting by NDCG@10 on validation items with the first seed, and its run; the first of ties."""
    best: tuple[float, Mapping[str, Any], Run] | None = None
    for setting in entry.settings:
        found = run(entry, setting, task, cache, seed=0, progress=progress)
        value = float(validation_gains(found, task)[SELECTION_METRIC].mean())
        progress(
            f"{entry.name:<17} {_described(setting):<62} validation {SELECTION_METRIC} {value:.4f}"
            f"  {found.costs['training_cpu_seconds']:.1f} CPU s{', kept' if found.from_cache else ''}"
        )
        if best is None or value > best[0]:
            best = (value, setting, found)
    assert best is not None, f"{entry.name} has no setting"
    return best[1], best[2]


def validation_gains(found: Run, task: Task, part: str = "", rule: str = "whole") -> dict[str, Float64]:
    """By metric, shape [q]: the value of each user on the validation items."""
    return gains(found.answers["validation", part].lists[rule], task.validation)


def mean_costs(runs: Sequence[Run]) -> dict[str, float]:
    """The costs of several runs, averaged."""
    return {name: float(np.mean([run.costs[name] for run in runs])) for name in runs[0].costs}


def _arrays(asked: Questions) -> dict[str, Any]:
    return {
        "user": asked.user,
        "item": np.concatenate([history.item for history in asked.histories]),
        "time": np.concatenate([history.time for history in asked.histories]),
        "length": np.array([len(history) for history in asked.histories]),
    }


def _described(setting: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in setting.items()) or "-"


assert SELECTION_METRIC in METRICS
