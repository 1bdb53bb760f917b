"""How near the engine comes to the oracle on the simulated world: `python -m benchmarks.seed_world [--json FILE]`.

Every visitor's last event is the test, the rest trains; all groups are ranked, none is left out. The oracle knows each
visitor's taste, so its NDCG@10 is the best that anyone can reach; popularity is the floor. Two more questions: how well
groups without any event are ranked among themselves, and whether five clicks on one kind bring more of that kind.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from local.engine.data import Catalogue, Events, Float64, History
from local.engine.models import Model
from local.engine.registry import MODELS
from local.engine.scores import ranking
from seed_data.oracle import Oracle, gain_at
from seed_data.visits import Visit, visits
from seed_data.world import ENQUIRY, FAVOURITE, VIEW, Parameters, World, build_world

WEIGHTS = {VIEW: 0.2, FAVOURITE: 0.6, ENQUIRY: 1.0}
"""The event weights of `config/`."""
BY_KNOWN = ((1, 1), (2, 3), (4, 9), (10, None))
CLICKS = 5

Ranker = Callable[["Case"], Float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One test: what is known of the visitor, and the event that came."""

    history: History
    came: Visit


def catalogue_of(world: World) -> Catalogue:
    """The world's groups with species, breed, size and age, one-hot, and their times of creation."""
    matrices, fields = [], []
    for field in range(4):
        values, codes = np.unique([group[field] for group in world.groups], return_inverse=True)
        ones = np.ones(len(codes), np.float32)
        matrices.append(sparse.csr_matrix((ones, (np.arange(len(codes)), codes)), shape=(len(codes), len(values))))
        fields += [field] * len(values)
    attributes = sparse.csr_matrix(sparse.hstack(matrices))
    return Catalogue(len(world.groups), attributes, world.created.astype(np.float64), np.array(fields, np.int32))


def split(world: World, made: Sequence[Visit], *, hidden: frozenset[int] = frozenset()) -> tuple[Events, list[Case]]:
    """Training events, and one case for each id with at least two; `hidden` groups train nothing."""
    by_user: dict[str, list[Visit]] = defaultdict(list)
    for visit in made:
        by_user[visit.user_id].append(visit)
    rows: list[tuple[int, Visit]] = []
    cases = []
    for number, of_user in enumerate(by_user.values()):
        known = of_user if len(of_user) < 2 else of_user[:-1]
        known = [visit for visit in known if visit.event.group not in hidden]
        rows += [(number, visit) for visit in known]
        if len(of_user) > 1:
            cases.append(Case(history_of(known), of_user[-1]))
    kept = history_of([visit for _, visit in rows])
    users = np.array([number for number, _ in rows], np.int32)
    return Events(users, kept.item, kept.time, kept.weight, len(by_user), len(world.groups)), cases


def history_of(known: Sequence[Visit]) -> History:
    """What a visitor did, with the weights of `config/`."""
    return History(
        np.array([visit.event.group for visit in known], np.int32),
        np.array([visit.moment for visit in known], np.float64),
        np.array([WEIGHTS[visit.event.event_type] for visit in known], np.float32),
    )


def gains(cases: Sequence[Case], rank: Ranker, among: Sequence[int] | None = None) -> Float64:
    """NDCG@10 of each case; `among` ranks these groups only, which must hold the one that came."""
    chosen = None if among is None else np.asarray(among)
    place = {group: number for number, group in enumerate(among or ())}
    values = []
    for case in cases:
        scores, group = rank(case), case.came.event.group
        values.append(gain_at(scores, group) if chosen is None else gain_at(scores[chosen], place[group]))
    return np.array(values)


def share_after_clicks(world: World, model: Model, cases: Sequence[Case], rng: np.random.Generator) -> Float64:
    """Share of a species and size in the first ten, before and after five views of it: shape [visitors, 2].

    The kind is one that the visitor's list holds at most two of: somebody looks for something else than before.
    """
    kinds = np.array([int(group.species) * 10 + int(group.size) for group in world.groups])
    listed = world.listed(0)
    shares = []
    for case in cases:
        held = kinds[ranking(model.score(case.history), limit=10)]
        others = [kind for kind in np.unique(kinds[:listed]) if (held == kind).sum() <= 2]
        members = np.flatnonzero(kinds[:listed] == rng.choice(others))
        clicks = rng.choice(members, CLICKS).astype(np.int32)
        after = History(
            np.r_[case.history.item, clicks],
            np.r_[case.history.time, np.zeros(CLICKS)],
            np.r_[case.history.weight, np.full(CLICKS, WEIGHTS[VIEW], np.float32)],
        )
        shares.append([np.isin(ranking(model.score(h), limit=10), members).mean() for h in (case.history, after)])
    return np.array(shares)


