"""The log of claims: one look for a commit and a log of interactions, and every look is kept."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.quality.claims import CLAIMS_LOG, Claim, ClaimError, append_claim, may_look, read


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, in which nothing changed since."""
    root = tmp_path / "repository"
    (root / "benchmarks").mkdir(parents=True)
    (root / "benchmarks/forwarder.py").write_text("1\n", encoding="utf-8")
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("USER_ID,ITEM_ID,TIMESTAMP\n", encoding="utf-8")
    return path


def git(root: Path, *command: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *command], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "change", "--allow-empty")


def test_a_commit_looks_once(repository: Path, data: Path) -> None:
    """After a look was noted the same commit is refused the same log, until it says so."""
    log = repository / "benchmarks/claims.jsonl"
    append_claim(may_look(data, again=False, log=log, root=repository), {"ndcg": 0.1}, "first", log=log)
    with pytest.raises(ClaimError, match="looked at the earlier cut"):
        may_look(data, again=False, log=log, root=repository)
    append_claim(may_look(data, again=True, log=log, root=repository), {"ndcg": 0.2}, "second", log=log)
    assert [(0, "first", 0.1), (1, "second", 0.2)] == [
        (line["again"], line["command"], line["ndcg"]) for line in read(log)
    ]


def test_another_commit_and_another_log_may_look(repository: Path, data: Path) -> None:
    """The right belongs to a commit and the bytes of the interactions, not to a file name."""
    log = repository / "benchmarks/claims.jsonl"
    first = may_look(data, again=False, log=log, root=repository)
    append_claim(first, {}, "first", log=log)
    data.write_text("USER_ID,ITEM_ID,TIMESTAMP\n1,2,3\n", encoding="utf-8")
    assert 0 == may_look(data, again=False, log=log, root=repository).looks_before
    data.write_text("USER_ID,ITEM_ID,TIMESTAMP\n", encoding="utf-8")
    commit(repository)
    second = may_look(data, again=False, log=log, root=repository)
    assert (0, first.data) == (second.looks_before, second.data)
    assert first.commit != second.commit


def test_what_is_not_committed_cannot_claim(repository: Path, data: Path) -> None:
    """Figures of a changed tree belong to no commit; the log of claims itself may have changed."""
    (repository / "benchmarks/claims.jsonl").write_text("", encoding="utf-8")
    may_look(data, again=False, log=repository / "benchmarks/claims.jsonl", root=repository)
    (repository / "benchmarks/forwarder.py").write_text("2\n", encoding="utf-8")
    with pytest.raises(ClaimError, match=r"forwarder\.py"):
        may_look(data, again=False, root=repository)


def test_without_a_repository_there_is_no_claim(tmp_path: Path, data: Path) -> None:
    """An unpacked archive has no commit to claim for."""
    with pytest.raises(ClaimError, match="no git repository"):
        may_look(data, again=False, root=tmp_path)


def test_looks_are_appended(tmp_path: Path) -> None:
    """A note leaves the lines before it as they were."""
    log = tmp_path / "claims.jsonl"
    log.write_text('{"old": 1}\n', encoding="utf-8")
    append_claim(Claim("c", "d", 0), {"new": 2}, "command", log=log)
    lines = log.read_text(encoding="utf-8").splitlines()
    assert '{"old": 1}' == lines[0]
    assert {"commit": "c", "data": "d", "again": 0, "command": "command", "new": 2} == json.loads(lines[1])


def test_every_repeated_look_of_the_projects_log_says_so() -> None:
    """In the log of this repository a commit's second look at the same data is marked as one."""
    seen: dict[tuple[str, str], int] = {}
    for line in read(CLAIMS_LOG):
        key = line["commit"], line["data"]
        assert seen.get(key, 0) == line["again"]
        seen[key] = seen.get(key, 0) + 1
