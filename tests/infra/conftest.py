"""Every environment and variant is synthesized once a session."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesis import Synthesis, read_assembly, run_app, synthesize


@pytest.fixture(scope="session")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Synthesis]:
    """An environment as `app.py` synthesizes it, with all checks on."""

    @cache
    def of(environment: str) -> Synthesis:
        folder: Path = tmp_path_factory.mktemp(environment)
        done = run_app(folder, CDK_ENVIRONMENT=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return read_assembly(folder / "cdk.out", environment)

    return of


@pytest.fixture(scope="session")
def dev() -> Iterator[Synthesis]:
    """The development environment."""
    yield from _variant()


@pytest.fixture(scope="session")
def prod() -> Iterator[Synthesis]:
    """The protected environment."""
    yield from _variant("prod")


@pytest.fixture(scope="session")
def without_reranking() -> Iterator[Synthesis]:
    """`rerankingEnabled: false`."""
    yield from _variant(rerankingEnabled=False)


@pytest.fixture(scope="session")
def with_first_recipes() -> Iterator[Synthesis]:
    """The older recipes, which alone have exploration settings, with a popularity baseline."""
    yield from _variant(
        recipes={"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"},
        explorationWeight=0.1,
        explorationItemAgeCutOff=65500,
        popularityBaseline=True,
        minProvisionedTPS=4,
    )


@pytest.fixture(scope="session")
def in_vpc() -> Iterator[Synthesis]:
    """Functions in an existing VPC."""
    yield from _variant(
        vpc={
            "vpcId": "vpc-0a1b2c3d",
            "subnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
            "availabilityZones": ["us-east-1a", "us-east-1b"],
            "securityGroupIds": ["sg-0a1b2c3d"],
        }
    )


def _variant(environment: str = "dev", **changes: Any) -> Iterator[Synthesis]:
    synthesis = synthesize(environment, **changes)
    yield synthesis
    shutil.rmtree(synthesis.folder)