def measure(parameters: Parameters, seed: int) -> dict[str, object]:
    """All figures of one world."""
    world = build_world(seed=seed, parameters=parameters)
    made, catalogue, oracle = list(visits(world)), catalogue_of(world), Oracle(world)
    events, cases = split(world, made)
    known = np.array([len(case.history) for case in cases])
    best = gains(cases, lambda case: oracle.chances(case.came))
    result: dict[str, object] = {"seed": seed, "cases": len(cases), "oracle": float(best.mean())}
    for name, model_class in MODELS.items():
        started = time.process_time()
        model = model_class.fit(events, catalogue)
        seconds = time.process_time() - started
        found = gains(cases, _scores_of(model))
        of_oracle = {_known(low, high): _ratio(found, best, _between(known, low, high)) for low, high in BY_KNOWN}
        result[name] = {
            "ndcg_at_10": float(found.mean()),
            "of_oracle_by_known_events": of_oracle,
            "training_cpu_seconds": seconds,
        }
    result["newcomers_of_oracle"] = _newcomers(world, made, catalogue, oracle)
    sequence = MODELS["sequence"].fit(events, catalogue)
    shares = share_after_clicks(world, sequence, cases[:300], np.random.default_rng(seed))
    result["five_clicks"] = {
        "visitors": len(shares),
        "share_rose_for": int((shares[:, 1] > shares[:, 0]).sum()),
        "mean_before_and_after": shares.mean(axis=0).round(3).tolist(),
    }
    return result


def _newcomers(world: World, made: Sequence[Visit], catalogue: Catalogue, oracle: Oracle) -> dict[str, float]:
    """Groups of the last 30 days lose all their events: their ranking among themselves, as a share of the oracle's."""
    hidden = np.flatnonzero((world.created > -30 * 86_400) & (world.created <= 0)).tolist()
    created = catalogue.created
    assert created is not None
    unseen = Catalogue(
        catalogue.n_items,
        catalogue.attributes,
        np.where(np.isin(np.arange(len(created)), hidden), 0.0, created),
        catalogue.fields,
    )
    events, _ = split(world, made, hidden=frozenset(hidden))
    by_user: dict[str, list[Visit]] = defaultdict(list)
    cases = []
    for visit in made:
        before = by_user[visit.user_id]
        if visit.event.group in hidden and before and visit.last is not None and visit.last.group not in hidden:
            cases.append(Case(history_of([v for v in before if v.event.group not in hidden]), visit))
        before.append(visit)
    # As if all of them were listed: the oracle must choose among the same groups.
    best = gains(cases, lambda case: oracle.chances(case.came._replace(moment=0)), hidden)
    return {
        name: _ratio(gains(cases, _scores_of(model_class.fit(events, unseen)), hidden), best)
        for name, model_class in MODELS.items()
    }


def _scores_of(model: Model) -> Ranker:
    return lambda case: model.score(case.history).astype(np.float64)


def _known(low: int, high: int | None) -> str:
    return f"{low} or more" if high is None else f"{low} to {high}" if high > low else str(low)


def _between(known: np.ndarray, low: int, high: int | None) -> np.ndarray:
    return (known >= low) & (known <= (high or known.max(initial=0)))


def _ratio(found: Float64, best: Float64, chosen: np.ndarray | None = None) -> float:
    mask = np.ones(len(best), bool) if chosen is None else chosen
    return float(found[mask].sum() / best[mask].sum())


def main() -> None:
    """Print the figures of some worlds; with --json, write them too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed_world", description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--taste", type=float, default=1.0, help="strength of taste (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    arguments = parser.parse_args()
    figures = [measure(Parameters(taste=arguments.taste), seed) for seed in arguments.seeds]
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
