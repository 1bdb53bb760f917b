"""How near the engine's NDCG@10 is to the oracle's on the simulated world: `python -m benchmarks.seed_world`.

Every visitor's last event is the test event, the rest are training events; all groups are ranked. The oracle knows each
visitor's taste, so no model can have a higher NDCG@10; popularity and random scores are the baselines. Three more
questions: how good the ranking is for visitors who were not in training, by number of known events; how well groups
without events are ranked among themselves; and whether five clicks on another kind bring more of that kind.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.seed_world.cases import Case, Ranker, catalogue_of, gains, new_groups, share_after_clicks, split
from benchmarks.seed_world.plot import plot
from personalize_local.engine.base.data import Float64
from personalize_local.engine.base.models import Model
from personalize_local.engine.recommenders.registry import MODELS
from seed_data.oracle import Oracle
from seed_data.visits import Visit, visits
from seed_data.world import Parameters, build_world

MODEL = "sequence"
SEEDS, TASTES = (401, 402, 403), (0.8, 1.2, 1.5)
"""The worlds of the published figures: nothing was chosen on them. Seeds 11 to 17 and 101 to 203 were used before."""
KNOWN = (0, 1, 2, 3, 5, 10)
WELL_KNOWN = 10
"""The number of events from which on a visitor is well known."""
ABSENT = 150
"""The number of visitors of each world who are not in training."""
CLICK_VISITORS = 300

Figures = dict[str, Any]


def measure(seed: int, taste: float) -> Figures:
    """All figures of one world; NDCG@10 as a share of the oracle's."""
    world = build_world(seed=seed, parameters=Parameters(taste=taste))
    made, catalogue, oracle = list(visits(world)), catalogue_of(world), Oracle(world)
    rng = np.random.default_rng(seed)
    absent = _absent(made, rng)
    events, cases = split(world, made, absent=absent)
    started = time.process_time()
    model = MODELS[MODEL].fit(events, catalogue)
    seconds = time.process_time() - started
    rankers = {
        "default": _scores_of(model),
        "popularity": _scores_of(MODELS["popularity"].fit(events, catalogue)),
        "random": lambda case: rng.random(len(world.groups)),
    }
    trained = [case for case in cases if case.target.user_id not in absent]
    untrained = [case for case in cases if case.target.user_id in absent]
    known_well = [case for case in trained if len(case.history) >= WELL_KNOWN]
    clicks = share_after_clicks(world, model, trained[:CLICK_VISITORS], rng)
    return {
        "seed": seed,
        "taste": taste,
        "cpu_seconds": round(seconds, 1),
        "oracle": float(_best(oracle, trained).mean()),
        "all": _of_best(rankers, trained, _best(oracle, trained)),
        f"{WELL_KNOWN} or more": _of_best(rankers, known_well, _best(oracle, known_well)),
        "known": {known: _of_best(rankers, untrained, _best(oracle, untrained), known) for known in KNOWN},
        "newcomers": _new_group_gains(seed, taste),
        "five_clicks": {
            "rose": float((clicks[:, 1] > clicks[:, 0]).mean()),
            "before_and_after": clicks.mean(axis=0).round(3).tolist(),
        },
    }


def _absent(made: Sequence[Visit], rng: np.random.Generator) -> frozenset[str]:
    """Some of the ids with more than `WELL_KNOWN` events before the last."""
    ids, counts = np.unique([visit.user_id for visit in made], return_counts=True)
    busy = ids[counts > WELL_KNOWN]
    return frozenset(rng.choice(busy, ABSENT, replace=False).tolist())


def _new_group_gains(seed: int, taste: float) -> dict[str, float]:
    """NDCG@10 among the groups of the last 30 days, trained without their events, as a share of the oracle's."""
    world = build_world(seed=seed, parameters=Parameters(taste=taste))
    made, oracle = list(visits(world)), Oracle(world)
    hidden, catalogue, cases = new_groups(world, made, catalogue_of(world))
    events, _ = split(world, made, hidden=frozenset(hidden))
    rng = np.random.default_rng(seed)
    rankers = {
        "default": _scores_of(MODELS[MODEL].fit(events, catalogue)),
        "popularity": _scores_of(MODELS["popularity"].fit(events, catalogue)),
        "random": lambda case: rng.random(len(world.groups)),
    }
    best = gains(cases, lambda case: oracle.chances(case.target), hidden)
    return {name: float(gains(cases, rank, hidden).sum() / best.sum()) for name, rank in rankers.items()}


def _scores_of(model: Model) -> Ranker:
    return lambda case: model.score(case.history).astype(np.float64)


def _best(oracle: Oracle, cases: Sequence[Case]) -> Float64:
    return gains(cases, lambda case: oracle.chances(case.target))


def _of_best(
    rankers: Mapping[str, Ranker], cases: Sequence[Case], best: Float64, known: int | None = None
) -> dict[str, float]:
    asked = cases if known is None else [case.knowing(known) for case in cases]
    return {name: float(gains(asked, rank).sum() / best.sum()) for name, rank in rankers.items()}


def lines_of(worlds: Sequence[Figures]) -> Iterator[str]:
    """The printed table: one line for each question, with the mean over the worlds and the worst world."""
    yield f"{'NDCG@10, share of the oracle':34}{'default':>9}{'worst':>9}{'popularity':>12}{'random':>9}"
    questions = {
        "all visitors": "all",
        f"{WELL_KNOWN} or more events": f"{WELL_KNOWN} or more",
        "newcomers": "newcomers",
    }
    for text, key in questions.items():
        yield _line(text, [world[key] for world in worlds])
    for known in KNOWN:
        yield _line(f"never seen, {known} events known", [world["known"][known] for world in worlds])
    oracle = [world["oracle"] for world in worlds]
    rose = [world["five_clicks"]["rose"] for world in worlds]
    seconds = [world["cpu_seconds"] for world in worlds]
    yield f"five clicks on another kind bring more of it for {np.mean(rose):.1%} of visitors, at worst {min(rose):.1%}"
    yield f"oracle's NDCG@10 {min(oracle):.3f} to {max(oracle):.3f}; {min(seconds)} to {max(seconds)} CPU s to train"


def _line(text: str, answers: Sequence[dict[str, float]]) -> str:
    mean = {name: float(np.mean([answer[name] for answer in answers])) for name in answers[0]}
    worst = min(answer["default"] for answer in answers)
    return f"{text:34}{mean['default']:9.3f}{worst:9.3f}{mean['popularity']:12.3f}{mean['random']:9.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of some worlds; with --json and --plot, write them too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed_world", description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--tastes", type=float, nargs="+", default=TASTES, help="strengths of taste")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--plot", type=Path, help="draw the curve over known events into this SVG file")
    chosen = parser.parse_args(arguments)
    worlds = []
    for seed, taste in product(chosen.seeds, chosen.tastes):
        worlds.append(measure(seed, taste))
        well = worlds[-1][f"{WELL_KNOWN} or more"]["default"]
        print(
            f"world {seed}, taste {taste}: {well:.3f}, newcomers {worlds[-1]['newcomers']['default']:.3f}", flush=True
        )
    print(*lines_of(worlds), sep="\n")
    for file in (chosen.json, chosen.plot):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(worlds, indent=1) + "\n", encoding="utf-8")
    if chosen.plot is not None:
        curves = {
            name: [[world["known"][known][name] for known in KNOWN] for world in worlds] for name in worlds[0]["all"]
        }
        plot(chosen.plot, KNOWN, curves)
