"""Every environment and variant is synthesized once a run of the tests, whichever of its processes asks first."""

import fcntl
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesis import Synthesis, read_assembly, run_app, synthesize

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Gives the folder of a name, filled by the first process of the run that asks for it; the others wait meanwhile."""
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "assemblies"
    shared.mkdir(exist_ok=True)

    def folder_of(name: str, fill: Callable[[Path], object]) -> Path:
        folder, whole = shared / name, shared / f"{name}.whole"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one that failed
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def synthesized(once: Once) -> Callable[..., Synthesis]:
    """Synthesizes an environment with some keys of its config changed, by a name of its own."""

    def of(name: str, environment: str = "dev", **changes: Any) -> Synthesis:
        folder = once(name, lambda folder: synthesize(environment, folder=folder, **changes))
        return read_assembly(folder, environment)

    return of


@pytest.fixture(scope="session")
def assembled(once: Once) -> Callable[[str], Synthesis]:
    """An environment as `app.py` synthesizes it, with all checks on."""

    @cache
    def of(environment: str) -> Synthesis:
        def fill(folder: Path) -> None:
            done = run_app(folder, CDK_ENVIRONMENT=environment)
            assert done.returncode == 0, done.stdout + done.stderr

        return read_assembly(once(f"checked-{environment}", fill) / "cdk.out", environment)

    return of


@pytest.fixture(scope="session")
def dev(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """The development environment."""
    return synthesized("dev")


@pytest.fixture(scope="session")
def prod(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """The protected environment."""
    return synthesized("prod", "prod")


@pytest.fixture(scope="session")
def without_reranking(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """`rerankingEnabled: false`."""
    return synthesized("without-reranking", rerankingEnabled=False)


@pytest.fixture(scope="session")
def with_first_recipes(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """The older recipes, which alone have exploration settings, with a popularity baseline."""
    return synthesized(
        "first-recipes",
        recipes={"recommendation": "aws-user-personalization", "reranking": "aws-personalized-ranking"},
        explorationWeight=0.1,
        explorationItemAgeCutOff=65500,
        popularityBaseline=True,
        minProvisionedTPS=4,
    )


@pytest.fixture(scope="session")
def in_vpc(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """Functions in an existing VPC."""
    return synthesized(
        "in-vpc",
        vpc={
            "vpcId": "vpc-0a1b2c3d",
            "subnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
            "availabilityZones": ["us-east-1a", "us-east-1b"],
            "securityGroupIds": ["sg-0a1b2c3d"],
        },
    )
