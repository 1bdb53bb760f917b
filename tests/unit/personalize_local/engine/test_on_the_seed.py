"""The default model on the simulated world: near the oracle, also for new groups, and quick to follow a visitor."""

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.seed_world.cases import Case, catalogue_of, gains, new_groups, share_after_clicks, split
from personalize_local.engine.base.data import Events, Float64
from personalize_local.engine.base.models import Model
from personalize_local.engine.recommenders.registry import MODELS
from seed_data.oracle import Oracle
from seed_data.visits import visits
from seed_data.world import World, build_world


@dataclass(frozen=True)
class Seed:
    """The seed's world; the groups of its last month train nothing."""

    world: World
    oracle: Oracle
    events: Events
    cases: list[Case]
    hidden: list[int]
    of_hidden: list[Case]
    default: Model
    popular: Model

    def best(self, case: Case) -> Float64:
        return self.oracle.chances(case.target)


@pytest.fixture(scope="module")
def seed() -> Seed:
    world = build_world()
    made = list(visits(world))
    hidden, catalogue, of_hidden = new_groups(world, made, catalogue_of(world))
    events, cases = split(world, made, hidden=frozenset(hidden))
    default, popular = (MODELS[name].fit(events, catalogue) for name in ("sequence", "popularity"))
    return Seed(world, Oracle(world), events, cases, hidden, of_hidden, default, popular)


def _scores(model: Model, case: Case) -> Float64:
    return model.score(case.history).astype(np.float64)


def test_training_has_no_test_event_and_no_new_group(seed: Seed) -> None:
    """No training event is on a hidden group, or after the history of its visitor's case."""
    assert not np.isin(seed.events.item, seed.hidden).any()
    assert seed.world.parameters.events > len(seed.events) + len(seed.cases)
    assert all(len(case.history) == 0 or case.history.time[-1] < case.target.moment for case in seed.cases)


def test_the_model_comes_near_the_oracle(seed: Seed) -> None:
    """NDCG@10 on the next event at least 0.85 of the oracle's for visitors of ten events and more; popularity far off."""
    known_well = [
        case for case in seed.cases if len(case.history) >= 10 and case.target.event.group not in set(seed.hidden)
    ][::3]
    best = gains(known_well, seed.best).sum()
    found = gains(known_well, lambda case: _scores(seed.default, case)).sum()
    floor = gains(known_well, lambda case: _scores(seed.popular, case)).sum()
    assert found > 0.85 * best
    assert floor < 0.3 * best


def test_new_groups_are_ranked_by_their_attributes(seed: Seed) -> None:
    """Among groups without events NDCG@10 is at least 0.75 of the oracle's; popularity cannot rank them."""
    cases = seed.of_hidden[::2]
    best = gains(cases, seed.best, seed.hidden).sum()
    found = gains(cases, lambda case: _scores(seed.default, case), seed.hidden).sum()
    floor = gains(cases, lambda case: _scores(seed.popular, case), seed.hidden).sum()
    assert found > 0.75 * best
    assert floor < 0.5 * best


def test_nearly_everybodys_list_follows_five_clicks(seed: Seed) -> None:
    """After five views of another species and size its share of the first ten rises for 95 visitors of 100."""
    shares = share_after_clicks(seed.world, seed.default, seed.cases[:200], np.random.default_rng(0))
    assert (shares[:, 1] > shares[:, 0]).mean() >= 0.95
