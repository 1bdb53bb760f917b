"""The learned re-ranker: gradient-boosted trees that order the closed form's first candidates.

LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) as LightGBM trains it (Ke et al., NeurIPS 2017),
on one thread and in a fixed order, so that the same data give the same trees.
"""

import logging
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float32, Indices

_LOG = logging.getLogger(__name__)
_SETTINGS: Final[dict[str, Any]] = {
    "objective": "lambdarank",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "lambdarank_truncation_level": 30,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


class Trees:
    """Loads LightGBM when it is first needed, because it needs the OpenMP library of the machine."""

    _module: ModuleType | None = None
    _missing = False

    @classmethod
    def module(cls) -> ModuleType | None:
        """LightGBM, or None if it cannot be loaded, with one warning in the log."""
        if cls._module is None and not cls._missing:
            try:
                import lightgbm
            except (ImportError, OSError) as error:
                cls._missing = True
                _LOG.warning("LightGBM cannot be loaded (%s): models rank by their closed form alone.", error)
            else:
                cls._module = lightgbm
        return cls._module


@dataclass(frozen=True, slots=True)
class Reranker:
    """A trained forest."""

    booster: Any
    """A lightgbm.Booster."""

    @classmethod
    def fit(cls, features: Float32, chosen: Indices, *, seed: int, trees: int) -> Self | None:
        """Train a forest; None if LightGBM cannot be loaded.

        features: [q, c, k], of c candidates for each of q queries. chosen: [q], the place of the query's item among its
        candidates. trees: the number of trees.
        """
        lightgbm = Trees.module()
        if lightgbm is None:
            return None
        queries, candidates, width = features.shape
        relevant = np.zeros((queries, candidates), np.int8)
        relevant[np.arange(queries), chosen] = 1
        data = lightgbm.Dataset(
            features.reshape(-1, width), relevant.ravel(), group=np.full(queries, candidates), free_raw_data=True
        )
        return cls(lightgbm.train({**_SETTINGS, "seed": seed}, data, num_boost_round=trees))

    def margins(self, features: Float32) -> Float32:
        """Shape [..., c]: the score of each candidate less the mean of its query, from features [..., c, k]."""
        raw = self.booster.predict(features.reshape(-1, features.shape[-1]), num_threads=1)
        margins: Float32 = np.array(raw, np.float32).reshape(features.shape[:-1])
        margins -= margins.mean(axis=-1, keepdims=True)
        return margins

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The forest in LightGBM's text format, as bytes: nothing in it is executed."""
        return {"reranker": np.frombuffer(self.booster.model_to_string().encode(), np.uint8)}

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self | None:
        """The forest that `arrays` stored; None if LightGBM cannot be loaded."""
        lightgbm = Trees.module()
        if lightgbm is None:
            return None
        return cls(lightgbm.Booster(model_str=stored["reranker"].tobytes().decode()))
