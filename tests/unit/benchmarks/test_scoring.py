"""The benchmark of scoring in small: both ways agree, and the figures are there."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_both_ways_give_the_same_scores(tmp_path: Path) -> None:
    """For each catalogue size there are figures, and the scores differ by rounding alone."""
    figures = tmp_path / "figures.json"
    command = ["--items", "40,90", "--events", "1500", "--repeat", "5", "--json", str(figures)]

    subprocess.run([sys.executable, "-m", "benchmarks.scoring", *command], cwd=ROOT, check=True, capture_output=True)

    measured = json.loads(figures.read_text(encoding="utf-8"))["scoring"]
    assert [40, 90] == [one["items"] for one in measured]
    assert all(one["largest_difference"] < 1e-4 for one in measured)
    assert all(
        {"batch_p50_us", "batch_times_faster", "general_p50_us", "single_p50_us", "single_p99_us", "times_faster"}
        < one.keys()
        for one in measured
    )
