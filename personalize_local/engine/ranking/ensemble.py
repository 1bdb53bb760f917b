"""What the closed form says of the items, and what two networks say, as one opinion.

Two networks from different first weights err differently, so their mean errs less (Hansen and Salamon, "Neural network
ensembles", IEEE PAMI 1990; a third added little). A logarithmic opinion pool (Genest and Zidek, "Combining probability
distributions", Statistical Science 1986): the logits are weighed and added, and the weights are those under which the
newest events are most likely. Networks know nothing of items without events, so these keep the chances that the closed
form gives them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Events, Float32, Float64, History
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.ranking.network import Network
from personalize_local.engine.ranking.training_queries import Query, some_of, targets_of

_NETWORKS: Final = 2
_PRIOR: Final = (1.0, 0.0)
"""Without evidence the closed form speaks alone."""
_PRECISION: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Networks of the same items, and how much the closed form and their mean count: weights [2]."""

    networks: tuple[Network, ...]
    weights: Float64

    @classmethod
    def fit(cls, events: Events, queries: list[Query], closed: Callable[[History], Float32], *, seed: int) -> Self:
        """Networks of events in order, and the weights under which what came next in the queries is most likely.

        closed: the closed form's scores [n_items]. The queries' own events are not among `events`.
        """
        networks = tuple(Network.fit(events, seed=seed + number) for number in range(_NETWORKS))
        pool = cls(networks, np.array(_PRIOR))
        head, place = networks[0].head, networks[0].place
        asked = some_of([query for query in queries if place[query.item] >= 0], 2 * len(head))
        said = np.empty((len(asked), len(head), 2), np.float32)
        for number, query in enumerate(asked):
            said[number, :, 0] = closed(query.history)[head]
            said[number, :, 1] = pool.said(query.history)
        item, importance = targets_of(asked)
        weights = fit_weights(said, place[item], importance, prior=pool.weights, precision=_PRECISION)
        return cls(networks, weights)

    def again(self, events: Events, *, seed: int) -> "Ensemble":
        """The same pool with networks that know these events too."""
        networks = (Network.fit(events, seed=seed + number, start=one) for number, one in enumerate(self.networks))
        return Ensemble(tuple(networks), self.weights)

    def said(self, history: History) -> Float32:
        """What the networks say of the items with events, shape [h]: the mean of their logits."""
        said: Float32 = np.mean([network.logits(history) for network in self.networks], axis=0)
        return said

    def read(self, history: History, closed: Float32) -> tuple[Float32, Float32]:
        """The pooled scores and what the networks say, both [n_items], of what the closed form says."""
        of_closed, of_network = self.weights.astype(np.float32)
        head, said = self.networks[0].head, self.said(history)
        known = closed[head]
        pooled = of_closed * known + of_network * said
        pooled += _log_sum(known) - _log_sum(pooled)
        scores, spoken = closed.copy(), np.full(len(closed), said.min(), np.float32)
        scores[head], spoken[head] = pooled, said
        return scores, spoken

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        arrays: dict[str, npt.NDArray[Any]] = {"pool_weights": self.weights}
        for number, network in enumerate(self.networks):
            arrays |= network.arrays(f"network_{number}")
        return arrays

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The pool that `arrays` gave."""
        places = (name for name in stored if name.startswith("network_") and name.endswith("_place"))
        names = sorted(name.removesuffix("_place") for name in places)
        return cls(tuple(Network.of_arrays(name, stored) for name in names), stored["pool_weights"])


def _log_sum(logits: Float32) -> np.float32:
    top = logits.max()
    return np.float32(top + np.log(np.exp(logits - top).sum()))
