"""The peer by nearest neighbours, from the library implicit: item-kNN."""

import numpy as np
from implicit.nearest_neighbours import BM25Recommender, TFIDFRecommender
from scipy import sparse

from benchmarks.peers.histories import history_row, interaction_matrix
from benchmarks.quality.child import Trained
from personalize_local.engine.base.data import Events, Float32, History, Int32

_SIMILARITIES = {"tf-idf": TFIDFRecommender, "bm25": BM25Recommender}


def item_knn(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    similarity: str,
    neighbours: int,
    memory: float | None = None,
) -> Trained:
    """Each item of the history adds to the scores of its nearest neighbours; with a memory old items add less."""
    model = _SIMILARITIES[similarity](K=neighbours)
    model.fit(interaction_matrix(training), show_progress=False)
    similar = sparse.csr_matrix(model.similarity).T.tocsr()

    def score(user: int, history: History) -> Float32:
        query = history_row(history, training.n_items, memory)
        scores: Float32 = np.asarray(similar @ query, np.float32)
        return scores

    return Trained(score)
