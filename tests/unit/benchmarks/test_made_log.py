"""A log of a given shape, made by a program."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.made_log import generate
from benchmarks.quality.data import read_log

ROOT = Path(__file__).resolve().parents[3]


def test_the_log_has_the_shape_that_was_asked_for(tmp_path: Path) -> None:
    """The benchmark reads it; visitors, items and events are about as many as wanted."""
    path = tmp_path / "new/log.csv"
    command = ["--users", "300", "--items", "90", "--events", "9", "--out", str(path)]
    subprocess.run([sys.executable, "-m", "benchmarks.made_log", *command], cwd=ROOT, check=True)
    log = read_log(path)
    assert 290 <= log.n_users <= 300
    assert 80 <= log.n_items <= 90
    assert 8 <= len(log) / log.n_users <= 10


def test_every_visitor_meets_new_items_only_one_after_the_other() -> None:
    """No item twice, times rise, nobody has fewer than five events; the same seed makes the same log."""
    rows = list(generate(40, 60, 6, seed=1))
    assert rows == list(generate(40, 60, 6, seed=1))
    assert rows != list(generate(40, 60, 6, seed=2))
    for user in {row[0] for row in rows}:
        items, times = zip(*[(item, time) for one, item, time in rows if one == user], strict=True)
        assert 5 <= len(items) == len(set(items))
        assert list(times) == sorted(set(times))


@pytest.mark.parametrize("wrong", [["--users", "0"], ["--items", "2"], ["--events", "0"]])
def test_an_impossible_shape_is_one_sentence(wrong: list[str], tmp_path: Path) -> None:
    """No stack trace."""
    command = [sys.executable, "-m", "benchmarks.made_log", *wrong, "--out", str(tmp_path / "log.csv")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (1, True) == (done.returncode, "must" in done.stderr or "at least" in done.stderr)
    assert "Traceback" not in done.stderr
