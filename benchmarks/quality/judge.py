"""One log, all contestants: choose on validation items, freeze, open the seal, and count."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.quality.answers import EVERY, RULES, WHOLE, Answer, FrozenAnswers
from benchmarks.quality.contestants import STRENGTHENED
from benchmarks.quality.cut import Task
from benchmarks.quality.figures import Figure, difference, figures, gains, over_seeds
from benchmarks.quality.kept import Kept
from benchmarks.quality.run import JUDGED_BY, Entry, Progress, Run, choose, mean_costs, run
from personalize_local.engine.base.data import Float64, Indices, Int32


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. part: "" for the whole contestant. rule: which seen items were not ranked."""

    name: str
    part: str
    rule: str
    peer: bool
    setting: Mapping[str, Any]
    seeds: int
    figures: Mapping[str, Figure]
    gains: Mapping[str, Float64]
    """The values of each visitor, averaged over seeds."""
    costs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first contestant against the best peer, in NDCG@10 over the same visitors."""

    ours: str
    peer: str
    difference: Figure
    ratio: float
    strengthened: bool
    """Whether peers that the benchmark itself made stronger took part."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came out: the rows (ours first), the comparisons, and the digest of what was frozen before the end."""

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    frozen: str | None
    by_length: tuple["OfLength", ...] = ()


@dataclass(frozen=True, slots=True)
class OfLength:
    """How good the answers are to visitors of whom so many events are known.

    cut: the same visitors as in the other rows that are cut, with their history cut to its newest events; otherwise
    those whose history has just so many.
    """

    name: str
    events: str
    cut: bool
    visitors: int
    figure: Figure


@dataclass(frozen=True, slots=True)
class _Chosen:
    entry: Entry
    setting: Mapping[str, Any]
    runs: tuple[Run, ...]

    @property
    def parts(self) -> list[str]:
        """Those that answer in every run: with one seed a model may keep a part that it leaves out with another."""
        first, *others = (dict.fromkeys(part for _, part in run.answers) for run in self.runs)
        return [part for part in first if all(part in other for other in others)]


def judge(task: Task, entries: Sequence[Entry], kept: Kept, *, seeds: int, test: bool, progress: Progress) -> Judgement:
    """All entries on one task, each with `seeds` seeds where a seed matters.

    Without `test` the figures are those of the validation items on which settings were chosen, and the seal stays
    closed.
    """
    chosen = [_chosen(entry, task, kept, seeds=seeds, progress=progress) for entry in entries]
    if not test:
        return _counted(chosen, "validation", task.validation, None)
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
    wanted = task.sealed.open(frozen)
    judgement = _counted(chosen, "test", wanted, frozen.digest())
    lengths = np.array([len(history) for history in task.on_test.histories])
    return replace(judgement, by_length=(*_by_length(judgement.rows, lengths), *_by_cut(chosen, wanted)))


def _by_length(rows: Sequence[Row], lengths: Indices) -> Iterator[OfLength]:
    """Every contestant on quarters of the visitors, from those with the shortest history to those with the longest."""
    borders = np.unique(np.quantile(lengths, (0, 0.25, 0.5, 0.75, 1.0), method="nearest"))
    parts = list(pairwise(borders.tolist())) or [(int(borders[0]) - 1, int(borders[0]))]
    for row in (row for row in rows if not row.part and row.rule == WHOLE):
        for number, (low, high) in enumerate(parts):
            first = low if number == 0 else low + 1
            there = np.flatnonzero((lengths >= first) & (lengths <= high))
            if len(there):
                found = figures({name: gained[there] for name, gained in row.gains.items()})[JUDGED_BY]
                events = f"{first} to {high}" if first < high else str(high)
                yield OfLength(row.name, events, cut=False, visitors=len(there), figure=found)


def _by_cut(chosen: Sequence[_Chosen], wanted: Int32) -> Iterator[OfLength]:
    for one in chosen:
        for newest in one.runs[0].shorter:
            values = over_seeds(
                [gains(found.shorter[newest][1], wanted[found.shorter[newest][0]]) for found in one.runs]
            )
            events = "all" if newest == EVERY else f"the newest {newest}"
            found = figures(values)[JUDGED_BY]
            yield OfLength(one.entry.name, events, cut=True, visitors=len(values[JUDGED_BY]), figure=found)


def _chosen(entry: Entry, task: Task, kept: Kept, *, seeds: int, progress: Progress) -> _Chosen:
    setting, first = choose(entry, task, kept, progress=progress)
    runs = [first]
    for seed in range(1, min(seeds, entry.seeds)):
        progress(f"{entry.name:<17} seed {seed}")
        runs.append(run(entry, setting, task, kept, seed=seed, progress=progress))
    return _Chosen(entry, setting, tuple(runs))


def _counted(chosen: Sequence[_Chosen], stage: str, wanted: Int32, frozen: str | None) -> Judgement:
    rows = tuple(row for one in chosen for row in _rows(one, stage, wanted))
    return Judgement(rows, tuple(_comparisons(rows)), frozen)


def _rows(one: _Chosen, stage: str, wanted: Int32) -> Iterator[Row]:
    costs = mean_costs(one.runs)
    for part in one.parts:
        for rule in RULES:
            values = over_seeds([gains(found.answers[stage, part].lists[rule], wanted) for found in one.runs])
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
    """Against the best of the published peers, and against the best of all."""
    whole = [row for row in rows if not row.part and row.rule == WHOLE]
    ours = next((row for row in whole if not row.peer), None)
    peers = [row for row in whole if row.peer]
    for strengthened in (False, True):
        able = [row for row in peers if strengthened or row.name not in STRENGTHENED]
        if ours is None or not able or (strengthened and not STRENGTHENED & {row.name for row in able}):
            continue
        best = max(able, key=lambda row: row.figures[JUDGED_BY].mean)
        theirs = best.figures[JUDGED_BY].mean
        yield Comparison(
            ours=ours.name,
            peer=best.name,
            difference=difference(ours.gains[JUDGED_BY], best.gains[JUDGED_BY]),
            ratio=ours.figures[JUDGED_BY].mean / theirs if theirs else float("inf"),
            strengthened=strengthened,
        )
