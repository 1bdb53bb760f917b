"""Models on disk: arrays in `arrays.npz`, the rest in `model.json`. Nothing is pickled, so nothing is executed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

_ARRAYS, _FACTS = "arrays.npz", "model.json"
FORMAT = 5
"""The format of stored models. Raised when the facts or arrays of a model change, or their meaning."""


class FormatError(ValueError):
    """Another version of the engine wrote the stored model; it must be trained again."""


def write(folder: Path, *, model: str, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a model's facts (what json can hold) and arrays into `folder`, which is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _ARRAYS).open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(arrays))
    stored = {"model": model, "format": FORMAT, **facts}
    (folder / _FACTS).write_text(json.dumps(stored, indent=1, sort_keys=True), encoding="utf-8")


def model_name(folder: Path) -> str:
    """The registry's name of the model that `folder` holds; FormatError as `read`."""
    return str(_facts(folder)["model"])


def read(folder: Path, *, model: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Facts and arrays of the model that `write` wrote.

    ValueError when `folder` holds another model, FormatError when another version of the engine wrote it.
    """
    facts = _facts(folder)
    found = facts.pop("model")
    if found != model:
        raise ValueError(f"{folder} holds a {found!r} model, not {model!r}")
    with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
        return facts, {name: stored[name] for name in stored.files}


def of_sparse(name: str, matrix: sparse.csr_matrix) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a sparse matrix for `write`, with the names that `sparse_of` reads."""
    return {f"{name}_data": matrix.data, f"{name}_indices": matrix.indices, f"{name}_indptr": matrix.indptr}


def sparse_of(name: str, arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]) -> sparse.csr_matrix:
    """The sparse matrix whose arrays `of_sparse` gave."""
    parts = (arrays[f"{name}_data"], arrays[f"{name}_indices"], arrays[f"{name}_indptr"])
    return sparse.csr_matrix(parts, shape=shape)


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    found = facts.pop("format", 1)  # the first format did not say so
    if found != FORMAT:
        raise FormatError(f"{folder} holds a model of format {found}; this engine reads format {FORMAT}")
    return facts
