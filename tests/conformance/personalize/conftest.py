import hashlib
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from personalize_local.jobs import training
from personalize_local.testing import LocalPersonalize
from tests.conformance.personalize.inhabited import inhabit
from tests.personalize_world import World


@pytest.fixture(scope="session", autouse=True)
def fitted_once() -> Iterator[None]:
    """The same model of the same data is fitted once a session: most worlds here are alike, and fitting has no chance.

    All around it is done each time: reading the data, its rules, writing the snapshot. Trainings in processes of their
    own fit for themselves.
    """
    fitted = training._fitted
    known: dict[bytes, Any] = {}
    one_at_a_time = threading.Lock()

    def remembered(*arguments: Any) -> Any:
        digest = hashlib.sha256(pickle.dumps(arguments)).digest()
        with one_at_a_time:
            if digest not in known:
                known[digest] = pickle.dumps(fitted(*arguments))
            return pickle.loads(known[digest])  # noqa: S301 - of this process

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_fitted", remembered)
        yield


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
