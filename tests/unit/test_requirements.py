"""Each list of requirements says what it is for, and holds what the programs that it is for import."""

import itertools
import re
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.unit.test_architecture import OURS, imports

ROOT = Path(__file__).resolve().parents[2]
DEPLOYING = ("app", "tools.deploy.__main__", "tools.environment.invoke")
EMULATOR = ("local_cloud.emulator.host", "local_cloud.emulator.lambda_worker")
LOCAL_ROOMS = ("local_cloud", "personalize_local", "seed_data", "tools")
ELSEWHERE = {"tools/breed_scripts.py", "tools/licences.py", "personalize_local/pytest_plugin.py"}
"""Programs of developers, and a plugin of whoever has pytest."""


def locked(name: str) -> set[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {re.sub(r"[-_.]+", "-", found).lower() for found in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"


def reached(modules: Iterable[str]) -> set[Path]:
    """The files of the modules, and of whatever of ours they import, directly or not."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        file = file_of(waiting.pop())
        if file not in found:
            found.add(file)
            waiting += [name for name in imports(file) if name.partition(".")[0] in OURS]
    return found


def libraries(files: Iterable[Path]) -> set[str]:
    """The distributions whose packages the files import."""
    tops = {name.partition(".")[0] for file in files for name in imports(file)}
    known = packages_distributions()
    foreign = tops - OURS - sys.stdlib_module_names
    return {re.sub(r"[-_.]+", "-", known.get(top, [top])[0]).lower() for top in foreign}


def test_deploying_imports_what_requirements_txt_has() -> None:
    """`./deploy.sh dev` installs nothing else."""
    assert libraries(reached(DEPLOYING)) <= locked("requirements.txt")


def test_the_local_cloud_imports_what_its_lists_have() -> None:
    """The emulator what its own environment has, everything else what requirements-local.txt has."""
    emulator = reached(EMULATOR)
    assert libraries(emulator) <= locked("local_cloud/requirements.txt")
    files = {
        path
        for room in LOCAL_ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in ELSEWHERE
    }
    assert libraries(files - emulator) <= locked("requirements-local.txt")


def test_functions_import_what_the_layer_or_the_runtime_has() -> None:
    """boto3 and botocore come with the runtime."""
    handlers = set((ROOT / "lambdas").rglob("*.py"))
    assert libraries(handlers) - {"boto3", "botocore"} <= locked("lambdas/requirements.txt")


@pytest.mark.parametrize("name", ["pytest", "moto", "numpy", "lightgbm", "matplotlib", "mypy", "aws-lambda-powertools"])
def test_deploying_installs_nothing_that_it_does_not_need(name: str) -> None:
    """No tests, no engine, no pictures."""
    assert name not in locked("requirements.txt")
    assert name in locked("requirements-dev.txt")


def test_each_list_stands_on_the_one_before() -> None:
    """What is installed on top never changes what lies below."""
    lists = [
        dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-local.txt", "requirements-dev.txt")
    ]
    for below, above in itertools.pairwise(lists):
        assert below.items() <= above.items()
