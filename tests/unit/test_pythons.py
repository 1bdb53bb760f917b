"""Which Pythons the project is for: 3.11, on which it is tested, and 3.13, on which its functions run on AWS."""

import ast
import re
import subprocess
import tomllib
import warnings
from pathlib import Path

import pytest

from tests.unit.test_architecture import imports, sources

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "build" / "layer" / "python"
OLDEST = "3.11"
ON_AWS = "3.13"
# https://docs.python.org/3/whatsnew/3.12.html#removed and https://docs.python.org/3/whatsnew/3.13.html#removed
GONE = frozenset(
    [
        "asynchat",
        "asyncore",
        "distutils",
        "imp",
        "smtpd",
        "aifc",
        "audioop",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "imghdr",
        "lib2to3",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "pipes",
        "sndhdr",
        "spwd",
        "sunau",
        "telnetlib",
        "uu",
        "xdrlib",
    ]
)


def test_every_file_says_the_same_python() -> None:
    """What is required, linted, typed, locked, deployed and told to readers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f">={OLDEST}" == project["project"]["requires-python"]
    assert f"py{OLDEST.replace('.', '')}" == project["tool"]["ruff"]["target-version"]
    assert OLDEST == project["tool"]["mypy"]["python_version"]
    makefile = (ROOT / "Makefile").read_text()
    assert f"sys.version_info < ({OLDEST.replace('.', ', ')})" in makefile
    (locked,) = re.findall(r"--python-version (\S+) .* -o lambdas/requirements\.txt", makefile)
    assert ON_AWS == locked
    assert f"Runtime.PYTHON_{ON_AWS.replace('.', '_')}" in (ROOT / "infra" / "shared" / "functions.py").read_text()
    readme = (ROOT / "README.md").read_text()
    assert f"Python {OLDEST}" in readme
    assert f"**{ON_AWS}**" in readme


def test_nothing_is_used_that_a_newer_python_has_removed() -> None:
    """No file of the project imports a module that 3.12 or 3.13 no longer have."""
    gone = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        for name in imports(path)
        if name.partition(".")[0] in GONE
    ]
    assert [] == gone


def test_the_layer_imports_nothing_that_a_newer_python_has_removed() -> None:
    """The functions' own libraries, which are pure Python and the same for every version."""
    files = [path for path in LAYER.rglob("*.py") if "vendor" not in path.parts]
    assert len(files) > 100
    gone = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.append(node.module)
            gone += [f"{path.relative_to(LAYER)}: {name}" for name in names if name.partition(".")[0] in GONE]
    assert [] == gone


def test_the_functions_compile_without_a_warning() -> None:
    """What 3.11 deprecates in silence (`"\\d"` without r) is a warning at each cold start from 3.12 on."""
    files = sorted((ROOT / "lambdas").rglob("*.py"))
    assert len(files) > 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in files:
            compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)


@pytest.mark.parametrize("version", ["Python 3.10.12", "Python 2.7.18"])
def test_a_python_that_is_too_old_is_refused_by_name(tmp_path: Path, version: str) -> None:
    """Before an environment is made: what it is, what is needed, and how to name another."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit 0\n[ -z "$2" ] || exit 1\n')
    python.chmod(0o755)
    for tool in ("VENV", "EMULATOR"):
        made = tmp_path / tool
        done = subprocess.run(
            ["make", "--no-print-directory", f"PYTHON={python}", f"{tool}={made}", f"{made}/.done"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 != done.returncode
        assert f"Python 3.11 or newer is needed, and {python} is {version}" in done.stderr
        assert "PYTHON=/path/to/python3.11" in done.stderr
        assert not made.exists()
