"""The curve over known events as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt

_COLOURS = {"default": "#1f5fa8", "popularity": "#8a6d3b", "random": "#888888"}


def plot(path: Path, known: Sequence[int], curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Draw an SVG: for each model a line, the mean over the worlds, in a band from the worst world to the best.

    curves: for each model and world the share of the oracle's NDCG@10 for each number of known events.
    """
    style: dict[Any, Any] = {"svg.hashsalt": "seed world", "svg.fonttype": "none", "font.size": 10}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
        places = np.arange(len(known))
        for name, worlds in curves.items():
            values = np.array(worlds)
            colour = _COLOURS.get(name)
            axes.plot(places, values.mean(axis=0), marker="o", color=colour, label=name)
            axes.fill_between(places, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        axes.set_xticks(places, [str(number) for number in known])
        axes.set_ylim(0, 1)
        axes.set_xlabel("events known of a visitor whom training has not seen")
        axes.set_ylabel("NDCG@10, share of the oracle's")
        axes.grid(axis="y", alpha=0.3)
        axes.legend(frameon=False, loc="center right")
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)
