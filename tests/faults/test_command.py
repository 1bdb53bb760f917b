"""`python -m tests.faults`: what it prints and writes, and how it ends."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_cloud.common.state import LocalCloudError
from tests.faults import __main__ as command
from tests.faults.ledger import Balance
from tests.faults.run import Report

BALANCE = Balance(
    sent=1000,
    stored_once=989,
    quarantined=10,
    failure_destination=1,
    unexplained=0,
    duplicated=0,
    out_of_order=0,
    archived=1000,
    archive_missing=0,
    archive_twice=0,
    findings={},
    reasons={"NaN": 10},
    lost=[],
)
REPORT = Report(
    events=1000,
    seed=9,
    seconds=20.0,
    peak_megabytes={"together": 700.0},
    acts=["split shard"],
    shards=2,
    balance=BALANCE,
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What the command starts a run with; it is run in a folder of its own."""
    calls: list[Any] = []

    def run(events: int, seed: int, folder: Path, **_: Any) -> Report:
        calls.append((events, seed, folder))
        assert folder.is_dir()
        return REPORT

    monkeypatch.setattr(command, "run", run)
    monkeypatch.chdir(tmp_path)
    return calls


def main(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """The exit code."""
    monkeypatch.setattr("sys.argv", ["faults", *options])
    try:
        return command.main()
    except SystemExit as ended:
        return int(ended.code or 0)


def test_a_balanced_run_ends_with_0(started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The table, `out/faults.json` with all sums, and no state left behind."""
    assert 0 == main(monkeypatch, "--events", "1000", "--seed", "9")
    [(events, seed, folder)] = started
    assert (1000, 9, False) == (events, seed, folder.exists())
    shown = capsys.readouterr().out
    for text in ("balanced", "stored exactly once", "989", "50", "700 MB"):
        assert text in shown
    written = json.loads(Path("out/faults.json").read_text())
    sums = {"sent": 1000, "stored_once": 989, "quarantined": 10, "failure_destination": 1}
    zeros = dict.fromkeys(("unexplained", "duplicated", "out_of_order", "archive_missing", "archive_twice"), 0)
    assert sums | zeros == {name: written[name] for name in sums | zeros}
    assert (True, 20.0, 700.0) == (
        written["balanced"],
        written["duration_seconds"],
        written["peak_memory_megabytes"]["together"],
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"unexplained": 1, "findings": {"in none of the three places": 1}},
        {"duplicated": 1},
        {"out_of_order": 1},
        {"archive_missing": 1},
        {"stored_once": 988},
    ],
)
def test_an_unbalanced_run_ends_with_3(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """And says so, and where the state is kept; the report is written all the same."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    report = replace(REPORT, balance=replace(BALANCE, **wrong))
    monkeypatch.setattr(command, "run", lambda *_, **__: report)
    assert 3 == main(monkeypatch, "--json", "there/faults.json")
    shown = capsys.readouterr().out
    assert "NOT BALANCED" in shown
    [kept] = tmp_path.glob("faults-*")
    assert f"kept in {kept}" in shown
    assert not json.loads(Path("there/faults.json").read_text())["balanced"]


def test_what_went_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """With exit code 1."""

    def fail(*_: Any, **__: Any) -> Report:
        raise LocalCloudError("the emulator's environment is missing")

    monkeypatch.setattr(command, "run", fail)
    assert 1 == main(monkeypatch)
    assert "error: the emulator's environment is missing\n" == capsys.readouterr().err


def test_a_number_that_cannot_be_is_refused(started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Before anything is started."""
    assert 2 == main(monkeypatch, "--events", "3")
    assert "500" in capsys.readouterr().err
    assert not started


def test_help_says_how_it_ends(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert 0 == main(monkeypatch, "--help")
    shown = capsys.readouterr().out
    assert "--seed" in shown
    assert "Exit code 0" in shown
