"""The ensemble of the closed form and two neural networks.

Two networks with different initial weights make different errors, so the error of their mean is smaller (Hansen and
Salamon, "Neural network ensembles", IEEE PAMI 1990; a third added little). Closed form and networks are combined in a
logarithmic opinion pool (Genest and Zidek, "Combining probability distributions", Statistical Science 1986): a weighted
sum of logits, whose weights maximize the likelihood of the newest events. The networks do not cover items without
events; these keep the probabilities of the closed form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Events, Float32, Float64, History
from personalize_local.engine.choice.blend import fit_weights
from personalize_local.engine.ranking.network import Network
from personalize_local.engine.ranking.training_queries import Query, evenly_sampled, targets_of

_NETWORKS: Final = 2
_PRIOR: Final = (1.0, 0.0)
"""The prior means of the two weights: the closed form only."""
_PRECISION: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The networks, and the weights of the opinion pool."""

    networks: tuple[Network, ...]
    """Networks over the same h items, those with events."""
    weights: Float64
    """Shape [2]: the weights of the closed form's scores and of the networks' mean logits."""

    @classmethod
    def fit(cls, events: Events, queries: list[Query], closed_form: Callable[[History], Float32], *, seed: int) -> Self:
        """Train the networks on events in order; fit the weights to maximize the likelihood of the queries' items.

        queries: their items are not among `events`. closed_form: the closed form's scores [n_items] of a history.
        """
        networks = tuple(Network.fit(events, seed=seed + number) for number in range(_NETWORKS))
        ensemble = cls(networks, np.array(_PRIOR))
        head, row_of_item = networks[0].head, networks[0].row_of_item
        sampled = evenly_sampled([query for query in queries if row_of_item[query.item] >= 0], 2 * len(head))
        logits = np.empty((len(sampled), len(head), 2), np.float32)
        for number, query in enumerate(sampled):
            logits[number, :, 0] = closed_form(query.history)[head]
            logits[number, :, 1] = ensemble.network_logits(query.history)
        item, importance = targets_of(sampled)
        weights = fit_weights(logits, row_of_item[item], importance, prior=ensemble.weights, precision=_PRECISION)
        return cls(networks, weights)

    def refit(self, events: Events, *, seed: int) -> "Ensemble":
        """The ensemble with the same weights, and its networks trained further on events that include newer ones."""
        networks = (Network.fit(events, seed=seed + number, start=one) for number, one in enumerate(self.networks))
        return Ensemble(tuple(networks), self.weights)

    def network_logits(self, history: History) -> Float32:
        """Shape [h]: the mean logits of the networks for the items with events."""
        network_logits: Float32 = np.mean([network.logits(history) for network in self.networks], axis=0)
        return network_logits

    def combine(self, history: History, closed_form: Float32) -> tuple[Float32, Float32]:
        """The scores of the ensemble, and the networks' mean logits, both [n_items].

        closed_form: [n_items], the closed form's scores of the history. Items without events get the lowest logit.
        """
        closed_form_weight, network_weight = self.weights.astype(np.float32)
        head, network_logits = self.networks[0].head, self.network_logits(history)
        warm = closed_form[head]
        pooled = closed_form_weight * warm + network_weight * network_logits
        pooled += _log_sum(warm) - _log_sum(pooled)
        scores, all_network_logits = closed_form.copy(), np.full(len(closed_form), network_logits.min(), np.float32)
        scores[head], all_network_logits[head] = pooled, network_logits
        return scores, all_network_logits

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in arrays, for storage."""
        arrays: dict[str, npt.NDArray[Any]] = {"ensemble_weights": self.weights}
        for number, network in enumerate(self.networks):
            arrays |= network.arrays(f"network_{number}")
        return arrays

    @classmethod
    def of_arrays(cls, stored: dict[str, npt.NDArray[Any]]) -> Self:
        """The ensemble that `arrays` stored."""
        rows = (name for name in stored if name.startswith("network_") and name.endswith("_row_of_item"))
        names = sorted(name.removesuffix("_row_of_item") for name in rows)
        return cls(tuple(Network.of_arrays(name, stored) for name in names), stored["ensemble_weights"])


def _log_sum(logits: Float32) -> np.float32:
    """The logarithm of the sum of the exponentials."""
    top = logits.max()
    return np.float32(top + np.log(np.exp(logits - top).sum()))
