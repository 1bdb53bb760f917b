"""Offline metrics of user segmentation as Amazon Personalize defines and names them, on its hold-out.

Developer guide, "Evaluating a solution version with metrics": of each user the oldest 80 % of the interactions train
the model, the newest 20 % test it; a segment is the one percent of the users with the highest scores.
"""

import numpy as np

from personalize_local.engine.base.data import Catalogue, Events, Indices
from personalize_local.engine.base.prefixes import positions
from personalize_local.engine.base.shares import attribute_columns
from personalize_local.engine.recommenders.segments import SegmentModel

_TRAINING_SHARE = 0.8
_SEGMENT_SHARE = 0.01
_MAX_QUERIES = 500


def segment_metrics(
    model_class: type[SegmentModel],
    events: Events,
    catalogue: Catalogue,
    *,
    by_attribute: bool,
    seed: int = 0,
    **hyperparameters: float,
) -> dict[str, float]:
    """The documented metrics of a segmentation model of this class, trained on the training events of the hold-out.

    Keys: coverage (the share of users who are in at least one segment), hits_at_1_percent (the number of users of a
    segment who then interacted with its items, mean over the queries) and recall_at_1_percent (their share of all users
    who did, 0..1), rounded to four digits. Queries are the items of the test events, or with `by_attribute` the values
    of attributes, at most 500 drawn by `seed`. All are 0 without a test event.
    """
    training, test = hold_out(events)
    model = model_class.fit(training, catalogue, seed=seed, **hyperparameters)
    size = max(1, round(_SEGMENT_SHARE * events.n_users))
    hits, recalls = [], []
    reached = np.zeros(events.n_users, bool)
    queries = _queries(test, catalogue, by_attribute=by_attribute)
    for number in np.random.default_rng(seed).permutation(len(queries))[:_MAX_QUERIES]:
        items = queries[number]
        relevant = np.unique(test.user[np.isin(test.item, items)])
        if not len(relevant):
            continue
        segment = np.argsort(-model.affinity(items), kind="stable")[:size]
        reached[segment] = True
        hits.append(len(np.intersect1d(segment, relevant)))
        recalls.append(hits[-1] / len(relevant))
    values = {
        "coverage": reached.mean() if len(reached) else 0.0,
        "hits_at_1_percent": np.mean(hits) if hits else 0.0,
        "recall_at_1_percent": np.mean(recalls) if recalls else 0.0,
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def hold_out(events: Events) -> tuple[Events, Events]:
    """The oldest 80 % of each user's events of positive weight, and the newest 20 %."""
    ordered = events.of(events.weight > 0).in_order()
    counts = np.bincount(ordered.user, minlength=events.n_users)
    first = positions(ordered) < np.ceil(_TRAINING_SHARE * counts)[ordered.user]
    return ordered.of(first), ordered.of(~first)


def _queries(test: Events, catalogue: Catalogue, *, by_attribute: bool) -> list[Indices]:
    """For each query its items."""
    if not by_attribute:
        return [np.array([item], np.intp) for item in np.unique(test.item)]
    columns = attribute_columns(catalogue)[0].tocsc()
    return [
        columns.indices[columns.indptr[one] : columns.indptr[one + 1]].astype(np.intp)
        for one in range(columns.shape[1])
    ]
