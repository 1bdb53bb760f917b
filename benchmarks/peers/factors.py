"""Peers by matrix factorization, from the library implicit: ALS and BPR."""

from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.peers.histories import history_row, interaction_matrix
from benchmarks.quality.child import Trained
from personalize_local.engine.base.data import Events, Float32, History, Int32


def als(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    factors: int,
    penalty: float,
    alpha: float,
    iterations: int = 20,
) -> Trained:
    """Implicit ALS (Hu, Koren, Volinsky, ICDM 2008). A user's factors are computed from the history up to now."""
    # One thread: at every question the others would wait for each other longer than the answer takes.
    model = AlternatingLeastSquares(
        factors=factors, regularization=penalty, alpha=alpha, iterations=iterations, num_threads=1, random_state=seed
    )
    with threadpool_limits(1, "blas"):
        model.fit(interaction_matrix(training), show_progress=False)

    def score(user: int, history: History) -> Float32:
        known = sparse.csr_matrix(history_row(history, training.n_items, None))
        scores: Float32 = model.item_factors @ model.recalculate_user(0, known)
        return scores

    return Trained(score)


def bpr(
    training: Events,
    asked: Int32,
    validation: Int32,
    *,
    seed: int,
    factors: int,
    learning_rate: float,
    penalty: float,
    iterations: int,
) -> Trained:
    """BPR (Rendle et al., UAI 2009). A user's factors are those of the training: it cannot fold in new events."""
    model = BayesianPersonalizedRanking(
        factors=factors, learning_rate=learning_rate, regularization=penalty, iterations=iterations, random_state=seed
    )
    with threadpool_limits(1, "blas"):
        model.fit(interaction_matrix(training), show_progress=False)

    def score(user: int, history: History) -> Float32:
        scores: Float32 = model.item_factors @ model.user_factors[user]
        return scores

    return Trained(score)
