"""The log of claims: who looked at the earlier cut's test items, at which commit, and what they saw.

The earlier cut is worth something because nothing is chosen on it. So each commit may look once at each log, and every
look stays in `benchmarks/claims.jsonl`, which is only ever appended to.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.run import ROOT

LOG = ROOT / "benchmarks/claims.jsonl"
_MEASURED = ("benchmarks", "personalize_local/engine", "requirements-local.txt")
"""What a claim speaks of: a change there without a commit has no name to be claimed under."""


class ClaimError(RuntimeError):
    """The look is refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to one look, not yet used."""

    commit: str
    data: str
    looks_before: int


def may_look(path: Path, *, again: bool, log: Path = LOG, root: Path = ROOT) -> Claim:
    """The right to look at the earlier cut of the log in `path` with the code of this commit.

    ClaimError when what is measured differs from the commit, or when this commit looked before and `again` is false.
    """
    changed = _git(root, "status", "--porcelain", "--", *_MEASURED, f":(exclude){LOG.relative_to(ROOT)}")
    if changed:
        raise ClaimError(f"commit first: a claim is made for a commit, and these differ from it:\n{changed}")
    commit, data = _git(root, "rev-parse", "HEAD"), digest(path)
    before = sum(1 for line in read(log) if (line["commit"], line["data"]) == (commit, data))
    if before and not again:
        raise ClaimError(
            f"commit {commit[:10]} looked at the earlier cut of {path.name} before: see {LOG.name};"
            " --again looks once more, and says so in the log"
        )
    return Claim(commit, data, before)


def note(claim: Claim, figures: Mapping[str, Any], command: str, *, log: Path = LOG) -> None:
    """Append the look with all its figures."""
    line = {
        "commit": claim.commit,
        "data": claim.data,
        "again": claim.looks_before,
        "command": command,
        **figures,
    }
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, sort_keys=True) + "\n")


def read(log: Path = LOG) -> list[dict[str, Any]]:
    """All looks, oldest first; none when the log is missing."""
    if not log.is_file():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def digest(path: Path) -> str:
    """The SHA-256 of the file, by which a log of interactions is known."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _git(root: Path, *command: str) -> str:
    try:
        done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClaimError("a claim is made for a commit: this is no git repository") from error
    return done.stdout.strip()
