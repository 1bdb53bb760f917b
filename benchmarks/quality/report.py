"""The report of an evaluation: a table on the terminal, JSON, Markdown, and a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.quality.answers import WHOLE
from benchmarks.quality.evaluation import Evaluation, Row
from benchmarks.quality.figures import METRICS, Figure

_WIDTH = 132


@dataclass(frozen=True, slots=True)
class Report:
    """The evaluation on one log, with its title, the facts of the log, and published values."""

    title: str
    facts: Mapping[str, Any]
    evaluation: Evaluation
    published: Mapping[str, Mapping[str, float]]


def show(report: Report) -> None:
    """Print the table: each mean above its 95 % interval, peers and published values below our models."""
    table = Table(title=report.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("model")
    for metric in METRICS:
        table.add_column(metric, justify="right")
    for cost in ("train\nCPU s", "peak\nMiB", "score\nus"):
        table.add_column(cost, justify="right")
    for row in _in_order(report.evaluation.rows):
        costs = [] if row.part or row.rule != WHOLE else _costs(row)
        table.add_row(_label(row), *(_cell(row.figures[metric]) for metric in METRICS), *costs)
    for name, values in report.published.items():
        table.add_row(f"{name}, published", *(f"{values[metric]:.4f}" for metric in METRICS))
    console = Console(width=_WIDTH, highlight=False, soft_wrap=False)
    console.print(table)
    for sentence in _comparisons(report):
        console.print(sentence)
    if report.evaluation.by_length:
        console.print(_lengths(report))
    for row in _whole(report.evaluation.rows):
        if row.peer and row.setting:
            console.print(f"{row.name}: " + ", ".join(f"{key} {value}" for key, value in row.setting.items()))


def as_json(report: Report) -> dict[str, Any]:
    """All results, for `--json`."""
    return {
        "title": report.title,
        **report.facts,
        "frozen": report.evaluation.frozen,
        "rows": [
            {
                "model": row.name,
                "part": row.part,
                "not_ranked": row.rule,
                "peer": row.peer,
                "setting": dict(row.setting),
                "seeds": row.seeds,
                "costs": {name: round(value, 2) for name, value in row.costs.items()},
                "figures": {metric: _rounded(figure) for metric, figure in row.figures.items()},
            }
            for row in report.evaluation.rows
        ],
        "comparisons": [
            {**asdict(one), "difference": _rounded(one.difference), "ratio": round(one.ratio, 4)}
            for one in report.evaluation.comparisons
        ],
        "by_length": [
            {"model": one.name, "events": one.events, "cut": one.cut, "visitors": one.users, **_rounded(one.figure)}
            for one in report.evaluation.by_length
        ],
        "published": {name: dict(values) for name, values in report.published.items()},
    }


def as_markdown(report: Report) -> str:
    """The table for the documentation: only the interval of NDCG@10, then costs, with the comparisons below."""
    head = ["model", *METRICS, "95 % of NDCG@10", "train, CPU s", "peak, MiB", "score, us"]
    lines = [f"**{report.title}**", "", _line(head), _line(["---"] * len(head))]
    for row in _in_order(report.evaluation.rows):
        interval = row.figures["NDCG@10"]
        costs = ["", "", ""] if row.part or row.rule != WHOLE else _costs(row)
        figures = [f"{row.figures[metric].mean:.4f}" for metric in METRICS]
        lines.append(_line([_label(row).strip(), *figures, f"{interval.low:.3f} to {interval.high:.3f}", *costs]))
    for name, values in report.published.items():
        lines.append(_line([f"{name}, published", *(f"{values[metric]:.4f}" for metric in METRICS), *[""] * 4]))
    comparisons = "".join(f"\n- {sentence}" for sentence in _comparisons(report))
    return "\n".join(lines) + "\n" + (f"{comparisons}\n" if comparisons else "")


def plot(reports: Sequence[Report], path: Path) -> None:
    """Plot NDCG@10 of every contestant with its interval, one panel for each log, published values as open points."""
    import matplotlib as mpl

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    from matplotlib import pyplot

    panels = [_whole(report.evaluation.rows) for report in reports]
    height = 1.2 + 0.32 * max(len(rows) + len(report.published) for rows, report in zip(panels, reports, strict=True))
    style: dict[Any, Any] = {"svg.hashsalt": "quality", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(style):
        drawn, axes = pyplot.subplots(1, len(reports), figsize=(5.6 * len(reports), height), squeeze=False)
        for axis, report, rows in zip(axes[0], reports, panels, strict=True):
            labels: list[str] = []
            for row in rows:
                figure, color = row.figures["NDCG@10"], "tab:gray" if row.peer else "tab:blue"
                axis.plot([figure.low, figure.high], [len(labels)] * 2, color=color, linewidth=2, alpha=0.5)
                axis.plot(figure.mean, len(labels), "o", color=color)
                labels.append(row.name)
            for name, values in report.published.items():
                axis.plot(values["NDCG@10"], len(labels), "o", color="tab:orange", markerfacecolor="none")
                labels.append(f"{name}, published")
            axis.set_yticks(range(len(labels)), labels)
            axis.invert_yaxis()
            axis.set_xlim(left=0)
            axis.set_xlabel("NDCG@10, mean and 95 % interval over visitors")
            axis.set_title(report.title, fontsize=9)
            axis.grid(axis="x", alpha=0.3)
        drawn.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(drawn)


def _comparisons(report: Report) -> Iterator[str]:
    for one in report.evaluation.comparisons:
        found, among = one.difference, "all peers" if one.strengthened else "peers as published"
        yield (
            f"{one.ours} against {one.peer}, the best of {among}: NDCG@10 {found.mean:+.4f}"
            f" ({found.low:+.4f} to {found.high:+.4f}), {one.ratio - 1:+.0%}"
        )


def _lengths(report: Report) -> Table:
    """NDCG@10 by length of the history, and for the same users with histories that are cut."""
    table = Table(title="NDCG@10 by length of the history", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for column in ("model", "events known of a visitor", "visitors", "NDCG@10", "95 %"):
        table.add_column(column, justify="left" if column in ("model", "events known of a visitor") else "right")
    for one in report.evaluation.by_length:
        known = f"{one.events} (the same visitors)" if one.cut else one.events
        interval = f"{one.figure.low:.4f} to {one.figure.high:.4f}"
        table.add_row(one.name, known, f"{one.users:,}", f"{one.figure.mean:.4f}", interval)
    return table


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """The rows of the table: those with the other rule of exclusion only for our models, and not for their parts."""
    return [row for row in rows if row.rule == WHOLE or (not row.part and not row.peer)]


def _whole(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row.part and row.rule == WHOLE]


def _label(row: Row) -> str:
    label = f"  part: {row.part}" if row.part else row.name
    return label if row.rule == WHOLE else f"{label}, only {row.rule} not ranked"


def _cell(figure: Figure) -> str:
    return f"{figure.mean:.4f}\n{_bound(figure.low)}-{_bound(figure.high)}"


def _bound(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _costs(row: Row) -> list[str]:
    names = ("training_cpu_seconds", "peak_mebibytes", "serving_p50_us")
    return [f"{row.costs[name]:,.0f}" if row.costs[name] >= 10 else f"{row.costs[name]:.1f}" for name in names]


def _rounded(figure: Figure) -> dict[str, float]:
    return {name: round(value, 5) for name, value in asdict(figure).items()}
