"""The growth benchmark in small: figures, the plot, and points that do not fit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale import measure
from benchmarks.scale_child import world

ROOT = Path(__file__).resolve().parents[3]


def test_popularity_follows_zipfs_law() -> None:
    """Items of tenfold rank are seen about a tenth as often: the two decades hold about as many events."""
    events = world(200_000, 1_000)
    counts = np.sort(np.bincount(events.item, minlength=1_000))[::-1]
    second, third = counts[10:100].sum(), counts[100:1_000].sum()
    assert 0.5 < second / third < 2
    assert (200_000, 10_000, 1_000) == (len(events), events.n_users, events.n_items)


def test_without_returns_nobody_meets_an_item_twice() -> None:
    """As many events as asked for, or all that there are."""
    events = world(20_000, 1_000, returns=False)
    met = events.user.astype(np.int64) * 1_000 + events.item
    assert len(np.unique(met)) == len(events)
    assert 15_000 < len(events) <= 20_000
    assert np.all(np.diff(events.user) >= 0)


def test_every_point_has_its_costs(tmp_path: Path) -> None:
    """The quick run prints, writes and draws both points."""
    figures, drawn = tmp_path / "scale.json", tmp_path / "scale.svg"
    command = ["--quick", "--requests", "3", "--model", "popularity", "--json", str(figures), "--plot", str(drawn)]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", *command], cwd=ROOT, check=True, capture_output=True, text=True
    )

    points = json.loads(figures.read_text(encoding="utf-8"))["points"]
    assert [(2_000, 100), (4_000, 200)] == [(point["events"], point["items"]) for point in points]
    for point in points:
        assert point["peak_mebibytes"] > 0
        assert point["request_p99_us"] >= point["request_p50_us"] > 0
    assert "2,000" in done.stdout
    assert "peak memory" in drawn.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to a limit of its data")
def test_a_point_that_does_not_fit_ends_with_a_word() -> None:
    """Over its memory cap a point says so; the machine is not filled."""
    point = measure(50_000_000, 1_000, model="popularity", gibibytes=0.5, cpu_seconds=300, requests=1)
    assert "allocate" in point["refused"]
