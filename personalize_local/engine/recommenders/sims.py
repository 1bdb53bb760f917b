"""Items with users in common, as recipe aws-sims finds them: from counts only."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from personalize_local.engine.base import storage
from personalize_local.engine.base.data import Catalogue, Events, Float32, History, Int32
from personalize_local.engine.base.models import Capabilities, refuse_unknown
from personalize_local.engine.base.percentiles import filter_users, within_percentiles
from personalize_local.engine.linear.cooccurrence import Cooccurrence, item_of
from personalize_local.engine.recommenders.popularity import PopularityModel

MODEL = "sims"


@dataclass(frozen=True, slots=True)
class SimsModel:
    """Item-to-item collaborative filtering: the neighbours of an item by users in common, discounted by popularity.

    The scores are for the last item of the history. Its neighbours are ranked first, by common / users ** discount;
    then the other items by popularity; the item itself is last. All items are ranked by popularity if the item has no
    neighbours or the history is empty.

    Source: developer guide, "SIMS recipe"; Linden et al., "Amazon.com recommendations: item-to-item collaborative
    filtering" (2003).
    """

    capabilities: ClassVar[Capabilities] = Capabilities(cold_items=False, real_time=False, by_item=True)

    similar: sparse.csr_matrix
    """csr float32 [n_items, n_items]: the log-similarity of each item's neighbours."""
    log_share: Float32
    """Shape [n_items]: the logarithm of each item's share of users."""

    @classmethod
    def fit(
        cls,
        events: Events,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        popularity_discount_factor: float = 0.5,
        min_cointeraction_count: float = 3,
        min_user_history_length_percentile: float = 0.0,
        max_user_history_length_percentile: float = 1.0,
        min_item_interaction_count_percentile: float = 0.0,
        max_item_interaction_count_percentile: float = 1.0,
        **unknown: float,
    ) -> Self:
        """Count users in common.

        popularity_discount_factor: 0 ranks by the number of users in common, 1 by their share of the neighbour's users.
        min_cointeraction_count: the fewest users in common of neighbours. The percentiles (0..1) leave out the users
        and the items with the fewest and the most events; items that are left out neither have neighbours nor are
        neighbours.
        """
        refuse_unknown(MODEL, unknown)
        popular = PopularityModel.fit(events, catalogue, seed=seed)
        kept = filter_users(events, min_user_history_length_percentile, max_user_history_length_percentile)
        per_item = np.bincount(kept.item, minlength=events.n_items)
        counted = within_percentiles(
            per_item, min_item_interaction_count_percentile, max_item_interaction_count_percentile
        )
        counts = Cooccurrence.of(kept.of(counted[kept.item]))
        common = counts.common.tocoo()
        enough = common.data >= max(min_cointeraction_count, 1)
        row, column = common.row[enough], common.col[enough]
        similar = np.log(common.data[enough]) - popularity_discount_factor * np.log(counts.users[column])
        matrix = sparse.csr_matrix((similar.astype(np.float32), (row, column)), shape=common.shape)
        return cls(matrix, popular.log_share)

    def score(self, history: History, *, now: float | None = None, context: Int32 | None = None) -> Float32:
        item = item_of(history)
        if item is None:
            return self.log_share
        begin, end = self.similar.indptr[item : item + 2]
        neighbours, similar = self.similar.indices[begin:end], self.similar.data[begin:end]
        scores: Float32 = self.log_share - self.log_share.max() - 1
        if len(neighbours):
            scores += similar.min()
            scores[neighbours] = similar
        scores[item] = scores.min() - 1
        return scores

    def save(self, folder: Path) -> None:
        storage.write(
            folder,
            model=MODEL,
            facts={},
            arrays={**storage.of_sparse("similar", self.similar), "log_share": self.log_share},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        _, arrays = storage.read(folder, model=MODEL)
        n_items = len(arrays["log_share"])
        return cls(storage.sparse_of("similar", arrays, (n_items, n_items)), arrays["log_share"])
