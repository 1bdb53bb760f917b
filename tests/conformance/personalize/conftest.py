from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.personalize.testing import LocalPersonalize
from tests.conformance.personalize.inhabited import inhabit
from tests.conformance.personalize.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server of its own without anything on it."""
    with LocalPersonalize(tmp_path) as server:
        yield World(server)


@dataclass(frozen=True)
class Inhabited:
    """A folder with one resource of every kind, to be copied; see `inhabited.inhabit`."""

    folder: Path
    chosen: dict[str, str]


@pytest.fixture(scope="session")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Inhabited:
    folder = tmp_path_factory.mktemp("inhabited")
    return Inhabited(folder, inhabit(folder))


@dataclass
class Trained:
    """A seeded dataset group with a campaign of each kind; tests add visitors, and leave the rest as it is."""

    world: World
    group: str
    recommendation: str
    ranking: str
    popularity: str
    version: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    with LocalPersonalize(tmp_path_factory.mktemp("personalize")) as server:
        world = World(server)
        group = world.seeded()
        version = world.train(world.solution(group, "aws-user-personalization-v2", "for-you"))
        ranking = world.train(world.solution(group, "aws-personalized-ranking-v2", "ranking"))
        popular = world.train(world.solution(group, "aws-popularity-count", "popular"))
        yield Trained(
            world,
            group,
            world.campaign(version["solutionVersionArn"], "for-you"),
            world.campaign(ranking["solutionVersionArn"], "ranking"),
            world.campaign(popular["solutionVersionArn"], "popular"),
            version["solutionVersionArn"],
        )
