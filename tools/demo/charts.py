"""The report's pictures, as SVG that stands by itself in a page."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.demo.cloud import Run
from tools.demo.story import Story
from tools.demo.visitors import SHARE_OF, Change

_BLUE, _ORANGE, _GREEN, _GREY = "#2563a8", "#d97706", "#2f855a", "#9aa5b1"
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",  # the same ids for the same picture
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GREY,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
_METRICS = {
    "normalized_discounted_cumulative_gain_at_5": "NDCG@5",
    "normalized_discounted_cumulative_gain_at_25": "NDCG@25",
    "precision_at_5": "precision@5",
    "coverage": "coverage",
}


def events_by_fate(story: Story) -> str:
    """Events sent, accepted, quarantined and archived over the seconds of the streaming."""
    figure, axes = _new(7.5, 3.0)
    samples = story.samples
    seconds = [sample.second for sample in samples]
    axes.plot(seconds, [sample.sent for sample in samples], color=_GREY, label="sent", linewidth=3)
    axes.plot(seconds, [sample.accepted for sample in samples], color=_BLUE, label="accepted", linewidth=2)
    axes.plot(seconds, [sample.quarantined for sample in samples], color=_ORANGE, label="quarantined", linewidth=2)
    stored = sorted(((moment - story.began).total_seconds(), records) for moment, records in story.archived)
    counts = itertools.accumulate(records for _, records in stored)
    axes.step([max(0.0, second) for second, _ in stored], list(counts), color=_GREEN, label="archived", where="post")
    axes.set_xlim(0, max(seconds, default=0.0) + 4)  # the archive follows by its buffering interval
    axes.set_xlabel("seconds")
    axes.set_ylabel("events")
    axes.legend(frameon=False, loc="upper left")
    return _svg(figure)


def metrics_of_versions(runs: Sequence[Run]) -> str:
    """The offline metrics of each trained version, side by side."""
    versions = [
        (f"{solution['role']}\ntraining {number}", solution["metrics"])
        for number, run in enumerate(runs, start=1)
        for solution in run.solutions
        if solution["metrics"]
    ]
    figure, axes = _new(7.5, 3.0)
    width = 0.8 / max(len(_METRICS), 1)
    for place, ((metric, name), color) in enumerate(
        zip(_METRICS.items(), (_BLUE, "#7aa6d8", _GREEN, _GREY), strict=True)
    ):
        heights = [metrics.get(metric, 0.0) for _, metrics in versions]
        axes.bar([index + place * width for index in range(len(versions))], heights, width, label=name, color=color)
    axes.set_xticks([index + 1.5 * width for index in range(len(versions))], [label for label, _ in versions])
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.18))
    return _svg(figure)


def share_of_the_clicked_kind(changes: Sequence[Change]) -> str:
    """For each visitor, the share of the clicked kind among the recommendations before and after the clicks."""
    figure, axes = _new(7.5, 3.4)
    ordered = sorted(changes, key=lambda change: change.share_after)
    for place, change in enumerate(ordered):
        axes.plot([place, place], [change.share_before, change.share_after], color=_GREY, linewidth=1.5, zorder=1)
    places = range(len(ordered))
    axes.scatter(places, [change.share_before for change in ordered], color=_ORANGE, label="before", zorder=2)
    axes.scatter(places, [change.share_after for change in ordered], color=_BLUE, label="after five clicks", zorder=2)
    axes.set_xticks(places, [change.clicker.user_id for change in ordered], rotation=60, fontsize=8)
    axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel(f"share of the top {SHARE_OF}")
    axes.legend(frameon=False, loc="upper left")
    return _svg(figure)


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    """The picture as one `<svg>` element."""
    text = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(text, format="svg", metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]
