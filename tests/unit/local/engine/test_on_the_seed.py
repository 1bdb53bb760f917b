"""The default model on the seed's world: near the oracle, far above popularity, and quick to follow a visitor."""

import numpy as np
import pytest

from benchmarks.seed_world import Case, catalogue_of, gains, share_after_clicks, split
from local.engine.data import Events
from local.engine.models import Model
from local.engine.registry import MODELS
from seed_data.oracle import Oracle
from seed_data.visits import visits
from seed_data.world import World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def data(world: World) -> tuple[Events, list[Case]]:
    return split(world, list(visits(world)))


@pytest.fixture(scope="module")
def sequence(world: World, data: tuple[Events, list[Case]]) -> Model:
    return MODELS["sequence"].fit(data[0], catalogue_of(world))


def test_training_sees_no_test_event(world: World, data: tuple[Events, list[Case]]) -> None:
    """All events but the last of each id with two or more are there to train on, and no other."""
    events, cases = data
    assert world.parameters.events == len(events) + len(cases)
    assert all(case.history.time[-1] < case.came.moment for case in cases)


def test_the_model_comes_near_the_oracle(world: World, data: tuple[Events, list[Case]], sequence: Model) -> None:
    """NDCG@10 on the next event at least 0.75 of the oracle's, for whoever has done something; popularity below 0.3."""
    cases = data[1][::3]
    oracle = Oracle(world)
    best = gains(cases, lambda case: oracle.chances(case.came)).sum()
    found = gains(cases, lambda case: sequence.score(case.history).astype(np.float64)).sum()
    popular = MODELS["popularity"].fit(data[0], catalogue_of(world))
    floor = gains(cases, lambda case: popular.score(case.history).astype(np.float64)).sum()
    assert found > 0.75 * best
    assert floor < 0.3 * best


def test_nearly_everybodys_list_follows_five_clicks(
    world: World, data: tuple[Events, list[Case]], sequence: Model
) -> None:
    """After five views of one species and size its share of the first ten rises for 95 visitors of 100."""
    shares = share_after_clicks(world, sequence, data[1][:200], np.random.default_rng(0))
    assert (shares[:, 1] > shares[:, 0]).mean() >= 0.95
