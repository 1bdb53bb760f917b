"""Every environment and variant is synthesized once a session."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

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
def dev() -> Synthesis:
    """The development environment."""
    return synthesize()


@pytest.fixture(scope="session")
def prod() -> Synthesis:
    """The protected environment."""
    return synthesize("prod")


@pytest.fixture(scope="session")
def without_reranking() -> Synthesis:
    """`rerankingEnabled: false`."""
    return synthesize(rerankingEnabled=False)


@pytest.fixture(scope="session")
def with_first_recipes() -> Synthesis:
    """The older recipes, which alone have exploration settings, with a popularity baseline."""
    return synthesize(
        recipes={"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"},
        explorationWeight=0.1,
        explorationItemAgeCutOff=65500,
        popularityBaseline=True,
        minProvisionedTPS=4,
    )


@pytest.fixture(scope="session")
def in_vpc() -> Synthesis:
    """Functions in an existing VPC."""
    return synthesize(
        vpc={
            "vpcId": "vpc-0a1b2c3d",
            "subnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
            "availabilityZones": ["us-east-1a", "us-east-1b"],
            "securityGroupIds": ["sg-0a1b2c3d"],
        }
    )
