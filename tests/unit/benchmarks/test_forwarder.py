"""The forwarder's benchmark in small: it counts and compares what it says it does."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.forwarder import invocations, minimum_calls

ROOT = Path(__file__).resolve().parents[3]


def test_the_minimum_is_ten_events_a_call_per_batch_and_session():
    """Two batches of 60 and 40 events of 4 sessions need 4 x ceil(15 / 10) and 4 x ceil(10 / 10) calls."""
    assert 4 * 2 + 4 * 1 == minimum_calls(invocations(100, 4, 60))


def test_the_handler_makes_the_fewest_calls_in_order(tmp_path):
    """In a run of 300 events nothing fails, no call is superfluous and every session stays in order."""
    figures = tmp_path / "figures.json"
    command = ["--events", "300", "--sessions", "20", "--batch", "100", "--latency", "1", "--json", str(figures)]

    subprocess.run([sys.executable, "-m", "benchmarks.forwarder", *command], cwd=ROOT, check=True, capture_output=True)

    measured = json.loads(figures.read_text(encoding="utf-8"))
    expected = {"calls": 60, "minimum_calls": 60, "loop_calls": 300, "order_kept": True, "failures": 0}
    assert expected == {name: measured[name] for name in expected}
    assert {"speedup", "cpu_us_per_event", "floor_cpu_us_per_event"} < measured.keys()
