"""Where the project's parts come from: pinned, with the digests of what was looked at, and from no host of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("lambdas", "local_cloud", "personalize_local", "tests", "tools", "infra", "seed_data", "benchmarks")
LISTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("requirements*.in"), *(file for one in FOLDERS for file in (ROOT / one).rglob("*.in")))
    if path.name.startswith("requirements") and "node_modules" not in path.parts
)
LOCKED = [f"{name.removesuffix('.in')}.txt" for name in LISTS]
PACKAGE_LOCKS = ("package-lock.json", "tests/conformance/personalize/sdk/javascript/package-lock.json")


def test_every_list_of_requirements_is_locked() -> None:
    """Beside each list of what is wanted lies the list of what is installed."""
    assert {"lambdas/requirements.in", "local_cloud/requirements.in", "tools/sbom/requirements.in"} <= set(LISTS)
    assert [] == [file for file in LOCKED if not (ROOT / file).is_file()]


@pytest.mark.parametrize("file", LOCKED)
def test_every_requirement_is_one_version_with_its_digests(file: str) -> None:
    """The installer refuses what is not the file that was locked (`--require-hashes`); no index is named."""
    text = (ROOT / file).read_text()
    requirements = re.split(r"(?<!\\)\n", text.strip())
    assert requirements
    pinned = re.compile(r"[A-Za-z0-9_.\[\],-]+==[^ ;\\]+( *;[^\\]+)?( *\\\n +--hash=sha256:[0-9a-f]{64})+")
    assert [] == [requirement for requirement in requirements if not pinned.fullmatch(requirement.strip())]
    assert "://" not in text


@pytest.mark.parametrize("file", PACKAGE_LOCKS)
def test_every_npm_package_has_its_digest(file: str) -> None:
    """And no host, so that the installer asks its own registry."""
    packages = json.loads((ROOT / file).read_text())["packages"]
    ours = packages.pop("")
    assert ours
    assert [] == [name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")]
    assert [] == [name for name, package in packages.items() if "resolved" in package]


def test_setup_installs_nothing_without_digests() -> None:
    """Every installation in the Makefile is checked against a lock file, and takes what stands there alone.

    With an extra among the requirements of a package (`coverage[toml]`), pip 23 goes past the locked version as soon as
    a newer one is out, and ends: so it resolves nothing.
    """
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    installations = [line for line in text.splitlines() if "pip install" in line]
    assert len(installations) > 3
    for option in ("--require-hashes", "--no-deps"):
        assert [] == [line for line in installations if option not in line]
    assert "npm install" not in text


def test_what_is_installed_is_complete() -> None:
    """The lock file names everything that its packages need: `pip check` misses nothing."""
    found = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No broken requirements found.\n" == found.stdout, found.stderr
