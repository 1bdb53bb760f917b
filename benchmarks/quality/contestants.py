"""The contestants: the engine's models and the peers (published models to compare with), with their settings.

The grid of a peer is over what its authors call hyperparameters. Item-kNN and EASE appear twice: as published, and with
a history that decays with age ("fading"), which their papers do not have and which makes them much stronger here.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.quality.run import ROOT, Entry
from personalize_local.engine.recommenders.registry import MODELS

DEFAULT = "sequence"
"""The engine's default model."""
DEFAULT_PEERS = ("popularity", "EASE")
"""Peers that need only the project's own environment and finish in minutes on a large log."""
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
"""The environment of the peers' libraries, made by `make bench-quality`."""
_LINEAR, _NEIGHBOURS, _FACTORS, _SASREC = (
    f"benchmarks.peers.{name}" for name in ("linear", "neighbours", "factors", "sasrec")
)
_HERE = Path(sys.executable)
_PEERS_CODE = (
    "benchmarks/peers/histories.py",
    "benchmarks/peers/requirements.txt",
    "personalize_local/engine/base/data.py",
    "personalize_local/engine/base/scores.py",
)
_OUR_CODE = ("benchmarks/quality/ours.py", "personalize_local/engine", "requirements-local.txt")


def _grid(**values: tuple[Any, ...]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


_SIMILARITIES = ("tf-idf", "bm25")
_MEMORIES = (2.0, 5.0, 10.0)
"""The taus of the decaying histories, in events."""

PEERS = {
    entry.name: replace(entry, code=(f"{entry.module.replace('.', '/')}.py", *_PEERS_CODE))
    for entry in (
        Entry("popularity", _LINEAR, "popularity", _HERE, seeds=1),
        Entry(
            "item-kNN",
            _NEIGHBOURS,
            "item_knn",
            PEERS_PYTHON,
            _grid(similarity=_SIMILARITIES, neighbours=(20, 50, 200)),
            seeds=1,
        ),
        Entry("EASE", _LINEAR, "ease", _HERE, _grid(penalty=(50.0, 200.0, 800.0)), seeds=1),
        Entry(
            "ALS",
            _FACTORS,
            "als",
            PEERS_PYTHON,
            _grid(factors=(32, 64, 128), penalty=(0.1,), alpha=(1.0, 10.0)),
        ),
        Entry(
            "BPR",
            _FACTORS,
            "bpr",
            PEERS_PYTHON,
            _grid(factors=(64,), learning_rate=(0.02,), penalty=(0.03, 0.1), iterations=(100, 300)),
        ),
        Entry("SASRec", _SASREC, "sasrec", PEERS_PYTHON, _grid(width=(64,), layers=(2,), dropout=(0.3,)), seeds=1),
        Entry(
            "item-kNN, fading",
            _NEIGHBOURS,
            "item_knn",
            PEERS_PYTHON,
            _grid(similarity=_SIMILARITIES, neighbours=(200,), memory=_MEMORIES),
            seeds=1,
        ),
        Entry("EASE, fading", _LINEAR, "ease", _HERE, _grid(penalty=(100.0, 200.0), memory=_MEMORIES), seeds=1),
    )
}
"""The peers, in the order of the table."""
STRENGTHENED = frozenset({"item-kNN, fading", "EASE, fading"})
"""Peers that the benchmark made stronger than their papers."""


class UnknownContestantError(ValueError):
    """No model of the engine and no peer has this name."""


def entry(name: str, *, parts: bool = False) -> Entry:
    """The contestant of this name; parts: with the parts of the engine's default model.

    UnknownContestantError when there is none.
    """
    if name in PEERS:
        return PEERS[name]
    if name in MODELS:
        setting: dict[str, Any] = {"model": name, **({"parts": True} if parts else {})}
        return Entry(name, "benchmarks.quality.ours", "engine_model", _HERE, (setting,), peer=False, code=_OUR_CODE)
    raise UnknownContestantError(f"no contestant {name!r}; there are {', '.join([*MODELS, *PEERS])}")


def available_entries(entries: list[Entry]) -> Iterator[Entry]:
    """Those entries whose environment exists on this computer."""
    return (one for one in entries if one.python.exists())
