"""Runs contestants in child processes, chooses their settings on validation items, and judges the chosen on the test.

The order is fixed: every setting answers; validation items choose; the chosen answer with every seed; all is frozen;
the seal opens; figures.
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

from benchmarks.quality.answers import RULES, Answer
from benchmarks.quality.cut import Questions, Task
from benchmarks.quality.figures import METRICS, gains
from benchmarks.quality.kept import Kept, key
from benchmarks.quality.progress import clock, sentence
from personalize_local.engine.base.data import Float64, Int32

ROOT = Path(__file__).resolve().parents[2]
JUDGED_BY = "NDCG@10"
"""What chooses among settings, on validation items."""
STAGES = ("validation", "test")
_CHILD = ("benchmarks/quality/child.py", "benchmarks/quality/answers.py")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant: where it is, the interpreter that has what it needs, and the settings it may choose from."""

    name: str
    module: str
    function: str
    python: Path = Path(sys.executable)
    settings: tuple[Mapping[str, Any], ...] = ({},)
    seeds: int = 3
    """Runs with different seeds that are worth while: 1 where a seed changes nothing."""
    peer: bool = True
    code: tuple[str, ...] = ()
    """The files and folders whose change makes another contestant of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one training said: the answers by stage and part ("" is the whole), and the costs."""

    answers: Mapping[tuple[str, str], Answer]
    costs: Mapping[str, float]
    shorter: Mapping[int, tuple[Int32, Int32]]
    """By number of newest events: places of visitors among the questions [s], and the lists [s, CUTOFF] that the
    contestant gives them when it knows so many events of them; 0 for all."""
    kept: bool = False
    """The answers and costs are those of an earlier run of the same code on the same bytes."""


class ContestantError(RuntimeError):
    """A contestant's process failed; the message is the end of what it said."""


def run(entry: Entry, setting: Mapping[str, Any], task: Task, kept: Kept, *, seed: int, progress: Progress) -> Run:
    """Train and ask one contestant in a process of its own, or take the answers that it gave before.

    The process gets training events, validation items and histories; the test items are not among them.
    """
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        folder = Path(name)
        tell(entry, setting, task, folder, seed=seed)
        known_as = key(folder, (*_CHILD, *entry.code))
        known = kept.restore(known_as, folder)
        if not known:
            _train(entry, setting, folder, progress)
            kept.keep(known_as, folder)
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
    return Run(answers, costs, shorter, known)


def _train(entry: Entry, setting: Mapping[str, Any], folder: Path, progress: Progress) -> None:
    """Run the contestant's process and tell how far it is. ContestantError when it fails."""
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
                    if said := sentence(line):
                        progress(f"{entry.name:<17} {said}")
            except BaseException:
                child.terminate()
                raise
        if child.returncode:
            errors.seek(0)
            raise ContestantError(f"{entry.name} {dict(setting)} failed:\n{errors.read()[-2000:]}")
    progress(f"{entry.name:<17} done in {clock(time.monotonic() - began)}")


def tell(entry: Entry, setting: Mapping[str, Any], task: Task, folder: Path, *, seed: int) -> None:
    """Write into `folder` all that the contestant's process learns. The same task gives the same bytes."""
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


def choose(entry: Entry, task: Task, kept: Kept, *, progress: Progress) -> tuple[Mapping[str, Any], Run]:
    """The entry's best setting by NDCG@10 on validation items with the first seed, and its run; the first of equals."""
    best: tuple[float, Mapping[str, Any], Run] | None = None
    for setting in entry.settings:
        found = run(entry, setting, task, kept, seed=0, progress=progress)
        value = float(validation_gains(found, task)[JUDGED_BY].mean())
        progress(
            f"{entry.name:<17} {_said(setting):<62} validation {JUDGED_BY} {value:.4f}"
            f"  {found.costs['training_cpu_seconds']:.1f} CPU s{', kept' if found.kept else ''}"
        )
        if best is None or value > best[0]:
            best = (value, setting, found)
    assert best is not None, f"{entry.name} has no setting"
    return best[1], best[2]


def validation_gains(found: Run, task: Task, part: str = "", rule: str = "whole") -> dict[str, Float64]:
    """Each metric of each visitor on the validation items."""
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


def _said(setting: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in setting.items()) or "-"


assert JUDGED_BY in METRICS
