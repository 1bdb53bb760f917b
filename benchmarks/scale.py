"""The costs of training and serving as data grows: `python -m benchmarks.scale [--quick] [--json FILE] [--plot FILE]`.

Generated events in which popularity follows Zipf's law, 10^4 to 10^7 events and 10^3 to 10^6 items. The engine's
default model is trained on each and scores all items, in a process of its own with limits of memory and CPU time. If
the model refuses because it does not fit, its message is printed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality.command import machine

ROOT = Path(__file__).resolve().parents[1]
POINTS = (
    (10**4, 10**3),
    (10**5, 10**3),
    (10**5, 10**4),
    (10**6, 10**4),
    (10**6, 10**5),
    (10**7, 10**5),
    (10**5, 10**6),
    (10**6, 10**6),
    (10**7, 10**6),
)
QUICK = ((2_000, 100), (4_000, 200))
_MEASURES = {
    "training_cpu_seconds": "training, CPU seconds",
    "peak_mebibytes": "peak memory, MiB",
    "request_p50_us": "a request over all items, microseconds",
}


def measure(
    n_events: int,
    n_items: int,
    *,
    model: str,
    gibibytes: float,
    cpu_seconds: int,
    requests: int,
    returns: bool = True,
) -> dict[str, Any]:
    """The figures of one point, or the reason why there are none, in "refused"."""
    command = [sys.executable, "-m", "benchmarks.scale_child", str(n_events), str(n_items), "--model", model]
    command += ["--gibibytes", str(gibibytes), "--cpu-seconds", str(cpu_seconds), "--requests", str(requests)]
    command += [] if returns else ["--without-returns"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    point: dict[str, Any] = {"events": n_events, "items": n_items}
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        point.update(json.loads(lines[-1]))
        return point
    if done.returncode < 0:
        return point | {"refused": f"ended by signal {-done.returncode}: over {cpu_seconds} CPU s or {gibibytes:g} GiB"}
    return point | {"refused": (done.stderr.strip().splitlines() or ["no message"])[-1]}


def plot(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot the three costs over the number of events, on log scales, with one line for each catalogue size."""
    import matplotlib as mpl

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    from matplotlib import pyplot

    style: dict[Any, Any] = {"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(style):
        drawn, axes = pyplot.subplots(1, len(_MEASURES), figsize=(12, 3.8))
        for axis, (name, label) in zip(axes, _MEASURES.items(), strict=True):
            for n_items in sorted({point["items"] for point in points}):
                line = [point for point in points if point["items"] == n_items and name in point]
                places = [point["events"] for point in line]
                axis.plot(places, [point[name] for point in line], "o-", label=f"{n_items:,} items")
            axis.set(xscale="log", yscale="log", xlabel="events", title=label)
            axis.grid(which="major", alpha=0.3)
        axes[0].legend()
        drawn.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(drawn)


def main() -> None:
    """Measure and print each point, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=_points, help="events x items, such as 1e4x1e3,1e6x1e5")
    parser.add_argument("--quick", action="store_true", help="two small points")
    parser.add_argument("--model", default="sequence")
    parser.add_argument("--gibibytes", type=float, default=8.0, help="memory cap of a point (default: %(default)s)")
    parser.add_argument("--cpu-seconds", type=int, default=900, help="CPU cap of a point (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument(
        "--without-returns", action="store_true", help="no user has two events on one item: the whole model"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="SVG or PNG")
    arguments = parser.parse_args()
    print(f"{'events':>11}{'items':>10}{'train CPU s':>13}{'peak MiB':>10}{'request us':>12}{'p99 us':>10}", flush=True)
    points = []
    for n_events, n_items in arguments.points or (QUICK if arguments.quick else POINTS):
        point = measure(
            n_events,
            n_items,
            model=arguments.model,
            gibibytes=arguments.gibibytes,
            cpu_seconds=arguments.cpu_seconds,
            requests=arguments.requests,
            returns=not arguments.without_returns,
        )
        points.append(point)
        print(_line(point), flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        written = {"machine": machine(), "model": arguments.model, "points": points}
        arguments.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        plot(points, arguments.plot)


def _line(point: dict[str, Any]) -> str:
    size = f"{point['events']:>11,}{point['items']:>10,}"
    if "refused" in point:
        return f"{size}  {point['refused']}"
    return (
        f"{size}{point['training_cpu_seconds']:>13,.1f}{point['peak_mebibytes']:>10,.0f}"
        f"{point['request_p50_us']:>12,.0f}{point['request_p99_us']:>10,.0f}"
    )


def _points(text: str) -> list[tuple[int, int]]:
    try:
        pairs = [point.split("x") for point in text.split(",")]
        return [(int(float(events)), int(float(items))) for events, items in pairs]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"events x items, such as 1e4x1e3,1e6x1e5, not {text!r}") from error


if __name__ == "__main__":
    main()
