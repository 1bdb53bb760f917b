"""The log of claims: every evaluation on the test items of the earlier cut, with its commit and its figures.

The earlier cut is a fair test because nothing is chosen on it. So each commit may look once at each log of
interactions, and every look is recorded in `benchmarks/claims.jsonl`, to which lines are only appended.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.run import ROOT

CLAIMS_LOG = ROOT / "benchmarks/claims.jsonl"
_MEASURED = ("benchmarks", "personalize_local/engine", "requirements-local.txt")
"""The code that a claim measures: with uncommitted changes there, a claim cannot name its code."""


class ClaimError(RuntimeError):
    """The look is refused, for the reason in the message."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to one look, not yet used."""

    commit: str
    data: str
    looks_before: int


def may_look(path: Path, *, again: bool, log: Path = CLAIMS_LOG, root: Path = ROOT) -> Claim:
    """The right to look at the earlier cut of the log of interactions in `path` with the code of this commit.

    ClaimError when the measured code differs from the commit, or when this commit looked before and `again` is false.
    """
    changed = _git(root, "status", "--porcelain", "--", *_MEASURED, f":(exclude){CLAIMS_LOG.relative_to(ROOT)}")
    if changed:
        raise ClaimError(f"commit first: a claim is made for a commit, and these differ from it:\n{changed}")
    commit, data = _git(root, "rev-parse", "HEAD"), digest(path)
    before = sum(1 for line in read(log) if (line["commit"], line["data"]) == (commit, data))
    if before and not again:
        raise ClaimError(
            f"commit {commit[:10]} looked at the earlier cut of {path.name} before: see {CLAIMS_LOG.name};"
            " --again looks once more, and says so in the log"
        )
    return Claim(commit, data, before)


def append_claim(claim: Claim, figures: Mapping[str, Any], command: str, *, log: Path = CLAIMS_LOG) -> None:
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


def read(log: Path = CLAIMS_LOG) -> list[dict[str, Any]]:
    """All recorded looks, oldest first; none when the file is missing."""
    if not log.is_file():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def digest(path: Path) -> str:
    """The SHA-256 of the file, which identifies a log of interactions."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _git(root: Path, *command: str) -> str:
    try:
        done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClaimError("a claim is made for a commit: this is no git repository") from error
    return done.stdout.strip()
