"""The evaluation of all contestants on one log: choose settings on validation items, freeze, open the seal, measure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.quality.answer_cache import AnswerCache
from benchmarks.quality.answers import RULES, UNCUT, WHOLE, Answer, FrozenAnswers
from benchmarks.quality.contestants import STRENGTHENED
from benchmarks.quality.cut import Task
from benchmarks.quality.figures import Figure, difference, figures, gains, over_seeds
from benchmarks.quality.run import SELECTION_METRIC, Entry, Progress, Run, choose, mean_costs, run
from personalize_local.engine.base.data import Float64, Indices, Int32


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    part: str
    """The name of the part, "" for the whole contestant."""
    rule: str
    """The name of the rule in RULES by which items were excluded."""
    peer: bool
    setting: Mapping[str, Any]
    seeds: int
    figures: Mapping[str, Figure]
    gains: Mapping[str, Float64]
    """By metric, shape [q]: the value of each user, averaged over seeds."""
    costs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first of our contestants compared with the best peer, by NDCG@10 on the same users."""

    ours: str
    peer: str
    difference: Figure
    ratio: float
    strengthened: bool
    """Whether peers that the benchmark itself made stronger took part."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results: the rows (ours first), the comparisons, and the digest of the frozen answers."""

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    frozen: str | None
    by_length: tuple["LengthFigure", ...] = ()


@dataclass(frozen=True, slots=True)
class LengthFigure:
    """The quality of the answers by length of the history."""

    name: str
    events: str
    """The length, in words."""
    cut: bool
    """True for users whose histories were cut to this length, the same users in all such rows; false for users whose
    histories have this length."""
    users: int
    """The number of users."""
    figure: Figure
    """NDCG@10."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    entry: Entry
    setting: Mapping[str, Any]
    runs: tuple[Run, ...]

    @property
    def parts(self) -> list[str]:
        """The parts with answers in every run: a model may have a part with one seed and not with another."""
        first, *others = (dict.fromkeys(part for _, part in run.answers) for run in self.runs)
        return [part for part in first if all(part in other for other in others)]


def evaluate(
    task: Task, entries: Sequence[Entry], cache: AnswerCache, *, seeds: int, test: bool, progress: Progress
) -> Evaluation:
    """Evaluate all entries on one task, each with `seeds` seeds if a seed has an influence.

    Without `test` the figures are those on the validation items on which settings were chosen, and the test items stay
    sealed.
    """
    chosen = [_choose_and_run(entry, task, cache, seeds=seeds, progress=progress) for entry in entries]
    if not test:
        return _evaluated(chosen, "validation", task.validation, None)
    shorter = {
        f"{one.entry.name}/{newest} events/{seed}": Answer({WHOLE: ranked}, {})
        for one in chosen
        for seed, found in enumerate(one.runs)
        for newest, (_, ranked) in found.shorter.items()
    }
    frozen = FrozenAnswers(
        {one.entry.name: dict(one.setting) for one in chosen},
        {
            f"{one.entry.name}/{part}/{seed}": found.answers["test", part]
            for one in chosen
            for part in one.parts
            for seed, found in enumerate(one.runs)
        }
        | shorter,
    )
    targets = task.sealed.open(frozen)
    evaluation = _evaluated(chosen, "test", targets, frozen.digest())
    lengths = np.array([len(history) for history in task.on_test.histories])
    return replace(evaluation, by_length=(*_by_length(evaluation.rows, lengths), *_by_cut(chosen, targets)))


def _by_length(rows: Sequence[Row], lengths: Indices) -> Iterator[LengthFigure]:
    """Every contestant on four groups of users of equal size, from the shortest to the longest histories."""
    borders = np.unique(np.quantile(lengths, (0, 0.25, 0.5, 0.75, 1.0), method="nearest"))
    parts = list(pairwise(borders.tolist())) or [(int(borders[0]) - 1, int(borders[0]))]
    for row in (row for row in rows if not row.part and row.rule == WHOLE):
        for number, (low, high) in enumerate(parts):
            first = low if number == 0 else low + 1
            members = np.flatnonzero((lengths >= first) & (lengths <= high))
            if len(members):
                found = figures({name: gained[members] for name, gained in row.gains.items()})[SELECTION_METRIC]
                events = f"{first} to {high}" if first < high else str(high)
                yield LengthFigure(row.name, events, cut=False, users=len(members), figure=found)


def _by_cut(chosen: Sequence[_Chosen], targets: Int32) -> Iterator[LengthFigure]:
    for one in chosen:
        for newest in one.runs[0].shorter:
            values = over_seeds(
                [gains(found.shorter[newest][1], targets[found.shorter[newest][0]]) for found in one.runs]
            )
            events = "all" if newest == UNCUT else f"the newest {newest}"
            found = figures(values)[SELECTION_METRIC]
            yield LengthFigure(one.entry.name, events, cut=True, users=len(values[SELECTION_METRIC]), figure=found)


def _choose_and_run(entry: Entry, task: Task, cache: AnswerCache, *, seeds: int, progress: Progress) -> _Chosen:
    setting, first = choose(entry, task, cache, progress=progress)
    runs = [first]
    for seed in range(1, min(seeds, entry.seeds)):
        progress(f"{entry.name:<17} seed {seed}")
        runs.append(run(entry, setting, task, cache, seed=seed, progress=progress))
    return _Chosen(entry, setting, tuple(runs))


def _evaluated(chosen: Sequence[_Chosen], stage: str, targets: Int32, frozen: str | None) -> Evaluation:
    rows = tuple(row for one in chosen for row in _rows(one, stage, targets))
    return Evaluation(rows, tuple(_comparisons(rows)), frozen)


def _rows(one: _Chosen, stage: str, targets: Int32) -> Iterator[Row]:
    costs = mean_costs(one.runs)
    for part in one.parts:
        for rule in RULES:
            values = over_seeds([gains(found.answers[stage, part].lists[rule], targets) for found in one.runs])
            yield Row(
                name=one.entry.name,
                part=part,
                rule=rule,
                peer=one.entry.peer,
                setting=one.setting,
                seeds=len(one.runs),
                figures=figures(values),
                gains=values,
                costs=costs,
            )


def _comparisons(rows: Sequence[Row]) -> Iterator[Comparison]:
    """Our first contestant compared with the best of the peers as published, and with the best of all peers."""
    whole = [row for row in rows if not row.part and row.rule == WHOLE]
    ours = next((row for row in whole if not row.peer), None)
    peers = [row for row in whole if row.peer]
    for strengthened in (False, True):
        available = [row for row in peers if strengthened or row.name not in STRENGTHENED]
        if ours is None or not available or (strengthened and not STRENGTHENED & {row.name for row in available}):
            continue
        best = max(available, key=lambda row: row.figures[SELECTION_METRIC].mean)
        theirs = best.figures[SELECTION_METRIC].mean
        yield Comparison(
            ours=ours.name,
            peer=best.name,
            difference=difference(ours.gains[SELECTION_METRIC], best.gains[SELECTION_METRIC]),
            ratio=ours.figures[SELECTION_METRIC].mean / theirs if theirs else float("inf"),
            strengthened=strengthened,
        )
