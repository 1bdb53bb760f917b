"""Answers that are kept: training the same code on the same bytes again would say the same.

A contestant's answers and costs lie under `.cache/quality`, named by the SHA-256 of all that its process was told and
of its code and pinned libraries. So a change of the engine trains the engine again and no peer. `--fresh` trains all.
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache/quality"
_FILES = ("answers.npz", "costs.json")


class Kept:
    """The answers in one folder, which is made when the first are kept."""

    def __init__(self, folder: Path = KEPT, *, fresh: bool = False) -> None:
        self._folder = folder
        self._fresh = fresh

    def restore(self, key: str, folder: Path) -> bool:
        """Copy the answers kept under `key` into `folder`; False when there are none."""
        kept = self._folder / key
        if self._fresh or not all((kept / name).is_file() for name in _FILES):
            return False
        for name in _FILES:
            shutil.copyfile(kept / name, folder / name)
        return True

    def keep(self, key: str, folder: Path) -> None:
        """Keep the answers that lie in `folder`."""
        kept = self._folder / key
        kept.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            # Moved into place when it is whole: somebody may be reading.
            shutil.copyfile(folder / name, kept / f"{name}.new")
            (kept / f"{name}.new").replace(kept / name)


def key(told: Path, code: Iterable[str]) -> str:
    """The name of a run: the bytes in the folder `told`, and the project's files under the paths `code`."""
    found = hashlib.sha256()
    for path in sorted(told.iterdir()):
        _add(found, path.name, path)
    for place in code:
        files = [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*.py"))
        for path in files:
            _add(found, path.relative_to(ROOT).as_posix(), path)
    return found.hexdigest()


def _add(found: "hashlib._Hash", name: str, path: Path) -> None:
    content = path.read_bytes()
    found.update(f"{name} {len(content)}\n".encode())
    found.update(content)
