"""The cache of answers: the same code, trained again on the same bytes, would give the same answers.

A contestant's answers and costs are in a folder of `.cache/quality`, named by the SHA-256 of the inputs of its process,
its code and its pinned libraries. So after a change of the engine only the engine is trained again. `--fresh` trains
all.
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE_FOLDER = ROOT / ".cache/quality"
_FILES = ("answers.npz", "costs.json")


class AnswerCache:
    """The cached answers in one folder, which is made when the first are stored."""

    def __init__(self, folder: Path = CACHE_FOLDER, *, fresh: bool = False) -> None:
        self._folder = folder
        self._fresh = fresh

    def restore(self, cache_key: str, folder: Path) -> bool:
        """Copy the answers that were stored with this key into `folder`; False when there are none."""
        cached = self._folder / cache_key
        if self._fresh or not all((cached / name).is_file() for name in _FILES):
            return False
        for name in _FILES:
            shutil.copyfile(cached / name, folder / name)
        return True

    def store(self, cache_key: str, folder: Path) -> None:
        """Store the answers in `folder` with this key."""
        cached = self._folder / cache_key
        cached.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            # Moved into place when it is complete: another process may be reading.
            shutil.copyfile(folder / name, cached / f"{name}.new")
            (cached / f"{name}.new").replace(cached / name)


def cache_key(inputs: Path, code: Iterable[str]) -> str:
    """The SHA-256 of the bytes in the folder `inputs` and of the project's files under the paths `code`."""
    found = hashlib.sha256()
    for path in sorted(inputs.iterdir()):
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
