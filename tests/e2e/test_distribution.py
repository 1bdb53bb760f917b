"""The distribution `personalize-local`, as somebody uses it who has never seen this repository.

The wheel is built, installed into an environment outside the checkout and used as docs/develop/personalize-package.md says. The
libraries that it needs are those of this environment, by a path: tests have no network to install them from.
"""

import os
import re
import signal
import site
import socket
import subprocess
import sys
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.deadline import eventually

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "develop" / "personalize-package.md"
REST = ("app", "benchmarks", "infra", "lambdas", "local_cloud", "seed_data", "tests", "tools")


def _files() -> dict[str, str]:
    """The files of the page, by the name in their first line."""
    blocks = re.findall(r"```(?:python|toml)\n(# (\S+)\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: text for text, name in blocks}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment outside the checkout that has the wheel and the libraries."""
    folder = tmp_path_factory.mktemp("outside") / "venv"
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", str(wheel)], check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    return folder / "bin"


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "COV_"))}
    return {**kept, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1", **more}


@pytest.fixture
def served(outside: Path, tmp_path: Path) -> Iterator[str]:
    """The endpoint of the installed command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(outside / "personalize-local"), "--data", "personalize", "--s3-root", "buckets", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=_environment(), stdout=log, stderr=subprocess.STDOUT)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_local/health", headers={"X-Local-Request": "1"})

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - the server of this test
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        eventually(answers, what="an answer of the server")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def test_the_wheel_holds_the_embedded_personalize_alone(wheel: Path) -> None:
    """With its license, its command and its plugin."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"personalize_local", "personalize_local-0.1.0.dist-info"}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "personalize_local").rglob("*.py")}
    assert sources <= set(names)
    assert "personalize_local-0.1.0.dist-info/licenses/LICENSE" in names


def test_its_dependencies_are_ranges_that_the_pinned_ones_lie_in() -> None:
    """Nothing is pinned for others; what was tested lies in what is allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in project["dependencies"]:
        name, least = re.fullmatch(r"([a-z0-9]+)>=([0-9.]+)", wanted).groups()  # type: ignore[union-attr]
        tested = [int(part) for part in re.findall(r"\d+", distribution(name).version)]
        assert tested >= [int(part) for part in least.split(".")], name


def test_nothing_of_the_rest_is_there(outside: Path, tmp_path: Path) -> None:
    """The server is imported whole; the other rooms of the repository cannot be."""
    code = (
        "import importlib.util, pkgutil, sys, personalize_local as whole\n"
        "skipped = ('__main__',)\n"
        "for module in pkgutil.walk_packages(whole.__path__, 'personalize_local.'):\n"
        "    if not module.name.endswith(skipped): importlib.import_module(module.name)\n"
        f"print([name for name in {REST!r} if importlib.util.find_spec(name)], whole.__file__)\n"
    )
    done = subprocess.run(
        [str(outside / "python"), "-c", code],
        cwd=tmp_path,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("[] ")
    assert str(ROOT) not in done.stdout


def test_the_command_answers_an_unmodified_client(outside: Path, served: str, tmp_path: Path) -> None:
    """The page's program, sent there by the three variables alone."""
    (tmp_path / "ask.py").write_text(_files()["ask.py"], encoding="utf-8")
    endpoints = {f"AWS_ENDPOINT_URL_PERSONALIZE{api}": served for api in ("", "_EVENTS", "_RUNTIME")}
    environment = _environment(**endpoints)
    done = subprocess.run(
        [str(outside / "python"), "ask.py"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == "pets\n"


def test_the_fixtures_serve_a_project_of_three_files(outside: Path, tmp_path: Path) -> None:
    """Found by the entry point: the project has no conftest.py."""
    for name, text in _files().items():
        if name != "ask.py":
            (tmp_path / name).write_text(text, encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pyproject.toml", "shelter.py", "test_shelter.py"]
    command = [
        str(outside / "python"),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:cov",
        "-p",
        "no:xdist",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
